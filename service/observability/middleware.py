"""Middleware: the id, time, span and log line of every request, and the limit on the size of its body."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import BodyTooLarge
from ..problems import internal_error_response, problem_response
from . import metrics
from .logs import log_ids
from .tracing import server_span

# An answer of 20,000 characters in \\u escapes (6 bytes each), and 180 KiB for a rubric.
MAX_BODY_BYTES = 300 * 1024
MAX_ITEMS_BYTES = 8 * 1024 * 1024
"""Items of a cohort come up to 500 a request."""
_ITEMS_PATH = re.compile(r"/v1/cohorts/[^/]+/items")
# Edited workbooks of 10,000 answers.
_MAX_EDITS_BYTES = 64 * 1024 * 1024
_EDITS_PATH = re.compile(r"/v1/exports/[0-9a-z]{1,32}/edits", re.ASCII)
_TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES // 1024} KiB: send one answer a request, with a shorter rubric."
_TOO_LARGE_ITEMS = f"The body is larger than {MAX_ITEMS_BYTES // 1024**2} MiB: send fewer items a request."
# Files of answers are larger.
_UPLOAD_PATH = re.compile(r"/v1/cohorts/[^/]+/files", re.ASCII)
# No spaces or line breaks: the id is part of log lines.
_EDITS_TOO_LARGE = f"The file is larger than {_MAX_EDITS_BYTES // 1024**2} MiB: export fewer columns or answers."
_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
# Probes come every few seconds, so they are logged as DEBUG.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_SHOWN_PATH = 500
_PROBE_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_log = logging.getLogger("vivavoce.http")


class RequestContextMiddleware:
    """ASGI middleware that gives each request an id, records its duration, status and span, and logs errors once.

    The id is the caller's `X-Request-ID` if that is well-formed (1 to 64 letters, digits and `_ . : -`), else a new
    one. The response has it too, and so has every log line up to the verdict.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = _choose_request_id(headers.get("x-request-id", ""))
        scope.setdefault("state", {})["request_id"] = request_id
        # Stays when the application ends without a response.
        status = 500
        has_started = False
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status, has_started
            if message["type"] == "http.response.start":
                status, has_started = message["status"], True
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        with log_ids(request_id=request_id), server_span(_describe(scope), headers) as span:
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                if has_started and _says_that_reader_left(error):
                    _log.info("the reader of %s left before its end", _describe(scope))
                    return
                # A second response cannot be sent; the server logs that error.
                if has_started:
                    raise
                span.record_exception(error)
                _log.error("unexpected error on %s", _describe(scope), exc_info=error)
                await internal_error_response()(scope, receive, send_with_id)
            finally:
                span.set_attribute("http.response.status_code", status)
                _record_request(scope, status, time.perf_counter() - started)


def _says_that_reader_left(error: Exception) -> bool:
    """Whether a stream of events ended because nobody reads it; FastAPI raises that from its own buffer."""
    return isinstance(error, ExceptionGroup) and error.split(anyio.BrokenResourceError)[1] is None


def _choose_request_id(wanted: str) -> str:
    return wanted if _REQUEST_ID.fullmatch(wanted) else uuid.uuid4().hex


def _record_request(scope: Scope, status: int, seconds: float) -> None:
    # The route, not the path: each label value is a series.
    route = getattr(scope.get("route"), "path", "other")
    metrics.http_requests.labels(_name_method(scope["method"]), route, status).inc()
    metrics.http_seconds.labels(route).observe(seconds)
    level = logging.DEBUG if scope["path"] in _PROBE_PATHS else logging.INFO
    _log.log(level, "%s %d in %.0f ms", _describe(scope), status, seconds * 1000)


def _name_method(method: str) -> str:
    # Each label value is a series, and a caller may invent methods.
    return method if method in _METHODS else "other"


def _describe(scope: Scope) -> str:
    """Returns method and path; the path is percent-encoded, so that it stays one word."""
    return f"{scope['method']} {quote(scope['path'][:_SHOWN_PATH], safe='/:@!$&()*+,;=~')}"


class BodyLimitMiddleware:
    """ASGI middleware that refuses a body of more than 300 KiB with 413, before it is in memory.

    Items of a cohort may have 8 MiB, edited grades 64 MiB, a file of answers `upload_bytes`.
    """

    def __init__(self, app: ASGIApp, upload_bytes: int = MAX_BODY_BYTES) -> None:
        self._app, self._upload_bytes = app, upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, refusal = self._find_limit(scope)
        received = 0
        started = False

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise BodyTooLarge(refusal)
            return message

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        # May be missing or wrong, so bytes are counted too.
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if declared.isdigit() and int(declared) > limit:
                raise BodyTooLarge(refusal)
            await self._app(scope, receive_counted, send_noted)
        except BodyTooLarge as error:
            # A second response cannot be sent.
            if started:
                raise
            await self._send_refusal(str(error), scope, receive, send)

    def _find_limit(self, scope: Scope) -> tuple[int, str]:
        """Returns the most bytes that a body may have, and the sentence that refuses more."""
        if _ITEMS_PATH.fullmatch(scope["path"]):
            return MAX_ITEMS_BYTES, _TOO_LARGE_ITEMS
        if _EDITS_PATH.fullmatch(scope["path"]):
            return _MAX_EDITS_BYTES, _EDITS_TOO_LARGE
        if scope["method"] == "POST" and _UPLOAD_PATH.fullmatch(scope["path"]):
            return self._upload_bytes, _describe_upload_limit(self._upload_bytes)
        return MAX_BODY_BYTES, _TOO_LARGE

    async def _send_refusal(self, detail: str, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem_response(
            413,
            title="The request is too large",
            detail=detail,
            code=BodyTooLarge.code,
        )
        respond: Callable[[Scope, Receive, Send], Awaitable[Any]] = response
        await respond(scope, receive, send)


def _describe_upload_limit(most_bytes: int) -> str:
    return f"The file is larger than {most_bytes / 1024 / 1024:g} MiB: split it and send the parts to the same cohort."
