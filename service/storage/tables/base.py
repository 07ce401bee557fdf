"""What all tables share: the base class, times in UTC, identifiers, and the organisation of each row."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, ForeignKey, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

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


class Base(DeclarativeBase):
    """Base class of the tables."""


class OrganisationRow:
    """A row that belongs to an organisation; sessions of another never see it (`SessionFactory.of`)."""

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))


def new_id() -> str:
    """Returns a random identifier of 32 hexadecimal digits, which cannot be guessed."""
    return uuid.uuid4().hex
