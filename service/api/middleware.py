"""Middleware for what HTTP asks of every route: replies to HEAD, and headers that keep browsers from harm."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A reply may set its own instead, as /docs and the list of questions do.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

DISCARDS_BODY = "vivavoce.discards_body"
"""The key of a request's scope that says that nobody reads the body of its reply."""


class SecurityHeadersMiddleware:
    """ASGI middleware that adds headers to every reply that does not have them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class RateLimitFieldsMiddleware:
    """ASGI middleware that adds what `authorize` noted of the quotas to the reply, whoever wrote it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        state = scope.setdefault("state", {})

        async def send_with_fields(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(state.get("rate_limit_fields", {}))
            await send(message)

        await self._app(scope, receive, send_with_fields if scope["type"] == "http" else send)


class HeadMiddleware:
    """ASGI middleware that answers HEAD like GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the log still says HEAD.
        asked = {**scope, "method": "GET", DISCARDS_BODY: True}
        await self._app(asked, receive, send_without_body)
        # The router notes the route, which metrics are counted by.
        scope.update({name: value for name, value in asked.items() if name != "method"})
