"""A worker in the process of the service."""

from __future__ import annotations

import logging
import threading
import time

from vivavoce.graders import Panel
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

from .background import build_background
from .grading import process_queue
from .worker_id import current_worker_id

_SWEEP_SECONDS = 1.0
_log = logging.getLogger(__name__)


class InProcessWorker:
    """Threads that process the queue at every notification, and every second without one.

    Several threads overlap: one waits for the judge while another screens answers or writes results.
    """

    def __init__(self, sessions: SessionFactory, panel: Panel, settings: Settings, notifier: EventNotifier) -> None:
        self._sessions = sessions
        self._panel = panel
        self._settings = settings
        self._notifier = notifier
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._process_until_stopped, name=f"worker-{number}")
            for number in range(count_worker_threads(settings))
        ]
        self._background = build_background(sessions, panel, settings)

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()
        for background in self._background:
            background.start()

    def stop(self) -> None:
        """Ask the threads to end after the batches in hand; does not wait for them."""
        self._stopping.set()
        for thread in self._background:
            thread.stop()
        # Wakes threads that wait for a notification.
        self._notifier.notify("")

    def join(self, timeout_seconds: float | None = None) -> None:
        """Wait until the threads have ended, for `timeout_seconds` in all at most."""
        deadline = time.monotonic() + timeout_seconds if timeout_seconds is not None else None
        # Not the background threads: their work is leased, and another worker repeats it.
        for thread in self._threads:
            thread.join(None if deadline is None else max(deadline - time.monotonic(), 0.0))

    def _process_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                process_queue(
                    self._sessions,
                    self._panel,
                    self._settings,
                    owner=current_worker_id(),
                    stopping=self._stopping.is_set,
                )
            except Exception:  # noqa: BLE001  a failed batch must not end the thread; its lease expires
                _log.exception("a batch failed; its gradings are requeued when their lease expires")
                # No busy loop while the cause lasts.
                self._stopping.wait(_SWEEP_SECONDS)
            self._notifier.wait(_SWEEP_SECONDS)


def count_worker_threads(settings: Settings) -> int:
    """How many batches a service process grades at the same time: VIVA_WORKER_THREADS, or a default.

    The default is 1 for the embedded judge, which handles one request at a time, and 4 for a judge server.
    """
    return settings.worker_threads or (4 if settings.judge_url else 1)
