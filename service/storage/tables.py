"""The tables. Every row carries its organisation; times are UTC."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

DEFAULT_ORGANISATION = "default"


class UtcDateTime(TypeDecorator[datetime]):
    """A time with its zone, also on SQLite, which keeps none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class State(StrEnum):
    """Where a grading stands."""

    QUEUED = "queued"
    RUNNING = "running"
    GRADED = "graded"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        """Whether a grader still has to look at it."""
        return self in {State.QUEUED, State.RUNNING}


class Base(DeclarativeBase):
    """Names of constraints are fixed, so that migrations can speak of them."""


def new_id() -> str:
    """An identifier that cannot be guessed."""
    return uuid.uuid4().hex


class Organisation(Base):
    """Whose answers these are."""

    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RubricVersion(Base):
    """A rubric as it was when answers were graded by it; never changed."""

    __tablename__ = "rubric_version"
    __table_args__ = (UniqueConstraint("organisation_id", "content_hash", name="uq_rubric_version_content"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    question_id: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(2))
    content_hash: Mapped[str] = mapped_column(String(64))
    structure_hash: Mapped[str] = mapped_column(String(64))
    # Large, and wanted only by whoever grades: see next_waiting.
    document: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Submission(Base):
    """An answer as it came in."""

    __tablename__ = "submission"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    candidate: Mapped[str | None] = mapped_column(String(200))
    answer: Mapped[str] = mapped_column(Text)
    answer_hash: Mapped[str] = mapped_column(String(64))
    feedback_language: Mapped[str | None] = mapped_column(String(2))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Grading(Base):
    """The work of grading one submission by one rubric version.

    `fencing_token` rises with every claim; only the worker that holds the newest may write. `attempt` counts
    claims that did not end in order, `judge_attempts` how often the judge, though well, gave no verdict.
    `request_id` and `trace_parent` lead from the request that brought it to what became of it. `provisional` has what
    can be said of the score while the judge is away.
    """

    __tablename__ = "grading"
    __table_args__ = (Index("ix_grading_waiting", "state", "priority", "created_at"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    submission_id: Mapped[str] = mapped_column(ForeignKey("submission.id"))
    rubric_version_id: Mapped[str] = mapped_column(ForeignKey("rubric_version.id"))
    state: Mapped[State] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=0)
    judge_attempts: Mapped[int] = mapped_column("unanswered", default=0)
    fencing_token: Mapped[int] = mapped_column("fence", default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(Text)
    provisional: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    request_id: Mapped[str | None] = mapped_column(String(64))
    trace_parent: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    submission: Mapped[Submission] = relationship(lazy="joined")
    rubric_version: Mapped[RubricVersion] = relationship(lazy="joined")
    report: Mapped[Report | None] = relationship(lazy="joined")

    @property
    def is_open(self) -> bool:
        """Whether a grader still has to look at it."""
        return State(self.state).open


class Report(Base):
    """The one result of a grading."""

    __tablename__ = "report"
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    score: Mapped[float | None] = mapped_column(Float)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JudgeCall(Base):
    """A call of the judge that brought verdicts, kept by everything that decided them.

    `request` and `reply` are JSON as it was sent and received, compressed with zlib; `form` says how
    the reply is read.
    """

    __tablename__ = "judge_call"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    engine: Mapped[str] = mapped_column(String(32))
    engine_version: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(300))
    revision: Mapped[str] = mapped_column(String(300))
    prompt_name: Mapped[str] = mapped_column(String(64))
    prompt_hash: Mapped[str] = mapped_column(String(64))
    form: Mapped[dict[str, Any]] = mapped_column(JSON)
    request: Mapped[bytes] = mapped_column(LargeBinary)
    reply: Mapped[bytes] = mapped_column(LargeBinary)
    cost: Mapped[float]
    tokens_in: Mapped[int]
    tokens_cached: Mapped[int]
    tokens_out: Mapped[int]
    seconds: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OutboxMessage(Base):
    """Something to be told outside, written with the change it tells of and removed once it was heard."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_created", "created_at"),)
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdempotencyKey(Base):
    """A caller's key, so that the same request to a route is carried out once, and the reply it had."""

    __tablename__ = "idempotency"
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    route: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    reply: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JudgeVersion(Base):
    """A judge as it stood one examination; one of an organisation is active. See judge_versions.py."""

    __tablename__ = "judge_version"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    engine: Mapped[str] = mapped_column(String(200))
    engine_version: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(Text)
    revision: Mapped[str] = mapped_column(Text)
    prompt_name: Mapped[str] = mapped_column(String(64))
    prompt_hash: Mapped[str] = mapped_column(String(64))
    form: Mapped[dict[str, Any]] = mapped_column(JSON)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    promoted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_active(self) -> bool:
        """Whether it is the one that grades."""
        return self.promoted_at is not None and self.retired_at is None


class AuditEvent(Base):
    """Something that was done; `hash` covers all other fields, `previous_hash` among them. See audit.py.

    Rows are only ever added: triggers refuse everything else.
    """

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_subject", "organisation_id", "subject"),)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(200))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
