"""When a request is sent again: after 429, 502, 503, 504 and lost connections, for as long as the patience lasts."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from ..errors import ApiError, ConnectionLost, read_error
from .requests import Open, OpenedReply, OpenOnce, Reply, Request, Send, Sleep, Steps

_FIRST_SECONDS = 0.25
_LONGEST_SECONDS = 15.0
# As 429: refused before anything was done, so that every request may be sent again.
_BUSY = "busy"
_PASSING = frozenset({502, 503, 504})
_STILL_RUNNING = "idempotency_in_progress"


class Backoff:
    """Waiting times that grow, until the patience is used up; it begins with the first failure."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self.reset()

    def reset(self) -> None:
        """Begin anew, after progress."""
        self._deadline: float | None = None
        self._tries = 0

    def next_seconds(self, wanted: float | None = None) -> float | None:
        """Returns the seconds until the next try, as `wanted` by the service; None if the patience does not last."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._patience
        longest = min(_FIRST_SECONDS * 2**self._tries, _LONGEST_SECONDS)
        self._tries = min(self._tries + 1, 20)
        # Spread out, so that many clients do not come back at once; never before the service wants it.
        seconds = random.uniform(longest / 2, longest) if wanted is None else wanted + random.uniform(0, 0.1)
        return seconds if time.monotonic() + seconds <= self._deadline else None


def read_retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Returns the seconds of `Retry-After`, which may be a number or a date (RFC 9110); None without a valid one."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)


def send_patiently(request: Request[Any], *, patience_seconds: float) -> Steps[Any]:
    """Sends a request until it has a final reply, and returns what that says. Raises ApiError or ConnectionLost."""
    response: httpx2.Response = yield from _try(request, Send(request), patience_seconds)
    return request.read(Reply(response.status_code, response.headers, response.content))


def open_patiently(step: Open, *, patience_seconds: float) -> Steps[OpenedReply]:
    """Opens a reply that is read in parts. Raises ApiError or ConnectionLost."""
    opened: OpenedReply = yield from _try(step.request, OpenOnce(step.request, step.as_events), patience_seconds)
    return opened


def _try(request: Request[Any], step: Send | OpenOnce, patience_seconds: float) -> Steps[Any]:
    backoff = Backoff(patience_seconds)
    while True:
        error: ApiError | ConnectionLost
        try:
            result = yield step
            response = result.response if isinstance(result, OpenedReply) else result
            if response.status_code < 300:
                return result
            error = to_error(response)
            wanted = error.retry_after
        except ConnectionLost as lost:
            error, wanted = lost, None
        seconds = backoff.next_seconds(wanted) if _may_repeat(request, error) else None
        if seconds is None:
            raise error
        yield Sleep(seconds)


def to_error(response: httpx2.Response) -> ApiError:
    """Returns the error that a reply tells."""
    return read_error(
        response.status_code,
        response.content,
        request_id=response.headers.get("x-request-id"),
        retry_after=read_retry_after(response.headers),
        location=response.headers.get("location"),
    )


def _may_repeat(request: Request[Any], error: ApiError | ConnectionLost) -> bool:
    if isinstance(error, ConnectionLost):
        return not error.may_have_arrived or request.may_be_repeated
    if error.status == 429 or error.code == _BUSY:
        return True
    if error.code == _STILL_RUNNING:
        return "Idempotency-Key" in request.headers
    return error.status in _PASSING and request.may_be_repeated
