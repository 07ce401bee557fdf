"""The queries on events, named for what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import Event


class EventRepository:
    """The event log of an organisation."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def last_sequence(self, organisation_id: str) -> int:
        """Returns the number of the newest event, 0 if there is none."""
        query = sa.select(sa.func.max(Event.sequence)).where(Event.organisation_id == organisation_id)
        return self._session.scalar(query) or 0

    def add_events(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts events, which must already be numbered."""
        self._session.execute(sa.insert(Event), [dict(row) for row in rows])

    def after(
        self, sequence: int, *, organisation_id: str, cohort_id: str | None = None, limit: int = 500
    ) -> Sequence[Event]:
        """Returns up to `limit` events after a number, of one cohort if it is given, in order."""
        query = sa.select(Event).where(Event.organisation_id == organisation_id, Event.sequence > sequence)
        if cohort_id:
            query = query.where(Event.cohort_id == cohort_id)
        return self._session.scalars(query.order_by(Event.sequence).limit(limit)).all()
