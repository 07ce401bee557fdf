"""Reports and gradings for the tests of the service, made without a grader."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.types import Feedback, Flag, Provenance, Report
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import lifecycle, submission, sweeping
from vivavoce.service.gradings.leases import Batch, Lease
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, Grading, State

OTHER_ORGANISATION = "other"


class FixedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, moment: datetime = datetime(2030, 1, 1, 12, tzinfo=UTC)) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def make_report(
    *,
    score: float | None = 7.5,
    reason: UnscoredReason | None = None,
    needs_review: bool = False,
    flags: tuple[Flag, ...] = (),
) -> Report:
    """A report without criteria; it has a score unless there is a reason why not."""
    provenance = Provenance(
        engine="vllm",
        model="m",
        model_revision="1",
        prompt_hash="p",
        prompt_form="fast",
        quorum=1,
        verifier_model="v",
        verifier_revision="1",
        embedding_model="e",
        embedding_revision="1",
        combiner_version="c",
        rubric_hash="r",
        answer_hash="a",
        review_below=0.0,
        judge_calls=1,
        cached_verdicts=0,
        tokens_in=1,
        tokens_cached=0,
        tokens_out=1,
        judge_seconds=0.1,
        cost=0.0,
    )
    return Report(
        score=None if reason else score,
        points=None if reason else score,
        max_points=10.0,
        score_min=0.0,
        score_max=10.0,
        coverage=0.0 if reason else 1.0,
        confidence=0.5,
        needs_review=needs_review,
        flags=flags,
        criteria=(),
        signals={},
        contributions={},
        feedback=Feedback("en", "Good.", "Good."),
        provenance=provenance,
        unscored_reason=reason,
        unscored_detail="said so" if reason else None,
    )


def submit_answer(database: SessionFactory, rubric: Rubric, answer: str = "INT8", **more: Any) -> str:
    with database.begin() as session:
        return submission.submit(session, NewAnswer(rubric=rubric, answer=answer, **more)).grading.id


def claim_batch(
    database: SessionFactory, *, owner: str = "w", limit: int = 10, lease_seconds: float = 60
) -> Batch | None:
    with database.begin() as session:
        return lifecycle.claim(session, owner=owner, limit=limit, lease_seconds=lease_seconds)


def claim_one(database: SessionFactory, **more: Any) -> Lease:
    batch = claim_batch(database, limit=1, **more)
    assert batch
    return batch.leases[0]


def record_report(database: SessionFactory, lease: Lease, report: Report) -> State:
    with database.begin() as session:
        return lifecycle.record(session, lease, report)


def sweep_gone(database: SessionFactory, *gone: str, max_attempts: int = 3) -> sweeping.Swept:
    with database.begin() as session:
        return sweeping.sweep(session, max_attempts=max_attempts, gone=gone)


def read_grading(database: SessionFactory, grading_id: str) -> Grading:
    with database() as session:
        return lifecycle.get(session, grading_id)


def change_grading(database: SessionFactory, grading_id: str, change: Callable[..., None]) -> None:
    with database.begin() as session:
        change(session, lifecycle.get(session, grading_id))


def bring_to(database: SessionFactory, rubric: Rubric, state: State) -> tuple[str, Lease | None]:
    """A grading in a state, reached as in production, and the lease that its worker had."""
    grading_id = submit_answer(database, rubric)
    if state is State.QUEUED:
        return grading_id, None
    lease = claim_one(database)
    reports = {
        State.GRADED: make_report(),
        State.NEEDS_REVIEW: make_report(needs_review=True),
        State.FAILED: make_report(reason=UnscoredReason.PARSE),
    }
    if state in reports:
        record_report(database, lease, reports[state])
    elif state is State.DEAD:
        sweep_gone(database, "w", max_attempts=1)
    elif state is State.CANCELLED:
        change_grading(database, grading_id, lifecycle.cancel)
    assert State(read_grading(database, grading_id).state) is state
    return grading_id, lease


def audited_kinds(database: SessionFactory, subject: str) -> list[str]:
    with database() as session:
        query = sa.select(AuditEvent.kind).where(AuditEvent.subject == subject).order_by(AuditEvent.id)
        return list(session.scalars(query))


def add_organisation(database: SessionFactory, name: str = OTHER_ORGANISATION) -> None:
    with database.begin() as session:
        session.execute(sa.text(f"INSERT INTO organisation (id, created_at) VALUES ('{name}', '2020-01-01')"))
