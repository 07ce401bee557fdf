"""The Celery application: Redis wakes the workers, the database is the queue.

A task carries no work; it only says that some is waiting. So a lost task loses nothing, and a task delivered twice
grades nothing twice. A beat every few seconds replaces notifications that were lost.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import threading
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from typing import Any, Literal

import celery
import prometheus_client
from celery.signals import (
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutting_down,
)

from vivavoce.graders import Panel
from vivavoce.service.observability import metrics
from vivavoce.service.observability.logs import configure_logs
from vivavoce.service.observability.tracing import configure_tracing
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import START_SECONDS, SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.verdicts import StoredVerdicts

from .background import build_background
from .grading import process_queue
from .panel_factory import open_panel
from .worker_id import current_worker_id

GRADE_TASK = "vivavoce.grade"
Pool = Literal["prefork", "threads"]
# An expired lease waits at most this long for a sweep.
_SWEEP_SECONDS = 2.0
_log = logging.getLogger(__name__)


def create_celery(settings: Settings) -> celery.Celery:
    """The application, connected to the Redis server in the settings."""
    app = celery.Celery("vivavoce", broker=settings.redis_url or None)
    app.conf.update(
        task_ignore_result=True,
        # Acknowledge after grading: a killed worker's task is delivered again.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        # A Redis server that hangs is dropped and connected again.
        broker_transport_options={"socket_timeout": 10, "socket_connect_timeout": 5, "socket_keepalive": True},
        beat_schedule={
            "sweep": {
                "task": GRADE_TASK,
                "schedule": _SWEEP_SECONDS,
                "args": ("",),
                "options": {"expires": 2 * _SWEEP_SECONDS},
            }
        },
        # Tasks pile up while no worker runs, and old ones are worthless.
        task_default_expires=60,
        # The default scheduler would write its last run to a file.
        beat_scheduler="celery.beat:Scheduler",
    )
    app.task(_grade_waiting, name=GRADE_TASK)
    return app


class CeleryNotifier:
    """Wakes Celery workers by sending the task by name.

    While the broker is down, `notify` takes a few seconds and logs a warning; no answer is lost.
    """

    def __init__(self, settings: Settings) -> None:
        self._celery = create_celery(settings)

    def notify(self, grading_id: str) -> None:
        """See Notifier."""
        try:
            self._celery.send_task(GRADE_TASK, args=(grading_id,), retry=False)
        except celery.exceptions.OperationalError as error:
            # The row is committed: the next sweep finds it.
            _log.warning("Redis cannot be reached, the next sweep picks up grading %s: %s", grading_id, error)


class _WorkerProcess:
    """What one worker process keeps open: database sessions and a panel.

    Once `stopping` is set, it has `VIVA_STOP_SECONDS` to finish the batches in hand.
    """

    def __init__(self, stopping: Event) -> None:
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self.settings = Settings()
        self.stopping = stopping
        self.sessions: SessionFactory = sessions(connect(self.settings.database))
        self.panel: Panel = self._stack.enter_context(open_panel(self.settings, StoredVerdicts(self.sessions)))
        self._background = build_background(self.sessions, self.panel, self.settings)
        for thread in self._background:
            thread.start()
        self._closed = threading.Event()
        threading.Thread(target=self._close_in_time, name="stop", daemon=True).start()

    def _close_in_time(self) -> None:
        self.stopping.wait()
        if not self._closed.wait(self.settings.stop_seconds):
            _log.warning("VIVA_STOP_SECONDS have passed: the gradings in hand are requeued")
            self.close()

    def close(self) -> None:
        """Close the judge; a batch that waits for it fails at once and requeues its gradings."""
        self._closed.set()
        for thread in self._background:
            thread.stop()
        with self._lock:
            self._stack.close()


_process: _WorkerProcess | None = None
_process_lock = threading.Lock()
# Created before the fork, so that every worker process shares it.
_stopping: Event | None = None


def _open_process() -> _WorkerProcess:
    """The state of this process, created at the first call."""
    global _process
    with _process_lock:
        if _process is None:
            _process = _WorkerProcess(_stopping or multiprocessing.Event())
        return _process


def _grade_waiting(grading_id: str) -> int:
    """Process the whole queue and return how many gradings finished; the id only tells what woke us."""
    process = _open_process()
    return process_queue(
        process.sessions,
        process.panel,
        process.settings,
        owner=current_worker_id(),
        stopping=process.stopping.is_set,
    ).finished


@setup_logging.connect  # type: ignore[untyped-decorator]
def _set_up_logging(**_: Any) -> None:
    """Configure our own log format; Celery leaves logging alone while this signal has a receiver."""
    settings = Settings()
    configure_logs(settings.log_format, level=settings.log_level)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _start_process(**_: Any) -> None:
    configure_tracing(Settings().otlp_endpoint, role="worker")
    # Load the models before the first task, not during it.
    _open_process()


@worker_ready.connect  # type: ignore[untyped-decorator]
def _log_ready(**_: Any) -> None:
    _log.info("ready to grade")


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _request_stop(**_: Any) -> None:
    if _stopping:
        _stopping.set()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _close_process(pid: int | None = None, **_: Any) -> None:
    if _process:
        _process.close()


def run_celery_worker(settings: Settings, *, concurrency: int, pool: Pool) -> None:
    """Run a Celery worker with its beat until SIGTERM or SIGINT."""
    global _stopping
    _stopping = multiprocessing.Event()
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    migrate(connect(settings.database), patience_seconds=START_SECONDS)
    if settings.metrics_port:
        prometheus_client.start_http_server(settings.metrics_port, registry=metrics.of_all_processes())
    app = create_celery(settings)
    # Threads fork no process, so worker_process_init is never sent.
    if pool == "threads":
        configure_tracing(settings.otlp_endpoint, role="worker")
    arguments = [f"--pool={pool}", f"--concurrency={concurrency}", f"--loglevel={settings.log_level}"]
    try:
        app.worker_main(["worker", "--beat", "--without-mingle", "--without-gossip", *arguments])
    finally:
        if _process:
            _process.close()
        if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            shutil.rmtree(folder, ignore_errors=True)
