"""The tables. Every row has its organisation, and times are in UTC."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

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
    """A time in UTC, also on SQLite, which stores no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Converts to UTC before storing."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Returns the time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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


class Base(DeclarativeBase):
    """Base class of the tables."""


def new_id() -> str:
    """Returns a random identifier of 32 hexadecimal digits, which cannot be guessed."""
    return uuid.uuid4().hex


class Organisation(Base):
    """An owner of answers; others never see them."""

    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RubricVersion(Base):
    """A rubric as answers were graded by it; rows are never changed."""

    __tablename__ = "rubric_version"
    __table_args__ = (UniqueConstraint("organisation_id", "content_hash", name="uq_rubric_version_content"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    question_id: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(2))
    content_hash: Mapped[str] = mapped_column(String(64))
    structure_hash: Mapped[str] = mapped_column(String(64))
    # Large, and only workers need it: see next_waiting.
    document: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Submission(Base):
    """An answer as it was submitted."""

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

    Every claim increments `fencing_token`, and only the worker with the newest may write. `attempt` counts claims
    that were not released in order, `judge_attempts` those in which the judge gave no verdict although it answered
    others. `not_before` is when a delayed retry is due. `request_id` and `trace_parent` connect log lines and spans of
    the worker with the request. `provisional` has the range of the score while the judge is unavailable.
    `rubric_source` is `bank` or `own` for answers that came over HTTP.
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
    # Two columns have older names than their attributes.
    judge_attempts: Mapped[int] = mapped_column("unanswered", default=0)
    fencing_token: Mapped[int] = mapped_column("fence", default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(Text)
    provisional: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
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


class Report(Base):
    """The report of a grading, at most one. `document` is `graders.Report.to_dict`."""

    __tablename__ = "report"
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    score: Mapped[float | None] = mapped_column(Float)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JudgeCall(Base):
    """A call of the judge that gave verdicts. `key` is a hash of everything that decides them.

    `request` and `reply` are the JSON that was sent and received, compressed with zlib. `form` is needed to read the
    reply. `seconds` is the duration, `cost` in the currency of the prices in the settings.
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
    """A notification to workers, written with its grading and deleted once a worker has seen it."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_created", "created_at"),)
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdempotencyKey(Base):
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


class JudgeVersion(Base):
    """A judge with the figures of one qualification run; at most one is active. See judge_versions.py."""

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
        """Whether it is the version that should grade."""
        return self.promoted_at is not None and self.retired_at is None


class AuditEvent(Base):
    """An event of the audit trail; `hash` covers all other fields, `previous_hash` included. See audit.py.

    Triggers refuse to change or delete rows.
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
