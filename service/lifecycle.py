"""An answer's life, all of it: submit, claim, renew, record, release, requeue.

    queued → running → graded | needs_review
    running → queued     released: the judge was out of reach, or the worker stopped
    running → failed     the judge cannot judge this answer; the reason is kept
    running → dead       its workers crashed as often as allowed

    failed, dead → queued  put back in line by a person

Each function works inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.graders import Report as GradersReport
from vivavoce.graders import UnscoredReason, answer_hash
from vivavoce.rubrics import Rubric, content_hash, structure_hash

from .errors import DraftRubric, GradingNotFound, IdempotencyMismatch, LostLease
from .storage.repositories import GradingRepository, IdempotencyRepository, RubricVersionRepository
from .storage.tables import (
    DEFAULT_ORGANISATION,
    Grading,
    IdempotencyKey,
    Report,
    RubricVersion,
    State,
    Submission,
)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class NewAnswer:
    """An answer to be graded by a rubric; `idempotency_key` makes a repeated request the same one."""

    rubric: Rubric
    answer: str
    candidate: str | None = None
    feedback_language: str | None = None
    priority: int = 0
    idempotency_key: str | None = None

    def request_hash(self) -> str:
        """SHA-256 of what was asked for."""
        parts = [
            content_hash(self.rubric),
            self.answer,
            self.candidate,
            self.feedback_language,
        ]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Lease:
    """The right to write one grading's result, for as long as `fence` is its newest."""

    grading_id: str
    fence: int
    answer: str
    feedback_language: str | None


@dataclass(frozen=True)
class Batch:
    """Gradings that a worker holds: all of one rubric version."""

    rubric_document: dict[str, Any]
    leases: tuple[Lease, ...]


def submit(session: Session, new: NewAnswer, *, organisation_id: str = DEFAULT_ORGANISATION) -> Grading:
    """Take an answer in: submission and grading, `queued`, in one transaction.

    The same idempotency key with the same request gives the grading that is there already; with
    another request it raises IdempotencyMismatch. A rubric that is a draft raises DraftRubric.
    """
    if new.rubric.status == "draft":
        raise DraftRubric(f"The rubric of '{new.rubric.question.id}' is a draft: freeze it with 'viva rubric freeze'.")
    if new.idempotency_key:
        used = IdempotencyRepository(session).by_key(new.idempotency_key, organisation_id=organisation_id)
        if used:
            if used.request_hash != new.request_hash():
                raise IdempotencyMismatch(
                    "This Idempotency-Key was used for another request: use a new key for a new answer."
                )
            return get(session, used.grading_id, organisation_id=organisation_id)
    moment = now()
    submission = Submission(
        organisation_id=organisation_id,
        candidate=new.candidate,
        answer=new.answer,
        answer_hash=answer_hash(new.answer),
        feedback_language=new.feedback_language,
        created_at=moment,
    )
    session.add(submission)
    version = _rubric_version(session, new.rubric, organisation_id=organisation_id)
    grading = Grading(
        organisation_id=organisation_id,
        submission=submission,
        rubric_version=version,
        state=State.QUEUED,
        priority=new.priority,
        created_at=moment,
        updated_at=moment,
        report=None,
    )
    session.add(grading)
    session.flush()
    if new.idempotency_key:
        session.add(
            IdempotencyKey(
                organisation_id=organisation_id,
                key=new.idempotency_key,
                request_hash=new.request_hash(),
                grading_id=grading.id,
                created_at=moment,
            )
        )
        session.flush()
    return grading


def get(session: Session, grading_id: str, *, organisation_id: str = DEFAULT_ORGANISATION) -> Grading:
    """A grading; raises GradingNotFound."""
    grading = GradingRepository(session).by_id(grading_id, organisation_id=organisation_id)
    if grading is None:
        raise GradingNotFound(f"There is no grading '{grading_id[:64]}': check the id that POST returned.")
    return grading


def claim(session: Session, *, owner: str, limit: int, lease_seconds: float, max_attempts: int) -> Batch | None:
    """Lease the next gradings in line to a worker, or None when nothing waits.

    A grading whose lease ran out `max_attempts` times is set aside as `dead` instead.
    """
    repository = GradingRepository(session)
    moment = now()
    while first := repository.next_waiting(moment):
        leases = []
        for grading in repository.waiting_like(first, now=moment, limit=limit):
            if grading.attempt >= max_attempts:
                _set_aside(grading, moment)
                continue
            grading.state = State.RUNNING
            grading.attempt += 1
            grading.fence += 1
            grading.lease_owner = owner
            grading.lease_until = moment + timedelta(seconds=lease_seconds)
            grading.updated_at = moment
            leases.append(
                Lease(
                    grading_id=grading.id,
                    fence=grading.fence,
                    answer=grading.submission.answer,
                    feedback_language=grading.submission.feedback_language,
                )
            )
        session.flush()
        if leases:
            return Batch(rubric_document=first.rubric_version.document, leases=tuple(leases))
    return None


