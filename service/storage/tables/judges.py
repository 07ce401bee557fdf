"""The tables of judges: their recorded calls and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, OrganisationRow, UtcDateTime, new_id


class JudgeCall(OrganisationRow, Base):
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


class JudgeVersion(OrganisationRow, Base):
    """A judge with the figures of one qualification run; at most one is active. See judges/versions.py."""

    __tablename__ = "judge_version"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
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
