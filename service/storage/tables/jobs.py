"""The tables of background jobs and of what they make: exports and analyses."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, OrganisationRow, UtcDateTime, new_id

JobState = Literal["queued", "running", "finished", "failed"]
AnalysisState = Literal["queued", "running", "finished", "failed", "applying", "applied"]


class Job(OrganisationRow, Base):
    """Work that a worker does beside grading, such as an export. See jobs.py.

    `subject_id` names the row that the job is about. Every claim increments `fencing_token`.
    """

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_waiting", "state", "created_at"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str] = mapped_column(String(32))
    state: Mapped[JobState] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=0)
    fencing_token: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Export(OrganisationRow, Base):
    """A file of results that a job writes; its bytes are in `ExportChunk`. `sequence` is the snapshot's last event."""

    __tablename__ = "export"
    __table_args__ = (Index("ix_export_created", "organisation_id", "created_at"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    cohort_id: Mapped[str | None] = mapped_column(ForeignKey("cohort.id"))
    format: Mapped[str] = mapped_column(String(16))
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[JobState] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)
    manifest: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    sequence: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ExportChunk(OrganisationRow, Base):
    """A piece of an exported file, by its number from 0."""

    __tablename__ = "export_chunk"
    export_id: Mapped[str] = mapped_column(ForeignKey("export.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Analysis(OrganisationRow, Base):
    """What a job computed about a cohort: `kind` is `duplicates` or `regrade`, which alone can be applied."""

    __tablename__ = "analysis"
    __table_args__ = (Index("ix_analysis_cohort", "cohort_id", "kind"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    cohort_id: Mapped[str] = mapped_column(ForeignKey("cohort.id"))
    kind: Mapped[str] = mapped_column(String(32))
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[AnalysisState] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
