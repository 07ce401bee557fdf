"""Telling the workers that there is something to do.

A ring is a hint: the row in the database is the truth, and a worker that hears nothing looks there
every so often. So losing a ring loses nothing.
"""

from __future__ import annotations

import threading
from typing import Protocol


class Notifier(Protocol):
    """Anything that can wake a worker."""

    def notify(self, grading_id: str) -> None:
        """Say, after the commit, that a grading waits."""


class EventNotifier:
    """Wakes the workers in this process."""

    def __init__(self) -> None:
        self._rings = 0
        self._rung = threading.Condition()
        self._heard = threading.local()

    def notify(self, grading_id: str) -> None:
        """See Doorbell."""
        with self._rung:
            self._rings += 1
            self._rung.notify_all()

    def wait(self, timeout_seconds: float) -> bool:
        """Whether it rang since this thread waited last, or within so many seconds."""
        with self._rung:
            last = getattr(self._heard, "rings", 0)
            rang = self._rung.wait_for(lambda: self._rings > last, timeout_seconds)
            self._heard.rings = self._rings
        return rang


class SilentNotifier:
    """For callers that drain the queue themselves."""

    def notify(self, grading_id: str) -> None:
        """See Doorbell."""
