"""Writes the results of a batch to the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from vivavoce.graders import JudgeFailure, Report, UnscoredReason
from vivavoce.service.cohorts.lifecycle import stop_for_budget
from vivavoce.service.errors import LostLease
from vivavoce.service.gradings import lifecycle
from vivavoce.service.gradings.leases import Lease
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, is_unavailable
from vivavoce.service.storage.tables import Cohort, State

from .batch_grading import Result, describe_error

Outcome = State | LostLease


def write_results(
    sessions: SessionFactory,
    results: Sequence[tuple[Lease, Result]],
    settings: Settings,
    *,
    retry_seconds: float,
    refused_cost: float | None = None,
) -> list[tuple[Lease, Result, Outcome]]:
    """Write a batch in one transaction; each grading with its result, and its new state or LostLease.

    A result that the database refuses fails its grading; the others are written. Gradings that the judge was not there
    for are due again after `retry_seconds`. Of a cohort whose budget refused a call that may cost `refused_cost`, the
    unfinished ones end with it.
    """

    def write(session: Session, lease: Lease, result: Result) -> Outcome:
        outcome = _write_result(session, lease, result, settings, retry_seconds)
        if _is_refused(result) and lease.cohort_id and outcome is State.QUEUED:
            stop_for_budget(session, lease.cohort_id, lease.grading_id, cost=refused_cost or 0.0)
        return outcome

    def write_all(session: Session) -> list[Outcome]:
        _lock_cohort(session, results)
        return [write(session, *result) for result in results]

    try:
        outcomes = sessions.run(write_all)
    except Exception as error:
        if is_unavailable(error):
            raise
        return [_write_alone(sessions, lease, result, write) for lease, result in results]
    return [(lease, result, outcome) for (lease, result), outcome in zip(results, outcomes, strict=True)]


def _lock_cohort(session: Session, results: Sequence[tuple[Lease, Result]]) -> None:
    """Lock the cohort of a batch that its budget refused: first of all, as all do that end a cohort.

    Requeued gradings lock it, too, but shared; two transactions that both went on from there would wait for each other.
    """
    cohort_id = results[0][0].cohort_id if results else None
    if cohort_id and any(_is_refused(result) for _, result in results):
        session.get_one(Cohort, cohort_id, with_for_update=True)


def _is_refused(result: Result) -> bool:
    return isinstance(result, Report) and result.unscored_reason is UnscoredReason.BUDGET


def _write_alone(
    sessions: SessionFactory, lease: Lease, result: Result, write: Callable[[Session, Lease, Result], Outcome]
) -> tuple[Lease, Result, Outcome]:
    def write_one(session: Session) -> Outcome:
        _lock_cohort(session, [(lease, result)])
        return write(session, lease, result)

    try:
        return lease, result, sessions.run(write_one)
    except Exception as error:
        if is_unavailable(error) or isinstance(result, JudgeFailure):
            raise
        failure = describe_error(lease, error)
    return lease, failure, sessions.run(lambda session: write(session, lease, failure))


def _write_result(session: Session, lease: Lease, result: Result, settings: Settings, retry_seconds: float) -> Outcome:
    """Write one result: the new state, or LostLease if it came too late, so that the others still count."""
    try:
        if isinstance(result, JudgeFailure):
            return lifecycle.fail(session, lease, result)
        return _write_report(session, lease, result, settings, retry_seconds)
    except LostLease as error:
        return error


def _write_report(session: Session, lease: Lease, report: Report, settings: Settings, retry_seconds: float) -> State:
    reason = report.unscored_reason
    if report.judge_unavailable:
        lifecycle.release(
            session,
            [lease],
            reason=reason,
            detail=report.unscored_detail,
            delay_seconds=retry_seconds,
            provisional=_provisional_range(report) if settings.on_judge_unavailable == "provisional" else None,
        )
        return State.QUEUED
    if reason and reason.retryable:
        return lifecycle.retry_later(session, lease, report)
    return lifecycle.record(session, lease, report)


def _provisional_range(report: Report) -> dict[str, Any]:
    """What callers may know before the judge has answered: the range of the score (0 to 10) and the other signals."""
    return {
        "score_min": report.score_min,
        "score_max": report.score_max,
        "coverage": report.coverage,
        "signals": dict(report.signals),
    }
