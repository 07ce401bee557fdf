"""Notifications that wake the workers.

A notification is only a hint: the queue is the table in the database, which workers also poll. A lost notification
therefore delays a grading and loses nothing.
"""

from __future__ import annotations

import threading
from typing import Protocol

import anyio


class Notifier(Protocol):
    """Anything that can wake a worker."""

    def notify(self, grading_id: str) -> None:
        """Announces a queued grading. Call it after the commit, so that the worker can see the row."""


class EventNotifier:
    """Wakes the worker threads of this process."""

    def __init__(self) -> None:
        self._count = 0
        self._notified = threading.Condition()
        # Each thread remembers the count up to which it has been woken.
        self._seen = threading.local()

    def notify(self, grading_id: str) -> None:
        """See Notifier."""
        with self._notified:
            self._count += 1
            self._notified.notify_all()

    def wait(self, timeout_seconds: float) -> bool:
        """Waits for a notification that this thread has not seen; returns at once if there was one meanwhile.

        Returns False when `timeout_seconds` passed without one.
        """
        with self._notified:
            last = getattr(self._seen, "count", 0)
            notified = self._notified.wait_for(lambda: self._count > last, timeout_seconds)
            # Several notifications wake a thread once: it then empties the queue.
            self._seen.count = self._count
        return notified


async def announce(notifier: Notifier, grading_id: str) -> None:
    """Announces a queued grading from the event loop, in a thread if that may take long."""
    if isinstance(notifier, EventNotifier | SilentNotifier):
        notifier.notify(grading_id)
    else:
        await anyio.to_thread.run_sync(notifier.notify, grading_id)


class SilentNotifier:
    """Notifies no worker, for callers that process the queue themselves."""

    def notify(self, grading_id: str) -> None:
        """See Notifier."""
