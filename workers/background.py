"""Background jobs in a worker process: a thread that carries out one job after another, under a lease."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vivavoce.graders import Panel
from vivavoce.service import jobs
from vivavoce.service.errors import LostLease, ServiceError
from vivavoce.service.jobs import JobLease
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

from .worker_id import current_worker_id

POLL_SECONDS = 1.0
LEASE_SECONDS = 30.0
_LOST_TOO_OFTEN = "Its workers ended before it was done, again and again: ask for it once more, and see their logs."
_UNEXPECTED = "An error of the program ({name}): ask for it once more, and see the worker's log."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobContext:
    """What a job may use. `sessions` see the rows of the job's organisation only."""

    lease: JobLease
    sessions: SessionFactory
    settings: Settings
    panel: Panel


Handler = Callable[[JobContext], None]
"""Carries out a job. A ServiceError fails it with its sentence; any other error is tried again by the next claim."""
FailureHandler = Callable[[Session, JobLease, str], None]
"""Notes the failure of a job, with its reason, in the row that the job is about."""
NO_FAILURE_HANDLERS: Mapping[str, FailureHandler] = {}


def run_next_job(
    sessions: SessionFactory,
    panel: Panel,
    settings: Settings,
    handlers: Mapping[str, Handler],
    *,
    owner: str,
    on_failure: Mapping[str, FailureHandler] = NO_FAILURE_HANDLERS,
) -> bool:
    """Carry out the next due job; returns False if there was none. `on_failure` is called when a job fails for good."""
    lease = sessions.run(
        lambda session: jobs.claim(session, owner=owner, kinds=sorted(handlers), lease_seconds=LEASE_SECONDS)
    )
    if lease is None:
        return False
    note_failure = on_failure.get(lease.kind, _note_nothing)
    if lease.is_exhausted:
        _fail(sessions, lease, _LOST_TOO_OFTEN, note_failure)
        return True
    context = JobContext(lease, sessions.of(lease.organisation_id), settings, panel)
    try:
        with _keep_lease(sessions, lease):
            handlers[lease.kind](context)
        sessions.run(lambda session: jobs.finish(session, lease))
    except LostLease as error:
        _log.warning("a job was lost to another worker: %s", error)
    except ServiceError as error:
        _fail(sessions, lease, str(error), note_failure)
    except Exception as error:  # noqa: BLE001  the job is tried again, at most three times
        _log.exception("job %s (%s) failed", lease.job_id, lease.kind)
        if lease.is_last:
            _fail(sessions, lease, _UNEXPECTED.format(name=type(error).__name__), note_failure)
    return True


def _note_nothing(_: Session, __: JobLease, ___: str) -> None:
    """Does nothing."""


def _fail(sessions: SessionFactory, lease: JobLease, error: str, note_failure: FailureHandler) -> None:
    """Fail a job and what it is about in one transaction."""
    _log.warning("job %s (%s) failed: %s", lease.job_id, lease.kind, error)

    def fail(session: Session) -> None:
        jobs.fail(session, lease, error)
        note_failure(session, lease, error)

    try:
        sessions.of(lease.organisation_id).run(fail)
    except LostLease as lost:
        _log.warning("a job was lost to another worker: %s", lost)


@contextmanager
def _keep_lease(sessions: SessionFactory, lease: JobLease) -> Iterator[None]:
    """Renew a lease from a thread while the context is open."""
    done = threading.Event()

    def renew_until_done() -> None:
        while not done.wait(LEASE_SECONDS / 3):
            try:
                sessions.run(lambda session: jobs.renew(session, lease, lease_seconds=LEASE_SECONDS))
            except (SQLAlchemyError, LostLease) as error:
                _log.warning("the lease of job %s was not renewed: %s", lease.job_id, error)

    thread = threading.Thread(target=renew_until_done, name="job-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class BackgroundThread:
    """A thread that calls `step` again and again; while it returns False, once a second."""

    def __init__(self, name: str, step: Callable[[], bool]) -> None:
        self._step = step
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the step in hand; does not wait for it."""
        self._stopping.set()

    def join(self, timeout_seconds: float | None = None) -> None:
        """Wait until the thread has ended, for `timeout_seconds` at most."""
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                is_busy = self._step()
            except Exception:  # noqa: BLE001  one failed step must not end the thread
                _log.exception("%s failed, trying again", self._thread.name)
                is_busy = False
            if not is_busy:
                self._stopping.wait(POLL_SECONDS)


def build_background(sessions: SessionFactory, panel: Panel, settings: Settings) -> list[BackgroundThread]:
    """The threads that a worker process runs beside grading."""
    # Late: these load libraries that only jobs and webhooks need.
    from .exports.pruning import ExportPruning
    from .job_handlers import HANDLERS, ON_FAILURE
    from .webhooks import WebhookSender

    def run_job() -> bool:
        owner = f"{current_worker_id()}-jobs"[:64]
        return run_next_job(sessions, panel, settings, HANDLERS, owner=owner, on_failure=ON_FAILURE)

    return [
        BackgroundThread("jobs", run_job),
        BackgroundThread("webhooks", WebhookSender(sessions, settings).step),
        BackgroundThread("expired exports", ExportPruning(sessions)),
    ]
