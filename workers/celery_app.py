"""The Celery application: a doorbell over Redis, with the database as the queue.

A task carries no work, only the news that there is some. So a lost task loses nothing, and a task
delivered twice grades nothing twice. A beat every few seconds rings in place of rings that were lost.
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

from .grading import process_queue
from .panel_factory import open_panel
from .worker_id import current_worker_id

GRADE_TASK = "vivavoce.grade"
Pool = Literal["prefork", "threads"]
# A lost worker's lease runs out, then this long at most passes until somebody looks.
_SWEEP_SECONDS = 2.0
_log = logging.getLogger(__name__)


def create_celery(settings: Settings) -> celery.Celery:
    """The application, bound to the Redis that the settings name."""
    app = celery.Celery("vivavoce", broker=settings.redis_url or None)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        # A Redis that hangs is given up on and dialled again.
        broker_transport_options={"socket_timeout": 10, "socket_connect_timeout": 5, "socket_keepalive": True},
        beat_schedule={
            "sweep": {
                "task": GRADE_TASK,
                "schedule": _SWEEP_SECONDS,
                "args": ("",),
                "options": {"expires": 2 * _SWEEP_SECONDS},
            }
        },
        # Rings pile up while no worker runs; an old one is worth nothing.
        task_default_expires=60,
        # It need not remember when it rang last.
        beat_scheduler="celery.beat:Scheduler",
    )
    app.task(_grade, name=GRADE_TASK)
    return app


class CeleryNotifier:
    """Rings by sending the task by name; a broker that is down costs a few seconds, not an answer."""

    def __init__(self, settings: Settings) -> None:
        self._celery = create_celery(settings)

    def notify(self, grading_id: str) -> None:
        """See Doorbell."""
        try:
            self._celery.send_task(GRADE_TASK, args=(grading_id,), retry=False)
        except celery.exceptions.OperationalError as error:
            _log.warning("the doorbell is out of order, the sweep will find %s: %s", grading_id, error)


class _Process:
    """What one worker process keeps open; told to stop, it has `VIVA_STOP_SECONDS` for what it holds."""

    def __init__(self, stopping: Event) -> None:
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self.settings = Settings()
        self.stopping = stopping
        self.sessions: SessionFactory = sessions(connect(self.settings.database))
        self.panel: Panel = self._stack.enter_context(open_panel(self.settings, StoredVerdicts(self.sessions)))
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="stop", daemon=True).start()

    def _watch(self) -> None:
        self.stopping.wait()
        if not self._ended.wait(self.settings.stop_seconds):
            _log.warning("the time to stop is over: what is held goes back in line")
            self.close()

    def close(self) -> None:
        """Let go of the judge; whoever waits for it puts its gradings back in line."""
        self._ended.set()
        with self._lock:
            self._stack.close()


_process: _Process | None = None
_process_lock = threading.Lock()
# Made before worker processes are forked, so that all of them hear of the stop.
_stopping: Event | None = None


def _current() -> _Process:
    global _process
    with _process_lock:
        if _process is None:
            _process = _Process(_stopping or multiprocessing.Event())
        return _process


def _grade(grading_id: str) -> int:
    """Drain the queue; the id only says what rang."""
    process = _current()
    return process_queue(
        process.sessions,
        process.panel,
        process.settings,
        owner=current_worker_id(),
        stopping=process.stopping.is_set,
    ).finished


@setup_logging.connect  # type: ignore[untyped-decorator]
def _set_up_logging(**_: Any) -> None:
    """Celery leaves the logs to us when somebody listens to this signal."""
    settings = Settings()
    configure_logs(settings.log_format, level=settings.log_level)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _start_process(**_: Any) -> None:
    configure_tracing(Settings().otlp_endpoint, role="worker")
    _current()


@worker_ready.connect  # type: ignore[untyped-decorator]
def _say_ready(**_: Any) -> None:
    _log.info("ready to grade")


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _tell_to_stop(**_: Any) -> None:
    if _stopping:
        _stopping.set()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _stop_process(pid: int | None = None, **_: Any) -> None:
    if _process:
        _process.close()


def work(settings: Settings, *, concurrency: int, pool: Pool) -> None:
    """Run a Celery worker with its beat until it is told to stop."""
    global _stopping
    _stopping = multiprocessing.Event()
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    migrate(connect(settings.database), patience_seconds=START_SECONDS)
    if settings.metrics_port:
        prometheus_client.start_http_server(settings.metrics_port, registry=metrics.of_all_processes())
    app = create_celery(settings)
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
