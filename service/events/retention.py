"""Deletes old events. What is left of a log has no gaps, and its newest event always stays."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from ..storage import clock
from ..storage.repositories import DeliveryRepository, EventRepository


def delete_old_events(session: Session, *, days: float, limit: int) -> int:
    """Deletes events older than `days` with their deliveries, at most `limit` of an organisation; returns how many."""
    events, deliveries = EventRepository(session), DeliveryRepository(session)
    moment = clock.now() - timedelta(days=days)
    deleted = 0
    for organisation_id in events.organisations_with_older(moment, limit=limit):
        newest = events.last_sequence(organisation_id)
        first_kept = events.first_since(moment, organisation_id=organisation_id) or newest
        deleted += events.delete_before(min(first_kept, newest), organisation_id=organisation_id, limit=limit)
        deliveries.delete_before(events.first_sequence(organisation_id), organisation_id=organisation_id)
    return deleted
