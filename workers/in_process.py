"""A worker in the process of the service."""

from __future__ import annotations

import logging
import threading
import time

from vivavoce.graders import Panel
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

from .grading import process_queue
from .worker_id import current_worker_id

_SWEEP_SECONDS = 1.0
_log = logging.getLogger(__name__)


class InProcessWorker:
    """Threads that drain the queue whenever the doorbell rings, and every second in any case.

    While one waits for the judge, another reads answers or writes results.
    """

    def __init__(self, sessions: SessionFactory, panel: Panel, settings: Settings, notifier: EventNotifier) -> None:
        self._sessions = sessions
        self._panel = panel
        self._settings = settings
        self._notifier = notifier
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"worker-{number}") for number in range(worker_threads(settings))
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask it to end after the batches in hand."""
        self._stopping.set()
        self._notifier.notify("")

    def join(self, timeout_seconds: float | None = None) -> None:
        """Wait for its end, for so long at most."""
        until = time.monotonic() + timeout_seconds if timeout_seconds is not None else None
        for thread in self._threads:
            thread.join(None if until is None else max(until - time.monotonic(), 0.0))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                process_queue(
                    self._sessions,
                    self._panel,
                    self._settings,
                    owner=current_worker_id(),
                    stopping=self._stopping.is_set,
                )
            except Exception:  # noqa: BLE001  a worker outlives whatever a batch does; the lease brings it back
                _log.exception("a batch failed; its gradings come back when their lease runs out")
                self._stopping.wait(_SWEEP_SECONDS)
            self._notifier.wait(_SWEEP_SECONDS)


def worker_threads(settings: Settings) -> int:
    """Batches that a worker process has in hand: the embedded engine does one thing at a time."""
    return settings.worker_threads or (4 if settings.judge_url else 1)
