"""The one function that turns waiting gradings into reports; every kind of worker calls it."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vivavoce.graders import AnswerInput, Panel, Report, UnscoredReason, grade
from vivavoce.rubrics import Language, Rubric
from vivavoce.service import lifecycle
from vivavoce.service.errors import LostLease
from vivavoce.service.lifecycle import Batch, Lease
from vivavoce.service.observability import metrics
from vivavoce.service.observability.logs import log_ids
from vivavoce.service.observability.tracing import batch_span
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import GradingRepository
from vivavoce.service.storage.tables import State

from .worker_id import has_ended

# How long gradings wait before the judge is asked again after it was out of reach.
RETRY_SECONDS = 3.0
SWEEP_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueRun:
    """What one call did: gradings finished, and gradings put back because the judge was out of reach."""

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
    """Grade what waits, a batch of one question at a time, until nothing is due.

    Ends early when `stopping` says so or when the judge is out of reach. `on_finished` hears the id
    of every grading whose result was written. `owner` names whoever calls, and nobody else.
    """
    finished = 0
    sweep_at = 0.0
    while not stopping():
        if time.monotonic() >= sweep_at:
            sweep_up(sessions, settings)
            sweep_at = time.monotonic() + SWEEP_SECONDS
        with metrics.stage_seconds.labels("claim").time():
            batch = _claim(sessions, settings, owner=owner)
        if batch is None:
            break
        with batch_span("grade batch", [lease.trace_parent for lease in batch.leases]) as span:
            span.set_attribute("vivavoce.gradings", [lease.grading_id for lease in batch.leases])
            done = _grade_batch(sessions, panel, batch, on_finished, settings)
        finished += done.finished
        if done.released:
            return QueueRun(finished, done.released, done.released_reason)
    return QueueRun(finished)


def sweep_up(sessions: SessionFactory, settings: Settings) -> lifecycle.Swept:
    """Pick up what lost workers held; says what it found in the log."""
    owners = sessions.read(lambda session: GradingRepository(session).owners())
    gone = [owner for owner in owners if has_ended(owner)]
    swept = sessions.run(lambda session: lifecycle.sweep(session, max_attempts=settings.max_attempts, gone=gone))
    if swept.requeued:
        metrics.returned.labels("worker_lost").inc(len(swept.requeued))
        _log.warning("%d gradings of lost workers are back in line: %s", len(swept.requeued), swept.requeued)
    if swept.dead:
        metrics.finished.labels(State.DEAD.value).inc(len(swept.dead))
        _log.error("%d gradings are dead, see 'viva queue --state dead': %s", len(swept.dead), swept.dead)
    if swept.unpublished:
        _log.info("%d submissions were found whose ring was lost", len(swept.unpublished))
    return swept


def _claim(sessions: SessionFactory, settings: Settings, *, owner: str) -> Batch | None:
    tries = itertools.count()

    def claim(session: Session) -> Batch | None:
        # The first try may have leased a batch without our hearing of it.
        held = lifecycle.held_by(session, owner) if next(tries) else None
        return held or lifecycle.claim(
            session, owner=owner, limit=settings.batch_size, lease_seconds=settings.lease_seconds
        )

    return sessions.run(claim)


def _grade_batch(
    sessions: SessionFactory,
    panel: Panel,
    batch: Batch,
    on_finished: Callable[[str], None],
    settings: Settings,
) -> QueueRun:
    # No transaction is open while the models think.
    try:
        with _heartbeat(sessions, batch, settings.lease_seconds), metrics.stage_seconds.labels("grade").time():
            reports = grade(
                [_input(lease) for lease in batch.leases],
                Rubric.model_validate(batch.rubric_document),
                panel,
            )
    except KeyboardInterrupt:
        sessions.run(lambda session: lifecycle.release(session, batch.leases))
        raise
    results = list(zip(batch.leases, reports, strict=True))
    with metrics.stage_seconds.labels("write").time():
        outcomes = sessions.run(lambda session: _write(session, results, settings))
    for (lease, report), outcome in zip(results, outcomes, strict=True):
        _tell(lease, report, outcome)
        if isinstance(outcome, State) and not outcome.open:
            on_finished(lease.grading_id)
    finished = sum(isinstance(outcome, State) and not outcome.open for outcome in outcomes)
    unavailable = [report for report in reports if report.judge_unavailable]
    if unavailable or any(report.provenance.judge_calls for report in reports):
        source = reports[0].provenance
        metrics.judge_reachable.labels(source.engine, source.model, source.model_revision).set(not unavailable)
    if not unavailable:
        return QueueRun(finished)
    reason = unavailable[0].unscored_reason or UnscoredReason.INFRASTRUCTURE
    return QueueRun(finished, len(unavailable), f"{reason.value}: {unavailable[0].unscored_detail}")


def _write(session: Session, results: Sequence[tuple[Lease, Report]], settings: Settings) -> list[State | LostLease]:
    """What becomes of each grading of a batch, in one transaction: its state, or that its result came late."""
    outcomes: list[State | LostLease] = []
    for lease, report in results:
        reason, detail = report.unscored_reason, report.unscored_detail
        try:
            if report.judge_unavailable:
                lifecycle.release(
                    session,
                    [lease],
                    reason=reason,
                    detail=detail,
                    delay_seconds=RETRY_SECONDS,
                    provisional=_provisional(report) if settings.on_judge_unavailable == "provisional" else None,
                )
                outcomes.append(State.QUEUED)
            elif reason and reason.retryable:
                outcomes.append(lifecycle.retry_later(session, lease, report))
            else:
                outcomes.append(lifecycle.record(session, lease, report))
        except LostLease as error:
            outcomes.append(error)
    return outcomes


def _provisional(report: Report) -> dict[str, Any]:
    return {
        "score_min": report.score_min,
        "score_max": report.score_max,
        "coverage": report.coverage,
        "signals": dict(report.signals),
    }


def _tell(lease: Lease, report: Report, outcome: State | LostLease) -> None:
    """Say in the log and in the metrics what became of a grading."""
    source = report.provenance
    metrics.judge_calls.inc(source.judge_calls)
    metrics.judge_cached.inc(source.cached_verdicts)
    metrics.judge_seconds.inc(source.judge_seconds)
    fresh = max(source.tokens_in - source.tokens_cached, 0)
    for kind, count in (("prompt", fresh), ("cached", source.tokens_cached), ("generated", source.tokens_out)):
        metrics.judge_tokens.labels(kind).inc(count)
    if report.unscored_reason:
        metrics.unscored.labels(report.unscored_reason.value).inc()
    for criterion in report.criteria:
        if criterion.unscored_reason:
            metrics.unscored_criteria.labels(criterion.unscored_reason.value).inc()
    with log_ids(grading_id=lease.grading_id, request_id=lease.request_id):
        if isinstance(outcome, LostLease):
            metrics.late_results.inc()
            _log.warning("late result refused: %s", outcome)
        elif outcome.open:
            metrics.returned.labels("judge_unavailable" if report.judge_unavailable else "unanswered").inc()
            _log.warning("back in line: %s: %s", report.unscored_reason, report.unscored_detail)
        else:
            metrics.finished.labels(outcome.value).inc()
            if report.score is not None:
                metrics.scores.observe(report.score)
                metrics.confidences.observe(report.confidence)
            for flag in report.flags:
                metrics.flagged.labels(flag.value).inc()
            metrics.turnaround_seconds.observe((clock.now() - lease.created_at).total_seconds())
            _log.info("%s after %d judge calls, %d known", outcome, source.judge_calls, source.cached_verdicts)


@contextmanager
def _heartbeat(sessions: SessionFactory, batch: Batch, lease_seconds: float) -> Iterator[None]:
    """Renew the leases of a batch for as long as the context is open."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(lease_seconds / 3):
            try:
                sessions.run(
                    lambda session: lifecycle.renew(session, batch.leases, lease_seconds=lease_seconds),
                    patience_seconds=lease_seconds / 3,
                )
            except SQLAlchemyError as error:
                _log.warning("leases could not be renewed, trying again: %s", error)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _input(lease: Lease) -> AnswerInput:
    language = lease.feedback_language
    return AnswerInput(raw=lease.answer, feedback_language=cast(Language, language) if language else None)
