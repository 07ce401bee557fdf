"""Leases: the right of one worker to write the result of a grading, until the lease expires or moves on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..errors import LostLease
from ..storage import clock
from ..storage.tables import Grading, State


@dataclass(frozen=True)
class Lease:
    """The right to write the result of one grading, and what is needed to grade it.

    Every claim increments the grading's `fencing_token`, so that a lease with an older one cannot write any more.
    """

    grading_id: str
    organisation_id: str
    fencing_token: int
    answer: str
    candidate: str | None
    feedback_language: str | None
    cohort_id: str | None
    created_at: datetime
    request_id: str | None
    trace_parent: str | None


@dataclass(frozen=True)
class Batch:
    """The leases that a worker claimed together, all of one rubric version."""

    rubric_document: dict[str, Any]
    leases: tuple[Lease, ...]


def build_batch(gradings: Sequence[Grading]) -> Batch:
    """Builds the batch for leased gradings; there is at least one, and all have one rubric version."""
    leases = tuple(
        Lease(
            grading_id=grading.id,
            organisation_id=grading.organisation_id,
            fencing_token=grading.fencing_token,
            answer=grading.submission.answer,
            candidate=grading.submission.candidate,
            feedback_language=grading.submission.feedback_language,
            cohort_id=grading.cohort_id,
            created_at=grading.created_at,
            request_id=grading.request_id,
            trace_parent=grading.trace_parent,
        )
        for grading in gradings
    )
    return Batch(rubric_document=gradings[0].rubric_version.document, leases=leases)


def update_leased(lease: Lease) -> sa.Update:
    """Builds an update of the grading that changes no row once the lease is lost.

    Objects that the session has already loaded are not refreshed.
    """
    return (
        sa.update(Grading)
        .where(
            Grading.id == lease.grading_id,
            Grading.fencing_token == lease.fencing_token,
            Grading.state == State.RUNNING,
        )
        .execution_options(synchronize_session=False)
    )


def finish_leased(session: Session, lease: Lease, *, state: State, reason: str | None, detail: str | None) -> bool:
    """Finishes a grading if its lease still holds; returns whether it did."""
    written = session.execute(
        update_leased(lease).values(
            state=state,
            reason=reason,
            detail=detail,
            provisional=None,
            lease_owner=None,
            lease_until=None,
            not_before=None,
            updated_at=clock.now(),
        )
    )
    return bool(written.rowcount == 1)  # type: ignore[attr-defined]


def requeue_leased(session: Session, lease: Lease, delay_seconds: float, **values: Any) -> bool:
    """Requeues a grading if its lease still holds; returns whether it did."""
    moment = clock.now()
    written = session.execute(
        update_leased(lease).values(
            state=State.QUEUED,
            attempt=Grading.attempt - 1,
            lease_owner=None,
            lease_until=None,
            not_before=moment + timedelta(seconds=delay_seconds) if delay_seconds else None,
            updated_at=moment,
            **values,
        )
    )
    return bool(written.rowcount == 1)  # type: ignore[attr-defined]


def build_lost_lease(lease: Lease) -> LostLease:
    """Builds the error of a result that came too late."""
    return LostLease(f"grading {lease.grading_id}: fencing token {lease.fencing_token} is not the newest")
