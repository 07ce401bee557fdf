"""Routes for webhooks: the addresses that events are sent to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Response
from sqlalchemy.orm import Session

from ....lookup import get_own
from ....settings import Settings
from ....storage.engine import SessionFactory
from ....storage.repositories import EndpointRepository
from ....storage.tables import WebhookEndpoint
from ....webhooks import endpoints
from ....webhooks.addresses import check_url
from ....webhooks.endpoints import EndpointFields
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import SettingsDep, refuse_unknown_parameters
from ...documents.openapi import problem_replies
from ...etags import IfMatchDep, check_if_match, write_etag
from ...paging import Page, PagingDep
from ...schemas.events.webhooks import (
    ReplayPublic,
    SecretRotation,
    WebhookCreate,
    WebhookEdit,
    WebhookEnable,
    WebhookPublic,
    WebhookReplay,
    WebhookWithSecret,
)

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], dependencies=[Depends(refuse_unknown_parameters)])
_PATIENCE_SECONDS = 10.0
_LOCATION = {"Location": {"description": "Address of the webhook.", "schema": {"type": "string"}}}
_ETAG = {"ETag": {"description": "Its revision, for `If-Match`.", "schema": {"type": "string"}}}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"headers": {**_LOCATION, **_ETAG}}}
_READ: dict[int | str, dict[str, Any]] = {200: {"headers": _ETAG}}
_ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"headers": _LOCATION}}
_WebhookId = Annotated[str, Path(description="Id of the webhook.")]
_IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="A text of your choice; sent again with the same body, the request gets the same reply.",
    ),
]


@router.post("", status_code=201, summary="Create a webhook", responses=_CREATED)
def create_webhook(
    body: WebhookCreate,
    response: Response,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    caller: CallerDep,
    idempotency_key: _IdempotencyKey = None,
) -> WebhookWithSecret:
    """Creates a webhook, which gets the events from now on. The reply is the only one with its secret."""
    fields = EndpointFields(check_url(body.url, settings), body.description, body.kinds)

    def create(session: Session) -> tuple[WebhookEndpoint, str]:
        return endpoints.create(
            session,
            fields,
            _get_key(settings),
            organisation_id=caller.organisation_id,
            actor=caller.actor,
            idempotency_key=idempotency_key,
        )

    endpoint, secret = sessions.run(create, patience_seconds=_PATIENCE_SECONDS)
    response.headers["Location"] = f"{router.prefix}/{endpoint.id}"
    write_etag(response, endpoint.revision)
    return WebhookWithSecret(webhook=WebhookPublic.from_endpoint(endpoint), secret=secret)


@router.get("", summary="List webhooks")
def list_webhooks(sessions: OwnSessionsDep, paging: PagingDep) -> Page[WebhookPublic]:
    """Returns the webhooks, the newest first."""
    query = paging.read()
    after = None if query.after is None else (datetime.fromisoformat(query.after[0]), query.after[1])
    with sessions() as session:
        found = EndpointRepository(session).newest(limit=query.limit + 1, after=after)
    shown = found[: query.limit]
    last = [shown[-1].created_at.isoformat(), shown[-1].id] if len(found) > query.limit else None
    return paging.write([WebhookPublic.from_endpoint(endpoint) for endpoint in shown], last=last)


@router.get("/{webhook_id}", summary="Read a webhook", responses=_READ)
def read_webhook(webhook_id: _WebhookId, response: Response, sessions: OwnSessionsDep) -> WebhookPublic:
    """Returns a webhook without its secret, and its ETag."""
    with sessions() as session:
        endpoint = get_own(session, WebhookEndpoint, webhook_id, name="webhook")
    return _show(endpoint, response)


@router.patch("/{webhook_id}", summary="Change a webhook", responses={**_READ, **problem_replies(428)})
def edit_webhook(
    webhook_id: _WebhookId,
    body: WebhookEdit,
    response: Response,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    caller: CallerDep,
    if_match: IfMatchDep = None,
) -> WebhookPublic:
    """Changes address, description or kinds. Needs `If-Match` with the ETag that you read."""
    sent = body.model_dump(exclude_unset=True)
    if sent.get("url") is not None:
        sent["url"] = check_url(sent["url"], settings)

    def edit(session: Session, endpoint: WebhookEndpoint) -> None:
        check_if_match(if_match, endpoint.revision)
        before = {"url": endpoint.url, "description": endpoint.description, "kinds": endpoint.kinds}
        changes = {name: value for name, value in sent.items() if name != "url" or value is not None}
        endpoints.edit(session, endpoint, EndpointFields(**{**before, **changes}), actor=caller.actor)

    return _show(_change(sessions, webhook_id, edit), response)


@router.delete("/{webhook_id}", status_code=204, summary="Delete a webhook")
def delete_webhook(webhook_id: _WebhookId, sessions: OwnSessionsDep, caller: CallerDep) -> None:
    """Deletes a webhook with its deliveries; nothing more is sent to it."""
    _change(sessions, webhook_id, lambda session, endpoint: endpoints.delete(session, endpoint, actor=caller.actor))


@router.post(
    "/{webhook_id}/rotate-secret",
    summary="Replace the secret of a webhook",
    responses={**_READ, **problem_replies(428)},
)
def rotate_webhook_secret(
    webhook_id: _WebhookId,
    response: Response,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    caller: CallerDep,
    body: SecretRotation | None = None,
    if_match: IfMatchDep = None,
    idempotency_key: _IdempotencyKey = None,
) -> WebhookWithSecret:
    """Makes a new secret. Until the overlap ends, messages have two signatures, by the new and the old secret.

    Needs `If-Match`, so that a request that is sent twice does not drop the secret that your receiver knows.
    """
    overlap = timedelta(hours=(body or SecretRotation()).overlap_hours)
    secrets: list[str] = []

    def rotate(session: Session, endpoint: WebhookEndpoint) -> None:
        if not endpoints.is_rotated(endpoint, idempotency_key):
            check_if_match(if_match, endpoint.revision)
        secret = endpoints.rotate(
            session,
            endpoint,
            _get_key(settings),
            idempotency_key=idempotency_key,
            overlap=overlap,
            actor=caller.actor,
        )
        secrets[:] = [secret]

    endpoint = _change(sessions, webhook_id, rotate)
    return WebhookWithSecret(webhook=_show(endpoint, response), secret=secrets[0])


@router.post(
    "/{webhook_id}/ping",
    status_code=202,
    summary="Send a ping to a webhook",
    responses={**_ACCEPTED, **problem_replies(409)},
)
def ping_webhook(webhook_id: _WebhookId, response: Response, sessions: OwnSessionsDep) -> WebhookPublic:
    """Sends an event of the kind `ping` to this webhook only, whatever kinds it gets. See its deliveries for more."""
    endpoint = _change(sessions, webhook_id, endpoints.ping)
    response.headers["Location"] = f"{router.prefix}/{endpoint.id}/deliveries"
    return WebhookPublic.from_endpoint(endpoint)


@router.post(
    "/{webhook_id}/replay",
    status_code=202,
    summary="Send missed events again",
    responses={**_ACCEPTED, **problem_replies(409, 410)},
)
def replay_webhook(
    webhook_id: _WebhookId, body: WebhookReplay, response: Response, sessions: OwnSessionsDep, caller: CallerDep
) -> ReplayPublic:
    """Sends the events that have not arrived, after a number or since a time. Those that have arrived are left out."""
    afters: list[int] = []

    def replay(session: Session, endpoint: WebhookEndpoint) -> None:
        after = endpoints.replay(session, endpoint, after=body.after, since=body.since, actor=caller.actor)
        afters[:] = [after]

    _change(sessions, webhook_id, replay)
    response.headers["Location"] = f"{router.prefix}/{webhook_id}/deliveries"
    return ReplayPublic(after=afters[0])


@router.post("/{webhook_id}/enable", summary="Enable a webhook", responses=_READ)
def enable_webhook(
    webhook_id: _WebhookId,
    response: Response,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    body: WebhookEnable | None = None,
) -> WebhookPublic:
    """Enables a webhook; with `replay` it gets what it missed. Enabling twice changes nothing."""
    replay = (body or WebhookEnable()).replay
    endpoint = _change(
        sessions,
        webhook_id,
        lambda session, found: endpoints.enable(session, found, replay=replay, actor=caller.actor),
    )
    return _show(endpoint, response)


@router.post("/{webhook_id}/disable", summary="Disable a webhook", responses=_READ)
def disable_webhook(
    webhook_id: _WebhookId, response: Response, sessions: OwnSessionsDep, caller: CallerDep
) -> WebhookPublic:
    """Stops sending to a webhook; its events wait, for as long as events are kept. Disabling twice changes nothing."""
    endpoint = _change(
        sessions,
        webhook_id,
        lambda session, found: endpoints.disable(
            session, found, reason="A caller disabled it.", code="caller", actor=caller.actor
        ),
    )
    return _show(endpoint, response)


def _change(
    sessions: SessionFactory, webhook_id: str, change: Callable[[Session, WebhookEndpoint], object]
) -> WebhookEndpoint:
    """Applies a change to a webhook and returns the webhook after it."""

    def apply(session: Session) -> WebhookEndpoint:
        endpoint = get_own(session, WebhookEndpoint, webhook_id, name="webhook", lock=True)
        change(session, endpoint)
        return endpoint

    return sessions.run(apply, patience_seconds=_PATIENCE_SECONDS)


def _show(endpoint: WebhookEndpoint, response: Response) -> WebhookPublic:
    write_etag(response, endpoint.revision)
    return WebhookPublic.from_endpoint(endpoint)


def _get_key(settings: Settings) -> str:
    return settings.secret.get_secret_value()
