"""Reports to the log and the metrics what became of graded batches."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from vivavoce.graders import JudgeFailure, Report, UnscoredReason
from vivavoce.service.errors import LostLease
from vivavoce.service.gradings.leases import Lease
from vivavoce.service.observability import metrics
from vivavoce.service.observability.logs import log_ids
from vivavoce.service.storage import clock
from vivavoce.service.storage.tables import State

_log = logging.getLogger(__name__)


def count_judge_work(report: Report) -> None:
    """Add a report's judge calls, tokens and unscored criteria to the metrics."""
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


def report_outcome(lease: Lease, report: Report | JudgeFailure, outcome: State | LostLease) -> None:
    """Log and count what became of a grading: finished, requeued, or refused because its lease was lost."""
    if isinstance(report, Report):
        count_judge_work(report)
    with log_ids(grading_id=lease.grading_id, request_id=lease.request_id):
        if isinstance(outcome, LostLease):
            metrics.late_results.inc()
            _log.warning("late result refused: %s", outcome)
        elif isinstance(report, JudgeFailure):
            metrics.unscored.labels(report.reason.value).inc()
            metrics.finished.labels(outcome.value).inc()
            _log.warning("%s without a report: %s", outcome, report.detail)
        elif outcome.open:
            metrics.returned.labels(_name_return(report)).inc()
            _log.warning("requeued: %s: %s", report.unscored_reason, report.unscored_detail)
        else:
            _count_finished(lease, report, outcome)
            source = report.provenance
            _log.info(
                "%s after %d judge calls, %d verdicts from the record",
                outcome,
                source.judge_calls,
                source.cached_verdicts,
            )


def _name_return(report: Report) -> str:
    if report.unscored_reason is UnscoredReason.BUDGET:
        return "budget"
    return "judge_unavailable" if report.judge_unavailable else "unanswered"


def _count_finished(lease: Lease, report: Report, state: State) -> None:
    metrics.finished.labels(state.value).inc()
    # Without a score, or with an open one, there is no figure to add.
    if report.score is not None and not report.is_open:
        metrics.scores.observe(report.score)
        metrics.confidences.observe(report.confidence)
    for flag in report.flags:
        metrics.flagged.labels(flag.value).inc()
    metrics.turnaround_seconds.observe((clock.now() - lease.created_at).total_seconds())


def is_judge_down(report: Report) -> bool:
    """Whether there is no verdict because the judge is down, and not because a budget is used up."""
    return report.judge_unavailable and report.unscored_reason is not UnscoredReason.BUDGET


def set_judge_reachable(reports: Sequence[Report]) -> None:
    """Set the gauge from a batch that asked the judge; one settled without it says nothing."""
    unavailable = any(map(is_judge_down, reports))
    if unavailable or any(report.provenance.judge_calls for report in reports):
        source = reports[0].provenance
        metrics.judge_reachable.labels(source.engine, source.model, source.model_revision).set(not unavailable)
