"""The queries on the audit trail, named for what they return."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import AuditEvent

# Rows that are in memory at a time when a whole table is read.
_ROWS_AT_ONCE = 500


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