def record(session: Session, lease: Lease, report: GradersReport) -> State:
    """Keep a report and finish its grading; raises LostLease when another worker holds it now.

    A report without a score finishes nothing as graded: the grading fails with its reason, or goes to a
    person when the judge could not show its evidence.
    """
    if report.score is None:
        assert report.unscored_reason
        # Whether an answer says what the judge could not quote from it is for a person to see.
        unsupported = report.unscored_reason is UnscoredReason.UNSUPPORTED_EVIDENCE
        state = State.NEEDS_REVIEW if unsupported else State.FAILED
    else:
        state = State.NEEDS_REVIEW if report.needs_review else State.GRADED
    _finish(
        session,
        lease,
        state=state,
        reason=report.unscored_reason.value if report.unscored_reason else None,
        detail=report.unscored_detail,
    )
    grading = session.get_one(Grading, lease.grading_id)
    session.add(
        Report(
            grading_id=lease.grading_id,
            organisation_id=grading.organisation_id,
            score=report.score,
            document=report.to_dict(),
            created_at=now(),
        )
    )
    session.flush()
    return state


def renew(session: Session, leases: Sequence[Lease], *, lease_seconds: float) -> None:
    """Hold leases for longer, because their worker is alive; one that is lost already stays lost."""
    until = now() + timedelta(seconds=lease_seconds)
    for lease in leases:
        session.execute(_held(lease).values(lease_until=until))


def requeue(session: Session, grading: Grading) -> None:
    """Grade again what failed or was set aside; anything else is left as it is."""
    if grading.state not in {State.FAILED, State.DEAD}:
        return
    if grading.report:
        session.delete(grading.report)
        grading.report = None
    grading.state = State.QUEUED
    grading.attempt = 0
    grading.reason = grading.detail = grading.not_before = None
    grading.updated_at = now()
    session.flush()


def release(
    session: Session,
    leases: Sequence[Lease],
    *,
    reason: UnscoredReason | None = None,
    detail: str | None = None,
    delay_seconds: float = 0.0,
) -> None:
    """Put gradings back in line, because the judge is out of reach or the worker stops.

    This is no fault of the answer's, so it does not use up an attempt. A lease that is lost already
    is left alone.
    """
    moment = now()
    for lease in leases:
        session.execute(
            _held(lease).values(
                state=State.QUEUED,
                attempt=Grading.attempt - 1,
                lease_owner=None,
                lease_until=None,
                not_before=moment + timedelta(seconds=delay_seconds) if delay_seconds else None,
                reason=reason.value if reason else None,
                detail=detail,
                updated_at=moment,
            )
        )


def _finish(session: Session, lease: Lease, *, state: State, reason: str | None, detail: str | None) -> None:
    written = session.execute(
        _held(lease).values(
            state=state,
            reason=reason,
            detail=detail,
            lease_owner=None,
            lease_until=None,
            not_before=None,
            updated_at=now(),
        )
    )
    if written.rowcount != 1:  # type: ignore[attr-defined]
        raise LostLease(f"grading {lease.grading_id}: fence {lease.fence} is not the newest")


def _held(lease: Lease) -> sa.Update:
    """An update of a grading that reaches it only while the lease holds."""
    return sa.update(Grading).where(
        Grading.id == lease.grading_id,
        Grading.fence == lease.fence,
        Grading.state == State.RUNNING,
    )


def _set_aside(grading: Grading, moment: datetime) -> None:
    grading.state = State.DEAD
    grading.reason = "crashed"
    grading.detail = f"its worker ended before a result was written, {grading.attempt} times"
    grading.lease_owner = None
    grading.lease_until = None
    grading.updated_at = moment


def _rubric_version(session: Session, rubric: Rubric, *, organisation_id: str) -> RubricVersion:
    found = RubricVersionRepository(session).by_content(content_hash(rubric), organisation_id=organisation_id)
    if found:
        return found
    version = RubricVersion(
        organisation_id=organisation_id,
        question_id=rubric.question.id,
        language=rubric.question.language,
        content_hash=content_hash(rubric),
        structure_hash=structure_hash(rubric),
        document=rubric.model_dump(mode="json"),
        created_at=now(),
    )
    session.add(version)
    session.flush()
    return version
