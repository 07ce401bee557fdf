"""Turns waiting gradings into reports; every kind of worker calls `process_queue`."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vivavoce.graders import Panel, Report, UnscoredReason
from vivavoce.graders.judge.budget import within_budget
from vivavoce.service.cohorts.lifecycle import settle
from vivavoce.service.gradings import lifecycle
from vivavoce.service.gradings.leases import Batch
from vivavoce.service.gradings.sweeping import Swept, sweep
from vivavoce.service.observability import metrics
from vivavoce.service.observability.tracing import batch_span
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import CohortRepository, GradingRepository
from vivavoce.service.storage.tables import State

from .batch_grading import Result, grade_batch
from .cohort_budget import CohortBudget
from .outcomes import is_judge_down, report_outcome, set_judge_reachable
from .results import write_results
from .worker_id import has_ended

# Delay before an unavailable judge is asked again.
RETRY_SECONDS = 3.0
SWEEP_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueRun:
    """The result of one `process_queue`: gradings finished, and gradings requeued because the judge was unavailable."""

    finished: int = 0
    released: int = 0
    released_reason: str | None = None


def process_queue(
    sessions: SessionFactory,
    panel: Panel,
    settings: Settings,
    *,
    owner: str,
    stopping: Callable[[], bool] = lambda: False,
    on_finished: Callable[[str], None] = lambda grading_id: None,
) -> QueueRun:
    """Grade waiting gradings, a batch of one question at a time, until none is due.

    Ends early once `stopping` returns True, or when the judge is unavailable. `on_finished` gets the id of every
    grading whose result was written. `owner` must be unique to the calling thread: leases are held under it.
    """
    finished = 0
    sweep_at = 0.0
    while not stopping():
        if time.monotonic() >= sweep_at:
            sweep_up(sessions, settings)
            sweep_at = time.monotonic() + SWEEP_SECONDS
        with metrics.stage_seconds.labels("claim").time():
            batch = _claim_batch(sessions, settings, owner=owner)
        if batch is None:
            break
        with batch_span("grade batch", [lease.trace_parent for lease in batch.leases]) as span:
            span.set_attribute("vivavoce.gradings", [lease.grading_id for lease in batch.leases])
            batch_run = _grade_batch(sessions, panel, batch, on_finished, settings)
        finished += batch_run.finished
        if batch_run.released:
            return QueueRun(finished, batch_run.released, batch_run.released_reason)
    return QueueRun(finished)


def sweep_up(sessions: SessionFactory, settings: Settings) -> Swept:
    """Requeue or set aside the gradings of stalled workers, and log how many."""
    owners = sessions.read(lambda session: GradingRepository(session).owners())
    # Owners on this machine need not wait for their lease to expire.
    ended = [owner for owner in owners if has_ended(owner)]
    swept = sessions.run(
        lambda session: sweep(
            session,
            max_attempts=settings.max_attempts,
            gone=ended,
            key_days=settings.idempotency_days,
            event_days=settings.event_days,
            answer_days=settings.answer_days,
        )
    )
    if swept.requeued:
        metrics.returned.labels("worker_lost").inc(len(swept.requeued))
        _log.warning("requeued %d gradings of stalled workers: %s", len(swept.requeued), swept.requeued)
    if swept.dead:
        metrics.finished.labels(State.DEAD.value).inc(len(swept.dead))
        _log.error("%d gradings are dead, see 'viva queue --state dead': %s", len(swept.dead), swept.dead)
    sweep_cohorts(sessions)
    if swept.unpublished:
        _log.info("found %d submissions whose notification was lost", len(swept.unpublished))
    return swept


def sweep_cohorts(sessions: SessionFactory) -> None:
    """Finish and expire cohorts, each in a transaction of its own."""
    moment = clock.now()
    for cohort_id in sessions.read(lambda session: CohortRepository(session).to_sweep(moment)):
        state = sessions.run(lambda session: settle(session, cohort_id, now=moment))  # noqa: B023  called at once
        if state:
            _log.info("cohort %s is %s", cohort_id, state.value)


def _claim_batch(sessions: SessionFactory, settings: Settings, *, owner: str) -> Batch | None:
    tries = itertools.count()

    def claim_once(session: Session) -> Batch | None:
        # A try whose commit reply was lost may hold a batch already.
        held = lifecycle.held_by(session, owner) if next(tries) else None
        return held or lifecycle.claim(
            session, owner=owner, limit=settings.batch_size, lease_seconds=settings.lease_seconds
        )

    return sessions.run(claim_once)


def _grade_batch(
    sessions: SessionFactory,
    panel: Panel,
    batch: Batch,
    on_finished: Callable[[str], None],
    settings: Settings,
) -> QueueRun:
    cohort_id = batch.leases[0].cohort_id
    budget = CohortBudget(sessions, cohort_id) if cohort_id else None
    with within_budget(budget):
        results = _grade_leases(sessions, panel, batch, settings)
    if budget:
        budget.flush()
    with metrics.stage_seconds.labels("write").time():
        pairs = list(zip(batch.leases, results, strict=True))
        written = write_results(
            sessions,
            pairs,
            settings,
            retry_seconds=RETRY_SECONDS,
            refused_cost=budget.refused_cost if budget else None,
        )
    finished = 0
    for lease, result, outcome in written:
        report_outcome(lease, result, outcome)
        if isinstance(outcome, State) and not outcome.open:
            finished += 1
            on_finished(lease.grading_id)
    reports = [result for result in results if isinstance(result, Report)]
    set_judge_reachable(reports)
    unavailable = [report for report in reports if is_judge_down(report)]
    if not unavailable:
        return QueueRun(finished)
    reason = unavailable[0].unscored_reason or UnscoredReason.INFRASTRUCTURE
    return QueueRun(finished, len(unavailable), f"{reason.value}: {unavailable[0].unscored_detail}")


def _grade_leases(sessions: SessionFactory, panel: Panel, batch: Batch, settings: Settings) -> list[Result]:
    """Grade a batch while its leases are renewed; an interrupt requeues it first."""
    # No transaction is open while the models run.
    try:
        with _keep_leases(sessions, batch, settings.lease_seconds), metrics.stage_seconds.labels("grade").time():
            return grade_batch(batch, panel, seconds=settings.grading_seconds or None)
    except KeyboardInterrupt:
        sessions.run(lambda session: lifecycle.release(session, batch.leases))
        raise


@contextmanager
def _keep_leases(sessions: SessionFactory, batch: Batch, lease_seconds: float) -> Iterator[None]:
    """Renew the leases of a batch from a thread while the context is open."""
    done = threading.Event()

    def renew_until_done() -> None:
        # Three tries fit into one lease.
        while not done.wait(lease_seconds / 3):
            try:
                sessions.run(
                    lambda session: lifecycle.renew(session, batch.leases, lease_seconds=lease_seconds),
                    patience_seconds=lease_seconds / 3,
                )
            except SQLAlchemyError as error:
                _log.warning("leases could not be renewed, trying again: %s", error)

    thread = threading.Thread(target=renew_until_done, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
