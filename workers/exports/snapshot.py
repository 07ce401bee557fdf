"""One snapshot of the database: all that is read in it is of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import EventRepository
from vivavoce.service.storage.repositories.exports import ExportRepository

_BEFORE_EVENTS = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Snapshot:
    """A session that reads as of one moment. `sequence` is the newest event, `changed_at` when results changed."""

    session: Session
    taken_at: datetime
    sequence: int
    changed_at: datetime


@contextmanager
def open_snapshot(sessions: SessionFactory, organisation_id: str) -> Iterator[Snapshot]:
    """Reads as of now until the context ends; writers do not wait for it."""
    with sessions() as session:
        # A transaction of SQLite reads one snapshot anyway.
        if session.get_bind().dialect.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        sequence = EventRepository(session).last_sequence(organisation_id)
        changed_at = ExportRepository(session).last_change(organisation_id)
        yield Snapshot(session, clock.now(), sequence, changed_at or _BEFORE_EVENTS)
