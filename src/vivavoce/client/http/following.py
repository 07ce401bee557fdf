"""Streams that are resumed where they broke off, so that nothing is missing and nothing comes twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import httpx2

from ..errors import ConnectionLost, UnreadableReply
from .requests import AskPatience, Close, Emit, Items, Open, OpenedReply, ReadNext, Request, Sleep
from .retries import Backoff

KEEP_ALIVE_SECONDS = 15.0
"""How often the service gives a sign of life at least."""
# A stream that lasted this long has not failed.
_ALIVE_SECONDS = 5.0


class Messages(Protocol):
    """The messages of a stream: `position` is the number of the last one, `is_complete` says that none follows."""

    position: int | None
    is_complete: bool

    def restart(self) -> None:
        """Forget the half of a message that a stream left behind."""

    def read(self, part: Any) -> Iterator[Any]:
        """Gives the messages that a part completes."""


def follow(messages: Messages, request_after: Callable[[int | None], Request[Any]], *, as_events: bool) -> Items[Any]:
    """Emits messages until they are complete; `request_after` describes the request for what follows a number.

    Raises ApiError, or ConnectionLost once nothing new came for as long as the patience lasts.
    """
    backoff = Backoff((yield AskPatience()))
    while True:
        # What cannot be opened has been tried often enough already.
        opened: OpenedReply = yield Open(request_after(messages.position), as_events=as_events)
        before, started = messages.position, time.monotonic()
        messages.restart()
        lost = None
        while True:
            try:
                part = yield ReadNext(opened)
            except ConnectionLost as error:
                part, lost = None, error
            if part is None:
                break
            for message in messages.read(part):
                yield Emit(message)
        yield Close(opened)
        if messages.is_complete:
            return
        if messages.position != before or time.monotonic() - started > _ALIVE_SECONDS:
            backoff.reset()
        seconds = backoff.next_seconds()
        if seconds is None:
            raise lost or ConnectionLost("The stream ends again and again without anything new.", may_have_arrived=True)
        yield Sleep(seconds)


class LineMessages:
    """Lines of JSON objects that have a `sequence`: results, signs of life, and the `end`."""

    def __init__(self, parse_result: Callable[[bytes], Any], position: int) -> None:
        self.position: int | None = position
        self.is_complete = False
        self._parse_result = parse_result
        self._rest = b""

    def restart(self) -> None:
        """See Messages."""
        self._rest = b""

    def read(self, part: bytes) -> Iterator[Any]:
        """See Messages."""
        # Not splitlines: JSON may hold other separators of lines.
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in filter(None, lines):
            message = _load(line)
            if message.get("type") == "result":
                result = self._parse_result(line)
                self.position = int(message["sequence"])
                yield result
            elif message.get("type") == "end":
                self.is_complete = bool(message.get("is_complete"))


class EventMessages:
    """Server-sent events whose ids are numbers. One without data only moves the position on."""

    is_complete = False

    def __init__(self, parse_event: Callable[[str], Any], position: int | None) -> None:
        self.position = position
        self._parse_event = parse_event

    def restart(self) -> None:
        """See Messages."""

    def read(self, part: httpx2.ServerSentEvent) -> Iterator[Any]:
        """See Messages."""
        event = self._parse_event(part.data) if part.data else None
        if part.id.isdigit():
            self.position = int(part.id)
        if event is not None:
            yield event


def _load(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise UnreadableReply("A line of the stream is no JSON object: check that the address is that of vivavoce.")
    return message
