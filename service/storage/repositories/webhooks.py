"""The queries on webhook endpoints and deliveries, named for what they return."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import Event, WebhookDelivery, WebhookEndpoint


class EndpointRepository:
    """Webhook endpoints."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def count(self) -> int:
        """Returns the number of endpoints that the session sees."""
        return self._session.scalar(sa.select(sa.func.count()).select_from(WebhookEndpoint)) or 0

    def counts_by_health(self) -> Mapping[str, int]:
        """Returns the number of endpoints that are working, failing (the last try failed) and disabled."""
        health = sa.case(
            (WebhookEndpoint.state == "disabled", "disabled"),
            (WebhookEndpoint.failing_since.is_not(None), "failing"),
            else_="working",
        )
        found = self._session.execute(sa.select(health, sa.func.count()).group_by(health))
        return {**dict.fromkeys(("working", "failing", "disabled"), 0), **{str(row[0]): int(row[1]) for row in found}}

    def newest(self, *, limit: int, after: Sequence[Any] | None) -> Sequence[WebhookEndpoint]:
        """Returns endpoints, the newest first, after one with this time and id."""
        query = sa.select(WebhookEndpoint).order_by(WebhookEndpoint.created_at.desc(), WebhookEndpoint.id.desc())
        if after is not None:
            place = sa.tuple_(WebhookEndpoint.created_at, WebhookEndpoint.id)
            query = query.where(place < sa.tuple_(*after))
        return self._session.scalars(query.limit(limit)).all()

    def next_behind(self, *, lock: bool) -> WebhookEndpoint | None:
        """Returns an enabled endpoint for which events wait to be taken; `lock` skips those that others hold."""
        waits = sa.exists().where(
            Event.organisation_id == WebhookEndpoint.organisation_id, Event.sequence > WebhookEndpoint.position
        )
        query = sa.select(WebhookEndpoint).where(WebhookEndpoint.state == "enabled", waits).limit(1)
        return self._session.scalar(query.with_for_update(skip_locked=True) if lock else query)

    def mark_failing(self, endpoint_id: str, now: datetime) -> None:
        """Notes since when an endpoint fails, unless it did before."""
        self._session.execute(
            sa.update(WebhookEndpoint)
            .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.failing_since.is_(None))
            .values(failing_since=now)
        )

    def mark_working(self, endpoint_id: str) -> None:
        """Notes that an endpoint no longer fails."""
        self._session.execute(
            sa.update(WebhookEndpoint)
            .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.failing_since.is_not(None))
            .values(failing_since=None)
        )


class DeliveryRepository:
    """Deliveries of events to webhook endpoints."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def count_pending(self) -> int:
        """Returns the number of deliveries that are still to be made."""
        pending = sa.select(sa.func.count()).select_from(WebhookDelivery).where(WebhookDelivery.state == "pending")
        return self._session.scalar(pending) or 0

    def sequences_among(self, endpoint_id: str, sequences: Collection[int]) -> set[int]:
        """Returns those of the sequences for which an endpoint has a delivery."""
        query = sa.select(WebhookDelivery.sequence).where(
            WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.sequence.in_(sequences)
        )
        return set(self._session.scalars(query))

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts deliveries."""
        self._session.execute(sa.insert(WebhookDelivery), [dict(row) for row in rows])

    def endpoints_due(self, now: datetime) -> Sequence[str]:
        """Returns the enabled endpoints that have a delivery whose time has come."""
        query = (
            sa.select(WebhookDelivery.endpoint_id)
            .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
            .where(*self._is_due(now), WebhookEndpoint.state == "enabled")
            .distinct()
        )
        return self._session.scalars(query).all()

    def due(self, endpoint_id: str, now: datetime, *, limit: int) -> Sequence[WebhookDelivery]:
        """Returns deliveries of an endpoint whose time has come, the earliest first, and locks them."""
        query = (
            sa.select(WebhookDelivery)
            .where(WebhookDelivery.endpoint_id == endpoint_id, *self._is_due(now))
            .order_by(WebhookDelivery.next_at, WebhookDelivery.sequence)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return self._session.scalars(query).all()

    def newest(
        self, endpoint_id: str, *, state: str | None, limit: int, before: int | None
    ) -> Sequence[WebhookDelivery]:
        """Returns deliveries of an endpoint, the newest event first, before a sequence."""
        query = sa.select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
        if state is not None:
            query = query.where(WebhookDelivery.state == state)
        if before is not None:
            query = query.where(WebhookDelivery.sequence < before)
        return self._session.scalars(query.order_by(WebhookDelivery.sequence.desc()).limit(limit)).all()

    def try_again(self, endpoint_id: str, now: datetime, *condition: sa.ColumnElement[bool]) -> int:
        """Gives deliveries of an endpoint that were not made all their tries anew; returns how many."""
        changed = self._session.execute(
            sa.update(WebhookDelivery)
            .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state != "delivered", *condition)
            .values(state="pending", attempt=0, next_at=now, lease_owner=None, updated_at=now)
        )
        return cast("sa.CursorResult[Any]", changed).rowcount

    def give_up(self, endpoint_id: str, now: datetime, *, error: str) -> int:
        """Ends the deliveries of an endpoint that still wait as failed; returns how many."""
        changed = self._session.execute(
            sa.update(WebhookDelivery)
            .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == "pending")
            .values(state="failed", next_at=None, lease_owner=None, error=error, updated_at=now)
        )
        return cast("sa.CursorResult[Any]", changed).rowcount

    def delete_before(self, sequence: int, *, organisation_id: str) -> None:
        """Deletes the deliveries of events before a number."""
        self._session.execute(
            sa.delete(WebhookDelivery).where(
                WebhookDelivery.organisation_id == organisation_id, WebhookDelivery.sequence < sequence
            )
        )

    def delete_of(self, endpoint_id: str) -> None:
        """Deletes the deliveries of an endpoint."""
        self._session.execute(sa.delete(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id))

    def _is_due(self, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
        return (WebhookDelivery.state == "pending", WebhookDelivery.next_at <= now)
