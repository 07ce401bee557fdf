"""Waits for the result of a background job, of which few requests wait at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import anyio

POLL_SECONDS = 0.25
T = TypeVar("T")


async def wait_for(
    read: Callable[[], T], is_done: Callable[[T], bool], *, seconds: float, is_stopping: Callable[[], bool]
) -> T:
    """Returns what `read` returns once it is done, or when the time is up or the service stops.

    `read` is called in a thread, at least once.
    """
    end = time.monotonic() + seconds
    value = await anyio.to_thread.run_sync(read)
    while not is_done(value) and time.monotonic() < end and not is_stopping():
        await anyio.sleep(min(POLL_SECONDS, max(end - time.monotonic(), 0)))
        value = await anyio.to_thread.run_sync(read)
    return value
