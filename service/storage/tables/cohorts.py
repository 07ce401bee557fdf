"""The tables of cohorts: many answers that are graded as one piece of work."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, OrganisationRow, UtcDateTime, new_id


class CohortState(StrEnum):
    """The states of a cohort."""

    DRAFT = "draft"
    VALIDATED = "validated"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    BUDGET_STOPPED = "budget_stopped"

    @property
    def ended(self) -> bool:
        """Whether nothing of the cohort is graded any more, unless it is resumed."""
        return self in {
            CohortState.FINISHED,
            CohortState.CANCELLED,
            CohortState.EXPIRED,
            CohortState.BUDGET_STOPPED,
        }


FIRST_REVISION = 1


class Cohort(OrganisationRow, Base):
    """A cohort, its limits and what it has used.

    `options` has what the caller chose (`open`, `feedback_language`, `pass_mark`, `metadata`), `mapping` which columns
    of a file became which fields. A call of the judge is reserved at its maximum before it is made: `reserved_calls`
    and `reserved_cost` are what running work may still use, `used_calls` and `used_cost` what is known to be used.
    `revision` counts edits by callers, for ETags.
    """

    __tablename__ = "cohort"
    __table_args__ = (Index("ix_cohort_state", "state"), Index("ix_cohort_created", "organisation_id", "created_at"))
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[CohortState] = mapped_column(String(16))
    end_reason: Mapped[str | None] = mapped_column(Text)
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    mapping: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    max_calls: Mapped[int | None]
    max_cost: Mapped[float | None]
    finish_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reserved_calls: Mapped[int] = mapped_column(default=0)
    reserved_cost: Mapped[float] = mapped_column(default=0.0)
    used_calls: Mapped[int] = mapped_column(default=0)
    used_cost: Mapped[float] = mapped_column(default=0.0)
    revision: Mapped[int] = mapped_column(default=FIRST_REVISION)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CohortItem(OrganisationRow, Base):
    """An answer of a cohort. `external_id` is the caller's own id of it, unique in the cohort.

    An answer that is sent again and has changed becomes the next `version`, with a grading of its own; `content_hash`
    covers all that decides the grade. `earlier` has version, submission_id and grading_id of those before, the oldest
    first. `row` is the row of the file, from 1 for the heading.
    """

    __tablename__ = "cohort_item"
    __table_args__ = (
        UniqueConstraint("cohort_id", "external_id", name="uq_cohort_item_external"),
        Index("ix_cohort_item_grading", "grading_id"),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    cohort_id: Mapped[str] = mapped_column(ForeignKey("cohort.id"))
    external_id: Mapped[str] = mapped_column(String(200))
    row: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1)
    candidate: Mapped[str | None] = mapped_column(String(200))
    question_id: Mapped[str] = mapped_column(String(64))
    content_hash: Mapped[str] = mapped_column(String(64))
    submission_id: Mapped[str] = mapped_column(ForeignKey("submission.id"))
    rubric_version_id: Mapped[str] = mapped_column(ForeignKey("rubric_version.id"))
    grading_id: Mapped[str | None] = mapped_column(ForeignKey("grading.id"))
    earlier: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    rubric_source: Mapped[Literal["bank", "own"] | None] = mapped_column(String(8))
    # `metadata` is taken by SQLAlchemy.
    caller_metadata: Mapped[dict[str, str] | None] = mapped_column("metadata", JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CohortFile(OrganisationRow, Base):
    """A file of answers that was uploaded for a cohort, with the report of its validation.

    `reading` has the encoding and the sheet that the caller named, `items` the answers that can be graded (JSON,
    compressed), `applied` what became of them. `revision` counts edits by callers, for ETags.
    """

    __tablename__ = "cohort_file"
    __table_args__ = (Index("ix_cohort_file_cohort", "cohort_id"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    cohort_id: Mapped[str] = mapped_column(ForeignKey("cohort.id"))
    name: Mapped[str] = mapped_column(String(200))
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    reading: Mapped[dict[str, Any]] = mapped_column(JSON)
    mapping: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    report: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    items: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    applied: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    revision: Mapped[int] = mapped_column(default=FIRST_REVISION)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ColumnMapping(OrganisationRow, Base):
    """A mapping of columns that was saved under a name; `headings_hash` finds it again for a file with these."""

    __tablename__ = "column_mapping"
    __table_args__ = (UniqueConstraint("organisation_id", "name", name="uq_column_mapping_name"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    headings_hash: Mapped[str] = mapped_column(String(64))
    mapping: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
