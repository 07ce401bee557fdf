"""The way of events to webhook endpoints.

    (event) → pending → delivered    the receiver answered 2xx
    pending → pending                any other answer, or none: tried again later
    pending → failed                 the last try failed, or the receiver wants no more of the message
    failed → pending                 by a replay (endpoints.py)

A try is claimed for a time. If its sender is lost, another tries again, so that a message may arrive twice and none
is lost. Each function works inside the caller's transaction.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..events.kinds import expand_kinds
from ..events.log import EventKind
from ..storage import clock
from ..storage.repositories import DeliveryRepository, EndpointRepository, EventRepository
from ..storage.tables import Event, WebhookDelivery, WebhookEndpoint, new_id
from .endpoints import disable
from .messages import name_message, write_body
from .secrets import ChangedKey, read_secrets

FAILING_DAYS = 5
_EVENTS_AT_ONCE = 500
_GONE = 410


@dataclass(frozen=True)
class RetryPlan:
    """When a message is tried: seconds before each try, each up to a tenth longer by chance, and limits of a try."""

    delays: Sequence[float] = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0)
    timeout_seconds: float = 15.0
    lease_seconds: float = 60.0


@dataclass(frozen=True)
class Attempt:
    """A claimed try of a message."""

    delivery_id: str
    endpoint_id: str
    token: str
    url: str
    secrets: Sequence[str]
    message_id: str
    body: str


@dataclass(frozen=True)
class AttemptResult:
    """What became of a try; `error` is None for a message that arrived."""

    status_code: int | None = None
    error: str | None = None
    wants_no_more: bool = False


def take_events(session: Session) -> bool:
    """Takes the next events for one endpoint as deliveries; returns whether there were any."""
    endpoint = EndpointRepository(session).next_behind(lock=True)
    if endpoint is None:
        return False
    events = EventRepository(session).after(
        endpoint.position, organisation_id=endpoint.organisation_id, limit=_EVENTS_AT_ONCE
    )
    deliveries = DeliveryRepository(session)
    wanted = [event for event in events if _is_for(endpoint, event)]
    taken = deliveries.sequences_among(endpoint.id, [event.sequence for event in wanted])
    if rows := [_make_row(endpoint, event) for event in wanted if event.sequence not in taken]:
        deliveries.add(rows)
    if events:
        endpoint.position = events[-1].sequence
    return bool(events)


def _is_for(endpoint: WebhookEndpoint, event: Event) -> bool:
    if event.kind == EventKind.PING:
        return event.subject_id == endpoint.id
    return endpoint.kinds is None or event.kind in expand_kinds(endpoint.kinds)


def _make_row(endpoint: WebhookEndpoint, event: Event) -> dict[str, object]:
    moment = clock.now()
    return {
        "id": new_id(),
        "organisation_id": endpoint.organisation_id,
        "endpoint_id": endpoint.id,
        "sequence": event.sequence,
        "kind": event.kind,
        "state": "pending",
        "attempt": 0,
        "next_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }


def claim(
    session: Session, key: str, plan: RetryPlan, *, free: int, free_of: Mapping[str, int], each: int
) -> list[Attempt]:
    """Claims up to `free` tries that are due, of each endpoint at most `each` or what `free_of` says for it."""
    repository = DeliveryRepository(session)
    endpoints = list(repository.endpoints_due(clock.now()))
    # By chance, so that none has to wait for the others for ever.
    random.shuffle(endpoints)
    attempts: list[Attempt] = []
    for endpoint_id in endpoints:
        limit = min(free - len(attempts), free_of.get(endpoint_id, each))
        if limit > 0:
            due = repository.due(endpoint_id, clock.now(), limit=limit)
            attempts += _begin_attempts(session, endpoint_id, due, key, plan)
    return attempts


def _begin_attempts(
    session: Session, endpoint_id: str, due: Sequence[WebhookDelivery], key: str, plan: RetryPlan
) -> list[Attempt]:
    endpoint = session.get_one(WebhookEndpoint, endpoint_id)
    try:
        secrets = read_secrets(endpoint, key)
    except ChangedKey:
        reason = "VIVA_SECRET has changed, and with it the secret of the webhook: rotate it, then enable the webhook."
        disable(session, endpoint, reason=reason, code="secret_changed")
        return []
    attempts = []
    until = clock.now() + timedelta(seconds=plan.lease_seconds)
    for delivery in due:
        event = session.get(Event, (endpoint.organisation_id, delivery.sequence))
        if event is None:
            delivery.state, delivery.next_at, delivery.error = "failed", None, "its event is no longer kept"
            continue
        delivery.lease_owner, delivery.next_at = new_id(), until
        message_id = name_message(endpoint_id, delivery.sequence)
        attempts.append(
            Attempt(
                delivery.id, endpoint_id, delivery.lease_owner, endpoint.url, secrets, message_id, write_body(event)
            )
        )
    return attempts


def record(session: Session, attempt: Attempt, result: AttemptResult, plan: RetryPlan) -> None:
    """Stores what became of a try; one that another sender has claimed since is left alone."""
    delivery = session.get(WebhookDelivery, attempt.delivery_id, with_for_update=True)
    if delivery is None or delivery.lease_owner != attempt.token:
        return
    moment = clock.now()
    delivery.attempt += 1
    delivery.status_code, delivery.error = result.status_code, result.error
    delivery.lease_owner, delivery.updated_at = None, moment
    if result.error is None:
        delivery.state, delivery.next_at = "delivered", None
        EndpointRepository(session).mark_working(attempt.endpoint_id)
        return
    is_last = delivery.attempt >= len(plan.delays)
    if result.wants_no_more or is_last:
        delivery.state, delivery.next_at = "failed", None
    else:
        seconds = plan.delays[delivery.attempt] * random.uniform(1.0, 1.1)
        delivery.next_at = moment + timedelta(seconds=seconds)
    if not result.wants_no_more:
        _note_failure(session, delivery, result, moment)


def _note_failure(session: Session, delivery: WebhookDelivery, result: AttemptResult, moment: datetime) -> None:
    """Disables an endpoint that is gone, or has failed for days; a first try alone says too little."""
    EndpointRepository(session).mark_failing(delivery.endpoint_id, moment)
    session.flush()
    endpoint = session.get_one(WebhookEndpoint, delivery.endpoint_id, populate_existing=True)
    if result.status_code == _GONE:
        disable(session, endpoint, reason="The receiver answered 410 Gone.", code="gone")
    elif delivery.attempt > 1 and endpoint.failing_since and moment - endpoint.failing_since >= timedelta(FAILING_DAYS):
        reason = f"Every try has failed for {FAILING_DAYS} days, the last with: {result.error}"
        disable(session, endpoint, reason=reason, code="failing")
