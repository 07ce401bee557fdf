"""What Prometheus is told: every stage from the request to the verdict."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import sqlalchemy as sa
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from vivavoce import __version__
from vivavoce.graders import Flag, UnscoredReason

from ..storage import clock
from ..storage.engine import SessionFactory
from ..storage.repositories import GradingRepository
from ..storage.tables import State

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)

_POINTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
_TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)

_log = logging.getLogger(__name__)
registry = CollectorRegistry()
http_requests = Counter(
    "vivavoce_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
)
http_seconds = Histogram(
    "vivavoce_http_request_seconds", "Time to answer a request.", ["route"], buckets=_FAST, registry=registry
)
submitted = Counter("vivavoce_gradings_submitted", "Answers taken in.", registry=registry)
finished = Counter(
    "vivavoce_gradings_finished", "Gradings finished, by what came of them.", ["state"], registry=registry
)
turnaround_seconds = Histogram(
    "vivavoce_grading_seconds", "From an answer's arrival to its result.", buckets=_SLOW, registry=registry
)
stage_seconds = Histogram(
    "vivavoce_stage_seconds", "A worker's stages, a batch each.", ["stage"], buckets=_SLOW, registry=registry
)
returned = Counter("vivavoce_gradings_returned", "Gradings put back in line, by why.", ["why"], registry=registry)
late_results = Counter("vivavoce_late_results", "Results refused because the lease was lost.", registry=registry)
unscored = Counter("vivavoce_unscored_reports", "Reports without a score, by reason.", ["reason"], registry=registry)
unscored_criteria = Counter(
    "vivavoce_unscored_criteria", "Criteria left without a verdict, by reason.", ["reason"], registry=registry
)
flagged = Counter("vivavoce_flagged_reports", "Reports, by flag.", ["flag"], registry=registry)
scores = Histogram("vivavoce_report_score", "Scores given, of 10.", buckets=_POINTS, registry=registry)
confidences = Histogram("vivavoce_report_confidence", "How sure reports are.", buckets=_TENTHS, registry=registry)
judge_calls = Counter("vivavoce_judge_calls", "Calls that brought verdicts.", registry=registry)
judge_cached = Counter("vivavoce_judge_verdicts_cached", "Verdicts that were on record already.", registry=registry)
judge_seconds = Counter("vivavoce_judge_seconds", "Time that judge calls took, added up.", registry=registry)
judge_tokens = Counter("vivavoce_judge_tokens", "Tokens of judge calls.", ["kind"], registry=registry)
# A worker that has not asked yet says nothing; hence labels, which show only once they are set.
judge_reachable = Gauge(
    "vivavoce_judge_reachable",
    "1 when the judge answered the last batch that asked it, 0 when it answered nobody.",
    ["engine", "model", "revision"],
    multiprocess_mode="mostrecent",
    registry=registry,
)

# Prometheus sees an increase between two samples only: what is rare must be there before it happens.
for _state in (State.GRADED, State.NEEDS_REVIEW, State.FAILED, State.DEAD):
    finished.labels(_state.value)
for _why in ("judge_unavailable", "unanswered", "worker_lost"):
    returned.labels(_why)
for _kind in ("prompt", "cached", "generated"):
    judge_tokens.labels(_kind)
for _flag in Flag:
    flagged.labels(_flag.value)
for _reason in UnscoredReason:
    unscored.labels(_reason.value)
    unscored_criteria.labels(_reason.value)


class QueueCollector(Collector):
    """How many gradings stand where and how old the oldest open one is, read when somebody asks."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See Collector; a database that is away shows as an absent metric."""
        try:
            with self._sessions() as session:
                repository = GradingRepository(session)
                counts, oldest = repository.counts_by_state(), repository.oldest_open()
        except sa.exc.SQLAlchemyError as error:
            _log.warning("the queue cannot be measured: the database cannot be reached (%s)", type(error).__name__)
            return
        states = GaugeMetricFamily("vivavoce_gradings", "Gradings by state.", labels=["state"])
        for state in State:
            states.add_metric([state.value], counts.get(state.value, 0))
        yield states
        age = (clock.now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("vivavoce_oldest_open_seconds", "Age of the oldest open grading.", value=age)


class BuildCollector(Collector):
    """Which version this is."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See Collector."""
        build = GaugeMetricFamily("vivavoce_build_info", "The version, as a label.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def exposition(sessions: SessionFactory) -> bytes:
    """This process's metrics and the queue's, as Prometheus reads them."""
    asked = CollectorRegistry()
    asked.register(QueueCollector(sessions))
    _add_process(asked)
    return generate_latest(registry) + generate_latest(asked)


def of_all_processes() -> CollectorRegistry:
    """The metrics of all processes that share PROMETHEUS_MULTIPROC_DIR."""
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    _add_process(together)
    return together


def _add_process(to: CollectorRegistry) -> None:
    to.register(BuildCollector())
    ProcessCollector(registry=to)
