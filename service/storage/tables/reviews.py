"""The table of people's decisions on gradings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, OrganisationRow, UtcDateTime, new_id


class Review(OrganisationRow, Base):
    """What a person decided about a grading; rows are only added, and the newest counts.

    `levels` has the level of each criterion that the person set, by its id. The machine's report stays as it is;
    `machine_score` is what it said at that time. `source` is `api` or `import`.
    """

    __tablename__ = "review"
    __table_args__ = (Index("ix_review_grading", "grading_id", "created_at"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    grading_id: Mapped[str] = mapped_column(ForeignKey("grading.id"))
    reviewer: Mapped[str] = mapped_column(String(200))
    score: Mapped[float | None] = mapped_column(Float)
    machine_score: Mapped[float | None] = mapped_column(Float)
    levels: Mapped[dict[str, Any]] = mapped_column(JSON)
    comment: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
