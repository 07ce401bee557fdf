"""The queries on the audit trail, named for what they return."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import AuditEvent

# Rows that are in memory at a time when a whole table is read.
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class AuditSearch:
    """What events to find; all that is given must hold. `until` and `before_id` are exclusive."""

    subject: str | None = None
    kind: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before_id: int | None = None


class AuditRepository:
    """The audit trail of an organisation."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read_head(self, organisation_id: str) -> tuple[int, str] | None:
        """Returns number and hash of the newest event."""
        query = (
            sa.select(AuditEvent.id, AuditEvent.hash)
            .where(AuditEvent.organisation_id == organisation_id)
            .order_by(AuditEvent.id.desc())
            .limit(1)
        )
        newest = self._session.execute(query).first()
        return (newest.id, newest.hash) if newest else None

    def add_events(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts events, which must already be chained."""
        self._session.execute(sa.insert(cast(sa.Table, AuditEvent.__table__)), rows)

    def by_id(self, organisation_id: str, event_id: int) -> AuditEvent | None:
        """Returns the event with a number."""
        return self._session.get(AuditEvent, (organisation_id, event_id))

    def after(self, organisation_id: str, event_id: int, *, limit: int) -> Sequence[AuditEvent]:
        """Returns up to `limit` events after a number, in order."""
        query = sa.select(AuditEvent).where(AuditEvent.organisation_id == organisation_id, AuditEvent.id > event_id)
        return self._session.scalars(query.order_by(AuditEvent.id).limit(limit)).all()

    def newest_first(self, organisation_id: str, search: AuditSearch, *, limit: int) -> Sequence[AuditEvent]:
        """Returns the events that a search finds, the newest first."""
        query = sa.select(AuditEvent).where(AuditEvent.organisation_id == organisation_id)
        for name in ("subject", "kind", "actor"):
            if (value := getattr(search, name)) is not None:
                query = query.where(getattr(AuditEvent, name) == value)
        if search.since:
            query = query.where(AuditEvent.at >= search.since)
        if search.until:
            query = query.where(AuditEvent.at < search.until)
        if search.before_id is not None:
            query = query.where(AuditEvent.id < search.before_id)
        return self._session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit)).all()

    def with_later_events(
        self, organisation_id: str, subjects: Sequence[str], event_id: int, *, kinds: Sequence[str]
    ) -> set[str]:
        """Returns the subjects that have an event of these kinds after a number."""
        query = sa.select(AuditEvent.subject).where(
            AuditEvent.organisation_id == organisation_id,
            AuditEvent.subject.in_(subjects),
            AuditEvent.id > event_id,
            AuditEvent.kind.in_(kinds),
        )
        return set(self._session.scalars(query.distinct()))

    def in_order(self, organisation_id: str) -> Generator[AuditEvent]:
        """Streams all events, the oldest first. Close it when you leave early."""
        query = sa.select(AuditEvent).where(AuditEvent.organisation_id == organisation_id).order_by(AuditEvent.id)
        with closing(self._session.scalars(query.execution_options(yield_per=_ROWS_AT_ONCE))) as events:
            for event in events:
                yield event
                # The session would keep every event in memory.
                self._session.expunge(event)

    def newest(self, organisation_id: str, *, subject: str | None, limit: int) -> Sequence[AuditEvent]:
        """Returns the newest events, of one subject if it is given, the oldest of them first."""
        query = sa.select(AuditEvent).where(AuditEvent.organisation_id == organisation_id)
        if subject:
            query = query.where(AuditEvent.subject == subject)
        return self._session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit)).all()[::-1]
