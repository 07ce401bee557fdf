from __future__ import annotations

import sqlalchemy as sa

from vivavoce.service.gradings import sweeping
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import CohortResult, Event

from ..samples import FixedClock
from .logs import add_events

DAY = 86400


def _sweep(database: SessionFactory, times: int = 1) -> list[int]:
    for _ in range(times):
        with database.begin() as session:
            sweeping.sweep(session, max_attempts=3, event_days=30, limit=10)
    with database() as session:
        return list(session.scalars(sa.select(Event.sequence).order_by(Event.sequence)))


def test_old_events_go_the_oldest_first(both_databases: SessionFactory, fixed_clock: FixedClock) -> None:
    add_events(both_databases, 25, cohort_id="c")
    fixed_clock.advance(29 * DAY)
    add_events(both_databases, 5)
    assert _sweep(both_databases) == list(range(1, 31))
    fixed_clock.advance(2 * DAY)
    assert _sweep(both_databases) == list(range(11, 31))
    assert _sweep(both_databases, 2) == list(range(26, 31))


def test_the_newest_event_and_the_places_of_results_stay(database: SessionFactory, fixed_clock: FixedClock) -> None:
    add_events(database, 5, cohort_id="c")
    fixed_clock.advance(365 * DAY)
    assert _sweep(database, 3) == [5]
    with database() as session:
        assert len(session.scalars(sa.select(CohortResult)).all()) == 5
    add_events(database, 1)
    assert _sweep(database) == [6]
