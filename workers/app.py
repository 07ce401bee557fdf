"""The Celery application: a doorbell over Redis, with the database as the queue.

A task carries no work, only the news that there is some. So a lost task loses nothing, and a task
delivered twice grades nothing twice. A beat every few seconds rings in place of rings that were lost.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Any

import celery
from celery.signals import worker_process_init, worker_process_shutdown

from vivavoce.graders import Panel
from vivavoce.service.logs import configure_logs
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.verdicts import StoredVerdicts

from .drain import drain
from .runtime import open_panel, worker_name

GRADE_TASK = "vivavoce.grade"
_SWEEP_SECONDS = 5.0
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
        beat_schedule={"sweep": {"task": GRADE_TASK, "schedule": _SWEEP_SECONDS, "args": ("",)}},
        # Rings pile up while no worker runs; an old one is worth nothing.
        task_default_expires=60,
        beat_schedule_filename=str(settings.state_dir / "celerybeat-schedule"),
    )
    app.task(_grade, name=GRADE_TASK)
    return app


class CeleryDoorbell:
    """Rings by sending the task by name; a broker that is down costs a few seconds, not an answer."""

    def __init__(self, settings: Settings) -> None:
        self._celery = create_celery(settings)

    def ring(self, grading_id: str) -> None:
        """See Doorbell."""
        try:
            self._celery.send_task(GRADE_TASK, args=(grading_id,), retry=False)
        except celery.exceptions.OperationalError as error:
            _log.warning("the doorbell is out of order, the sweep will find %s: %s", grading_id, error)


class _Process:
    """What one worker process keeps open."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.settings = Settings()
        self.sessions: SessionFactory = sessions(connect(self.settings.database))
        self.panel: Panel = self._stack.enter_context(open_panel(self.settings, StoredVerdicts(self.sessions)))

    def close(self) -> None:
        """Let go of the judge."""
        self._stack.close()


_process: _Process | None = None


def _current() -> _Process:
    global _process
    if _process is None:
        _process = _Process()
    return _process


def _grade(grading_id: str) -> int:
    """Drain the queue; the id only says what rang."""
    process = _current()
    return drain(process.sessions, process.panel, process.settings, owner=worker_name()).finished


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _start_process(**_: Any) -> None:
    configure_logs()
    _current()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _stop_process(**_: Any) -> None:
    if _process:
        _process.close()


def work(settings: Settings, *, concurrency: int) -> None:
    """Run a Celery worker with its beat until it is told to stop."""
    migrate(connect(settings.database))
    create_celery(settings).worker_main(
        ["worker", "--beat", f"--concurrency={concurrency}", "--loglevel=INFO", "--without-mingle"]
    )
