"""The tables of answers, their gradings and reports, and of the queue."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, OrganisationRow, UtcDateTime, new_id


class State(StrEnum):
    """The states of a grading."""

    QUEUED = "queued"
    RUNNING = "running"
    GRADED = "graded"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        """Whether the grading is `queued` or `running`."""
        return self in {State.QUEUED, State.RUNNING}


class RubricVersion(OrganisationRow, Base):
    """A rubric as answers were graded by it; rows are never changed."""

    __tablename__ = "rubric_version"
    __table_args__ = (UniqueConstraint("organisation_id", "content_hash", name="uq_rubric_version_content"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    question_id: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(2))
    content_hash: Mapped[str] = mapped_column(String(64))
    structure_hash: Mapped[str] = mapped_column(String(64))
    # Large, and only workers need it: see next_waiting.
    document: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Submission(OrganisationRow, Base):
    """An answer as it was submitted."""

    __tablename__ = "submission"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    candidate: Mapped[str | None] = mapped_column(String(200))
    answer: Mapped[str] = mapped_column(Text)
    answer_hash: Mapped[str] = mapped_column(String(64))
    feedback_language: Mapped[str | None] = mapped_column(String(2))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Grading(OrganisationRow, Base):
    """The work of grading one submission by one rubric version.

    Every claim increments `fencing_token`, and only the worker with the newest may write. `attempt` counts claims
    that were not released in order, `judge_attempts` those in which the judge gave no verdict although it answered
    others. `not_before` is when a delayed retry is due. `request_id` and `trace_parent` connect log lines and spans of
    the worker with the request. `provisional` has the range of the score while the judge is unavailable.
    `rubric_source` is `bank` or `own` for answers that came over HTTP, `caller_metadata` what their callers keep with
    them.
    """

    __tablename__ = "grading"
    __table_args__ = (
        Index("ix_grading_waiting", "state", "priority", "created_at"),
        Index("ix_grading_cohort", "cohort_id", "state"),
        Index("ix_grading_updated", "organisation_id", "updated_at"),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    submission_id: Mapped[str] = mapped_column(ForeignKey("submission.id"))
    rubric_version_id: Mapped[str] = mapped_column(ForeignKey("rubric_version.id"))
    state: Mapped[State] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=0)
    # Two columns have older names than their attributes.
    judge_attempts: Mapped[int] = mapped_column("unanswered", default=0)
    fencing_token: Mapped[int] = mapped_column("fence", default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(Text)
    provisional: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Without a foreign key, for which SQLite would have to copy the table.
    cohort_id: Mapped[str | None] = mapped_column(String(32))
    # `metadata` is taken by SQLAlchemy.
    caller_metadata: Mapped[dict[str, str] | None] = mapped_column("metadata", JSON(none_as_null=True))
    rubric_source: Mapped[Literal["bank", "own"] | None] = mapped_column(String(8))
    request_id: Mapped[str | None] = mapped_column(String(64))
    trace_parent: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    submission: Mapped[Submission] = relationship(lazy="joined")
    rubric_version: Mapped[RubricVersion] = relationship(lazy="joined")
    report: Mapped[Report | None] = relationship(lazy="joined")

    @property
    def is_open(self) -> bool:
        """Whether the grading is `queued` or `running`."""
        return State(self.state).open


class Report(OrganisationRow, Base):
    """The report of a grading, at most one. `document` is `graders.Report.to_dict`."""

    __tablename__ = "report"
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"), primary_key=True)
    score: Mapped[float | None] = mapped_column(Float)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EarlierReport(OrganisationRow, Base):
    """A report that went when its grading was requeued; kept for those who want to know what it said."""

    __tablename__ = "earlier_report"
    __table_args__ = (Index("ix_earlier_report_grading", "grading_id", "replaced_at"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"))
    rubric_version_id: Mapped[str] = mapped_column(ForeignKey("rubric_version.id"))
    state: Mapped[State] = mapped_column(String(16))
    score: Mapped[float | None] = mapped_column(Float)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    replaced_at: Mapped[datetime] = mapped_column(UtcDateTime)


def build_earlier_report(grading: Grading, moment: datetime) -> EarlierReport:
    """Builds what is kept of a grading's report once another takes its place; `moment` is when it does."""
    assert grading.report
    return EarlierReport(
        organisation_id=grading.organisation_id,
        grading_id=grading.id,
        rubric_version_id=grading.rubric_version_id,
        state=grading.state,
        score=grading.report.score,
        document=grading.report.document,
        created_at=grading.report.created_at,
        replaced_at=moment,
    )


class OutboxMessage(OrganisationRow, Base):
    """A notification to workers, written with its grading and deleted once a worker has seen it."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_created", "created_at"),)
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdempotencyKey(OrganisationRow, Base):
    """An idempotency key of a caller, the hash of the request it was used for, and the reply."""

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_created", "created_at"),)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    route: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    reply: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
