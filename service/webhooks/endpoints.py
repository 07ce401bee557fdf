"""Changes of webhook endpoints. Each function works inside the caller's transaction and is recorded in the audit trail.

enabled → disabled    by a caller, by a receiver that is gone (410), or after five days of failure
disabled → enabled    by a caller; what was missed is sent then, unless the caller does not want it
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .. import audit
from ..audit import Kind
from ..errors import EventsGone, IdempotencyMismatch, WrongState
from ..events.log import EventKind, append_event
from ..storage import clock
from ..storage.repositories import DeliveryRepository, EndpointRepository, EventRepository
from ..storage.tables import WebhookDelivery, WebhookEndpoint, new_id
from .secrets import is_newest, make_secret, read_secrets, rotate_secret

MAX_ENDPOINTS = 50
SYSTEM = "system"


@dataclass(frozen=True)
class EndpointFields:
    """What a caller chooses of an endpoint; `kinds` None for all events."""

    url: str
    description: str | None
    kinds: Sequence[str] | None


def create(
    session: Session,
    fields: EndpointFields,
    key: str,
    *,
    organisation_id: str,
    actor: str,
    idempotency_key: str | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Stores an endpoint that gets the events from now on; returns it and its secret.

    Repeated with the same idempotency key, it returns what the first call stored. Raises IdempotencyMismatch if that
    was something else, and WrongState if the organisation has too many endpoints.
    """
    endpoint_id = _derive_id(organisation_id, idempotency_key) if idempotency_key else new_id()
    if (found := session.get(WebhookEndpoint, endpoint_id)) is not None:
        return _repeat(found, fields, key)
    if EndpointRepository(session).count() >= MAX_ENDPOINTS:
        raise WrongState(f"There are {MAX_ENDPOINTS} webhooks already: delete one first.")
    stored, secret = make_secret(endpoint_id, key)
    moment = clock.now()
    endpoint = WebhookEndpoint(
        id=endpoint_id,
        organisation_id=organisation_id,
        url=fields.url,
        description=fields.description,
        kinds=list(fields.kinds) if fields.kinds is not None else None,
        secrets=[stored],
        state="enabled",
        position=EventRepository(session).last_sequence(organisation_id),
        revision=1,
        created_at=moment,
        updated_at=moment,
    )
    try:
        with session.begin_nested():
            session.add(endpoint)
            session.flush()
    except IntegrityError:
        # The same request at the same time was first.
        return _repeat(session.get_one(WebhookEndpoint, endpoint_id), fields, key)
    _record(session, endpoint, Kind.WEBHOOK_CREATED, actor)
    return endpoint, secret


def _derive_id(organisation_id: str, idempotency_key: str) -> str:
    return hashlib.sha256(f"webhook {organisation_id} {idempotency_key}".encode()).hexdigest()[:32]


def _repeat(found: WebhookEndpoint, fields: EndpointFields, key: str) -> tuple[WebhookEndpoint, str]:
    kinds = list(fields.kinds) if fields.kinds is not None else None
    if found.revision != 1 or (found.url, found.description, found.kinds) != (fields.url, fields.description, kinds):
        raise IdempotencyMismatch("The Idempotency-Key was used for another webhook: use a new key.")
    return found, read_secrets(found, key)[0]


def edit(session: Session, endpoint: WebhookEndpoint, fields: EndpointFields, *, actor: str) -> None:
    """Changes what a caller may choose."""
    endpoint.url, endpoint.description = fields.url, fields.description
    endpoint.kinds = list(fields.kinds) if fields.kinds is not None else None
    _touch(endpoint)
    _record(session, endpoint, Kind.WEBHOOK_CHANGED, actor)


def rotate(
    session: Session,
    endpoint: WebhookEndpoint,
    key: str,
    *,
    idempotency_key: str | None,
    overlap: timedelta,
    actor: str,
) -> str:
    """Gives an endpoint a new secret and returns it; a repeated call with the same idempotency key changes nothing."""
    salt = hashlib.sha256(f"{endpoint.id} {idempotency_key or new_id()}".encode()).hexdigest()[:32]
    is_repeated = is_newest(endpoint, salt)
    secret = rotate_secret(endpoint, key, salt=salt, overlap=overlap)
    if not is_repeated:
        _touch(endpoint)
        _record(session, endpoint, Kind.WEBHOOK_SECRET_ROTATED, actor)
    return secret


