"""Every request seen from outside: its id, its time, its span, its line in the log."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import BodyTooLarge
from ..problems import problem_response
from . import metrics
from .logs import log_ids
from .tracing import server_span

MAX_BODY_BYTES = 1024 * 1024
_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_log = logging.getLogger("vivavoce.http")


class RequestContextMiddleware:
    """ASGI middleware: `X-Request-ID` is the caller's or a new one, and goes with the answer to its verdict."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        with log_ids(request_id=request_id), server_span(f"{scope['method']} {scope['path']}", headers) as span:
            try:
                await self._app(scope, receive, watched)
            finally:
                seconds = time.perf_counter() - started
                route = getattr(scope.get("route"), "path", "other")
                span.set_attribute("http.response.status_code", status)
                metrics.http_requests.labels(scope["method"], route, status).inc()
                metrics.http_seconds.labels(route).observe(seconds)
                level = logging.DEBUG if scope["path"] in _QUIET else logging.INFO
                _log.log(level, "%s %s %d in %.0f ms", scope["method"], scope["path"], status, seconds * 1000)


class BodyLimitMiddleware:
    """Refuses a body before it is read into memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0
        started = False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise BodyTooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
                raise BodyTooLarge
            await self._app(scope, counted, watched)
        except BodyTooLarge:
            if started:
                raise
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem_response(
            413,
            title="The request is too large",
            detail=f"The body is larger than {MAX_BODY_BYTES // 1024} KiB: send one answer a request.",
            code=BodyTooLarge.code,
        )
        refuse: Callable[[Scope, Receive, Send], Awaitable[Any]] = response
        await refuse(scope, receive, send)
