"""Streams: replies that go on as events come. A key may have a few of them open in a process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import Depends, Request

from ..errors import TooManyStreams
from .authorization import CallerDep
from .dependencies import SettingsDep
from .event_watcher import EventWatcher
from .middleware import DISCARDS_BODY

STREAMS_OF_A_KEY = 10
KEEP_ALIVE_SECONDS = 15.0
EVENTS_AT_ONCE = 200
"""Events or results that a stream reads at a time."""


class Stream:
    """A stream that is open: it is over when its time is up or the service stops."""

    def __init__(self, watcher: EventWatcher, organisation_id: str, *, seconds: float) -> None:
        self._watcher = watcher
        self._organisation_id = organisation_id
        self._deadline = time.monotonic() + seconds
        self._quiet_since = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the stream must end now."""
        return self._watcher.is_stopping() or time.monotonic() >= self._deadline

    async def wait(self, after: int) -> bool:
        """Returns once there is an event after a number or the stream is over.

        It returns True when a sign of life is due: 15 seconds after the last one.
        """
        until = min(self._deadline, self._quiet_since + KEEP_ALIVE_SECONDS)
        await self._watcher.wait(self._organisation_id, after, seconds=max(until - time.monotonic(), 0.0))
        is_due = time.monotonic() - self._quiet_since >= KEEP_ALIVE_SECONDS
        if is_due:
            self._quiet_since = time.monotonic()
        return is_due


class OpenStreams:
    """The number of streams that each key has open in this process."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def open(self, key_id: str) -> None:
        """Counts a stream. Raises TooManyStreams if the key has too many."""
        if self._counts[key_id] >= STREAMS_OF_A_KEY:
            raise TooManyStreams(
                f"The key {key_id} has {STREAMS_OF_A_KEY} streams open already: close one first, or use another key."
            )
        self._counts[key_id] += 1

    def close(self, key_id: str) -> None:
        """Counts a stream no longer."""
        self._counts[key_id] -= 1
        if self._counts[key_id] <= 0:
            del self._counts[key_id]


async def _get_watcher(request: Request) -> EventWatcher:
    return cast(EventWatcher, request.app.state.event_watcher)


EventWatcherDep = Annotated[EventWatcher, Depends(_get_watcher)]


class StreamOpener:
    """Opens the stream of one request, and closes it after the reply."""

    def __init__(self, streams: OpenStreams, key_id: str, stream: Stream) -> None:
        self._streams, self._key_id, self._stream = streams, key_id, stream
        self._is_open = False

    def open(self) -> Stream:
        """Returns the stream. Raises TooManyStreams if the key has too many."""
        self._streams.open(self._key_id)
        self._is_open = True
        return self._stream

    def close(self) -> None:
        """Closes the stream if it was opened."""
        if self._is_open:
            self._streams.close(self._key_id)


async def _get_opener(
    request: Request, watcher: EventWatcherDep, caller: CallerDep, settings: SettingsDep
) -> AsyncIterator[StreamOpener]:
    # A HEAD request wants no stream.
    seconds = 0.0 if request.scope.get(DISCARDS_BODY) else settings.stream_seconds
    stream = Stream(watcher, caller.organisation_id, seconds=seconds)
    opener = StreamOpener(request.app.state.open_streams, caller.key_id, stream)
    try:
        yield opener
    finally:
        opener.close()


StreamOpenerDep = Annotated[StreamOpener, Depends(_get_opener)]
