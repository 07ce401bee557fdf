"""The queries on events, named for what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ..tables import Event

# Databases bound the parts of one query.
_ORGANISATIONS_AT_ONCE = 100


class EventRepository:
    """The event log of an organisation: it has no gaps from the oldest event that is kept to the newest."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def last_sequence(self, organisation_id: str) -> int:
        """Returns the number of the newest event, 0 if there is none."""
        query = sa.select(sa.func.max(Event.sequence)).where(Event.organisation_id == organisation_id)
        return self._session.scalar(query) or 0

    def first_sequence(self, organisation_id: str) -> int:
        """Returns the number of the oldest event that is kept, 0 if there is none."""
        query = sa.select(sa.func.min(Event.sequence)).where(Event.organisation_id == organisation_id)
        return self._session.scalar(query) or 0

    def last_sequences(self, organisation_ids: Sequence[str]) -> Mapping[str, int]:
        """Returns the number of the newest event of each organisation; one without events is missing."""
        found: dict[str, int] = {}
        for start in range(0, len(organisation_ids), _ORGANISATIONS_AT_ONCE):
            # One look at the index each; grouping would read every event.
            parts = [
                sa.select(sa.literal(name), sa.func.max(Event.sequence)).where(Event.organisation_id == name)
                for name in organisation_ids[start : start + _ORGANISATIONS_AT_ONCE]
            ]
            rows = self._session.execute(sa.union_all(*parts))
            found.update({str(name): int(newest) for name, newest in rows if newest is not None})
        return found

    def add_events(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts events, which must already be numbered."""
        self._session.execute(sa.insert(Event), [dict(row) for row in rows])

    def after(
        self,
        sequence: int,
        *,
        organisation_id: str,
        cohort_id: str | None = None,
        kinds: Sequence[str] | None = None,
        limit: int = 500,
    ) -> Sequence[Event]:
        """Returns up to `limit` events after a number, of one cohort and of some kinds if these are given, in order."""
        query = sa.select(Event).where(Event.organisation_id == organisation_id, Event.sequence > sequence)
        if cohort_id:
            query = query.where(Event.cohort_id == cohort_id)
        if kinds is not None:
            query = query.where(Event.kind.in_(kinds))
        return self._session.scalars(query.order_by(Event.sequence).limit(limit)).all()

    def first_since(self, moment: datetime, *, organisation_id: str) -> int | None:
        """Returns the number of the first event at or after a moment."""
        query = sa.select(sa.func.min(Event.sequence)).where(
            Event.organisation_id == organisation_id, Event.at >= moment
        )
        return self._session.scalar(query)

    def organisations_with_older(self, moment: datetime, *, limit: int) -> Sequence[str]:
        """Returns organisations that have events older than a moment, their newest event not counted."""
        newer = aliased(Event)
        has_newer = sa.exists().where(newer.organisation_id == Event.organisation_id, newer.sequence > Event.sequence)
        old = sa.select(Event.organisation_id).where(Event.at < moment, has_newer).order_by(Event.at).limit(limit)
        return self._session.scalars(sa.select(old.subquery().c.organisation_id).distinct()).all()

    def delete_before(self, sequence: int, *, organisation_id: str, limit: int) -> int:
        """Deletes events before a number, the oldest first, at most `limit`; returns how many."""
        until = min(sequence, self.first_sequence(organisation_id) + limit)
        deleted = self._session.execute(
            sa.delete(Event).where(Event.organisation_id == organisation_id, Event.sequence < until)
        )
        return cast("sa.CursorResult[Any]", deleted).rowcount
