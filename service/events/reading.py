"""Reads the event log: what came after a number, and where the log begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..errors import EventsGone, InvalidCursor
from ..storage.repositories import EventRepository
from ..storage.tables import Event


@dataclass(frozen=True)
class EventFilter:
    """Which events of an organisation a reader wants; None for all."""

    organisation_id: str
    kinds: tuple[str, ...] | None = None
    cohort_id: str | None = None


@dataclass(frozen=True)
class EventBatch:
    """Events in order. The next batch begins after `position`, which also counts events that the filter left out."""

    events: Sequence[Event]
    position: int
    has_more: bool
    oldest: int
    newest: int


def read_events(session: Session, wanted: EventFilter, after: int | None, *, limit: int) -> EventBatch:
    """Returns up to `limit` events after a number; without one, from the oldest event that is kept.

    Raises EventsGone if events after `after` are no longer kept, and InvalidCursor if the log has not got that far.
    """
    repository = EventRepository(session)
    oldest = repository.first_sequence(wanted.organisation_id)
    # Before the events: what comes meanwhile is for the next batch.
    newest = repository.last_sequence(wanted.organisation_id)
    start = max(oldest - 1, 0) if after is None else after
    _check_start(start, oldest, newest)
    found = repository.after(
        start,
        organisation_id=wanted.organisation_id,
        cohort_id=wanted.cohort_id,
        kinds=wanted.kinds,
        limit=limit + 1,
    )
    events, has_more = found[:limit], len(found) > limit
    last = events[-1].sequence if events else start
    newest = max(newest, last)
    return EventBatch(events, last if has_more else newest, has_more, oldest, newest)


def _check_start(after: int, oldest: int, newest: int) -> None:
    if after < oldest - 1:
        raise EventsGone(
            f"Events up to {oldest - 1} are no longer kept, and {after} lies before them: read the resources "
            f"themselves for what you missed, then go on with after={oldest - 1}."
        )
    if after > newest:
        raise InvalidCursor(f"The event log ends at {newest}, before your {after}: begin again without 'after'.")
