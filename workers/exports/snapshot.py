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

_BEFORE_EVENTS = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Snapshot:
    """A session that reads as of one moment. `sequence` is the newest event in it, `changed_at` its time."""

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
        repository = EventRepository(session)
        sequence = repository.last_sequence(organisation_id)
        newest = repository.after(sequence - 1, organisation_id=organisation_id, limit=1) if sequence else ()
        yield Snapshot(session, clock.now(), sequence, newest[0].at if newest else _BEFORE_EVENTS)
