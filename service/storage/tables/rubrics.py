"""The tables of an organisation's own rubrics, and of answers graded by them as a test."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, OrganisationRow, UtcDateTime, new_id

RubricStatus = Literal["draft", "frozen", "retired"]


class StoredRubric(OrganisationRow, Base):
    """A version of an organisation's rubric for a question in one language.

    A draft may be edited, each time with a new `revision`; a frozen one never changes. A retired one grades no new
    answers.
    """

    __tablename__ = "rubric"
    __table_args__ = (
        UniqueConstraint("organisation_id", "question_id", "language", "version", name="uq_rubric_number"),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    question_id: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(2))
    version: Mapped[int]
    status: Mapped[RubricStatus] = mapped_column(String(16))
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    content_hash: Mapped[str | None] = mapped_column(String(64))
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    frozen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RubricTest(OrganisationRow, Base):
    """An answer that was graded by a rubric to try it out; it is no grading, and is deleted after `expires_at`.

    `document` is the rubric as it was then. The state is that of the job.
    """

    __tablename__ = "rubric_test"
    __table_args__ = (Index("ix_rubric_test_expiry", "expires_at"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    rubric_id: Mapped[str] = mapped_column(ForeignKey("rubric.id", ondelete="CASCADE"))
    revision: Mapped[int]
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    answer: Mapped[str] = mapped_column(Text)
    feedback_language: Mapped[str | None] = mapped_column(String(2))
    job_id: Mapped[str] = mapped_column(String(32))
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