def is_rotated(endpoint: WebhookEndpoint, idempotency_key: str | None) -> bool:
    """Returns whether a rotation with this idempotency key is the last that was made."""
    if idempotency_key is None:
        return False
    return is_newest(endpoint, hashlib.sha256(f"{endpoint.id} {idempotency_key}".encode()).hexdigest()[:32])


def enable(session: Session, endpoint: WebhookEndpoint, *, replay: bool, actor: str) -> None:
    """Enables an endpoint. With `replay` it gets what it missed since it began to fail, else only what comes now.

    Enabling twice changes nothing.
    """
    if endpoint.state == "enabled":
        return
    deliveries, moment = DeliveryRepository(session), clock.now()
    if replay:
        # Deliveries that wait are tried anew, and so are those that failed while the endpoint did.
        since = endpoint.failing_since or endpoint.updated_at
        is_missed = sa.or_(WebhookDelivery.state == "pending", WebhookDelivery.updated_at >= since)
        deliveries.try_again(endpoint.id, moment, is_missed)
    else:
        endpoint.position = EventRepository(session).last_sequence(endpoint.organisation_id)
        deliveries.give_up(endpoint.id, moment, error="the webhook was disabled, and enabled without a replay")
    endpoint.state, endpoint.disabled_reason, endpoint.failing_since = "enabled", None, None
    _touch(endpoint)
    _record(session, endpoint, Kind.WEBHOOK_ENABLED, actor, replay=replay)


def disable(session: Session, endpoint: WebhookEndpoint, *, reason: str, code: str, actor: str = SYSTEM) -> None:
    """Disables an endpoint, for a reason in a sentence and as a code. Disabling twice changes nothing."""
    if endpoint.state == "disabled":
        return
    endpoint.state, endpoint.disabled_reason = "disabled", reason
    _touch(endpoint)
    _record(session, endpoint, Kind.WEBHOOK_DISABLED, actor, reason=code)
    append_event(
        session,
        EventKind.WEBHOOK_DISABLED,
        subject_id=endpoint.id,
        organisation_id=endpoint.organisation_id,
        data={"webhook_id": endpoint.id, "reason": code},
    )


def replay(
    session: Session, endpoint: WebhookEndpoint, *, after: int | None, since: datetime | None, actor: str
) -> int:
    """Sends again what an endpoint has not got of the events after a number, or since a time; returns the number.

    Raises WrongState if it is disabled, and EventsGone if events after `after` are no longer kept.
    """
    if endpoint.state == "disabled":
        raise WrongState("The webhook is disabled: enable it first.")
    events = EventRepository(session)
    oldest = events.first_sequence(endpoint.organisation_id)
    newest = events.last_sequence(endpoint.organisation_id)
    if since is not None:
        first = events.first_since(since, organisation_id=endpoint.organisation_id)
        after = newest if first is None else first - 1
    assert after is not None
    if after < oldest - 1:
        raise EventsGone(f"Events up to {oldest - 1} are no longer kept: replay with after={oldest - 1}.")
    # Events that were taken before get no second delivery.
    endpoint.position = min(endpoint.position, after)
    is_missed = sa.and_(WebhookDelivery.state == "failed", WebhookDelivery.sequence > after)
    DeliveryRepository(session).try_again(endpoint.id, clock.now(), is_missed)
    _record(session, endpoint, Kind.WEBHOOK_REPLAYED, actor, after=after)
    return after


def ping(session: Session, endpoint: WebhookEndpoint) -> None:
    """Adds an event that is sent to this endpoint only. Raises WrongState if it is disabled."""
    if endpoint.state == "disabled":
        raise WrongState("The webhook is disabled: enable it first.")
    append_event(
        session,
        EventKind.PING,
        subject_id=endpoint.id,
        organisation_id=endpoint.organisation_id,
        data={"webhook_id": endpoint.id},
    )


def delete(session: Session, endpoint: WebhookEndpoint, *, actor: str) -> None:
    """Deletes an endpoint and its deliveries."""
    _record(session, endpoint, Kind.WEBHOOK_DELETED, actor)
    DeliveryRepository(session).delete_of(endpoint.id)
    session.delete(endpoint)


def _touch(endpoint: WebhookEndpoint) -> None:
    endpoint.revision += 1
    endpoint.updated_at = clock.now()


def _record(session: Session, endpoint: WebhookEndpoint, kind: Kind, actor: str, **details: object) -> None:
    # The path of a URL may be a secret.
    host = httpx2.URL(endpoint.url).host
    audit.append_event(
        session,
        kind=kind,
        subject=endpoint.id,
        details={"host": host, **details},
        organisation_id=endpoint.organisation_id,
        actor=actor,
    )
