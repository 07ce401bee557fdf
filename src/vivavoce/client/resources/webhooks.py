"""Webhooks: receivers, their secrets and deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..http.operations import R, Resource, iteration, request
from ..http.pages import read_pages
from ..http.requests import Items, Request, fill, new_idempotency_key, read_as, read_nothing, without_none
from ..models.events import Delivery, Me, Replay, Webhook, WebhookWithSecret

_WEBHOOK = "/v1/webhooks/{}"


class Webhooks(Resource[R]):
    """`client.webhooks`."""

    @request
    def create(
        self, url: str, *, kinds: Sequence[str] | None = None, description: str | None = None
    ) -> Request[WebhookWithSecret]:
        """Makes a webhook; the reply is the only one with the secret."""
        body = without_none(url=url, kinds=list(kinds) if kinds is not None else None, description=description)
        return Request(
            method="POST",
            path="/v1/webhooks",
            headers=new_idempotency_key(),
            is_repeatable=True,
            body=body,
            read=read_as(WebhookWithSecret),
        )

    @iteration
    def list(self) -> Items[Webhook]:
        """Gives all webhooks."""
        return read_pages("/v1/webhooks", Webhook, {})

    @request
    def read(self, webhook_id: str) -> Request[Webhook]:
        """Returns a webhook; its `etag` is for edits."""
        return Request(method="GET", path=fill(_WEBHOOK, webhook_id), read=read_as(Webhook))

    @request
    def update(self, webhook_id: str, changes: Mapping[str, Any], *, if_match: str) -> Request[Webhook]:
        """Edits url, kinds or description. Raises Conflict."""
        return Request(
            method="PATCH",
            path=fill(_WEBHOOK, webhook_id),
            headers={"If-Match": if_match},
            body=dict(changes),
            read=read_as(Webhook),
        )

    @request
    def delete(self, webhook_id: str) -> Request[None]:
        """Deletes a webhook with its deliveries."""
        return Request(method="DELETE", path=fill(_WEBHOOK, webhook_id), read=read_nothing)

    @request
    def rotate_secret(
        self, webhook_id: str, *, if_match: str, overlap_hours: float | None = None
    ) -> Request[WebhookWithSecret]:
        """Makes a new secret; the old one signs too for `overlap_hours` (24)."""
        return Request(
            method="POST",
            path=fill(_WEBHOOK + "/rotate-secret", webhook_id),
            headers={"If-Match": if_match, **new_idempotency_key()},
            is_repeatable=True,
            body=without_none(overlap_hours=overlap_hours),
            read=read_as(WebhookWithSecret),
        )

    @request
    def ping(self, webhook_id: str) -> Request[Webhook]:
        """Sends a test message."""
        return Request(method="POST", path=fill(_WEBHOOK + "/ping", webhook_id), read=read_as(Webhook))

    @request
    def replay(self, webhook_id: str, *, after: int | None = None, since: datetime | None = None) -> Request[Replay]:
        """Sends what has not arrived after a number or since a time."""
        body = without_none(after=after, since=since)
        return Request(method="POST", path=fill(_WEBHOOK + "/replay", webhook_id), body=body, read=read_as(Replay))

    @request
    def enable(self, webhook_id: str, *, replay: bool = True) -> Request[Webhook]:
        """Goes on sending, with what was missed unless `replay` is False."""
        path = fill(_WEBHOOK + "/enable", webhook_id)
        return Request(method="POST", path=path, body={"replay": replay}, read=read_as(Webhook))

    @request
    def disable(self, webhook_id: str) -> Request[Webhook]:
        """Stops sending."""
        return Request(method="POST", path=fill(_WEBHOOK + "/disable", webhook_id), read=read_as(Webhook))

    @iteration
    def list_deliveries(self, webhook_id: str, *, state: str | None = None) -> Items[Delivery]:
        """Gives deliveries: `pending`, `delivered` or `failed`."""
        return read_pages(fill(_WEBHOOK + "/deliveries", webhook_id), Delivery, without_none(state=state))


class Keys(Resource[R]):
    """`client.keys`."""

    @request
    def read_own(self) -> Request[Me]:
        """Returns whose key this is, with its role, scopes and expiry."""
        return Request(method="GET", path="/v1/me", read=read_as(Me))
