"""Prometheus metrics of every stage from the request to the verdict."""

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
from ..storage.repositories import DeliveryRepository, EndpointRepository, GradingRepository
from ..storage.tables import State

# Buckets in seconds, of requests and of gradings.
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
# Buckets of scores and of confidences.
_POINTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
_TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)

_log = logging.getLogger(__name__)
registry = CollectorRegistry()
http_requests = Counter(
    "vivavoce_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
)
http_seconds = Histogram(
    "vivavoce_http_request_seconds", "Seconds to answer a request.", ["route"], buckets=_FAST, registry=registry
)
submitted = Counter("vivavoce_gradings_submitted", "Answers submitted.", registry=registry)
finished = Counter("vivavoce_gradings_finished", "Gradings finished, by state.", ["state"], registry=registry)
turnaround_seconds = Histogram(
    "vivavoce_grading_seconds",
    "Seconds from the submission of an answer to its result.",
    buckets=_SLOW,
    registry=registry,
)
stage_seconds = Histogram(
    "vivavoce_stage_seconds",
    "Seconds that a worker spends on a batch, by stage.",
    ["stage"],
    buckets=_SLOW,
    registry=registry,
)
returned = Counter("vivavoce_gradings_returned", "Gradings requeued, by cause.", ["why"], registry=registry)
late_results = Counter("vivavoce_late_results", "Results refused because the lease was lost.", registry=registry)
unscored = Counter("vivavoce_unscored_reports", "Reports without a score, by reason.", ["reason"], registry=registry)
unscored_criteria = Counter(
    "vivavoce_unscored_criteria", "Criteria left without a verdict, by reason.", ["reason"], registry=registry
)
flagged = Counter("vivavoce_flagged_reports", "Reports with a flag, by flag.", ["flag"], registry=registry)
scores = Histogram("vivavoce_report_score", "Scores given, 0 to 10.", buckets=_POINTS, registry=registry)
confidences = Histogram(
    "vivavoce_report_confidence", "Confidence of reports, 0 to 1.", buckets=_TENTHS, registry=registry
)
judge_calls = Counter("vivavoce_judge_calls", "Judge calls that gave verdicts.", registry=registry)
judge_cached = Counter(
    "vivavoce_judge_verdicts_cached", "Verdicts read from earlier calls instead of asking again.", registry=registry
)
judge_seconds = Counter("vivavoce_judge_seconds", "Seconds that judge calls took, summed.", registry=registry)
judge_tokens = Counter("vivavoce_judge_tokens", "Tokens of judge calls, by kind.", ["kind"], registry=registry)
# Labels, because a gauge without them would start at 0: unreachable.
judge_reachable = Gauge(
    "vivavoce_judge_reachable",
    "1 if the judge answered for the last batch that asked it, 0 if it was unavailable.",
    ["engine", "model", "revision"],
    multiprocess_mode="mostrecent",
    registry=registry,
)

# Prometheus misses the first increase of a new series.
for _state in (State.GRADED, State.NEEDS_REVIEW, State.FAILED, State.DEAD):
    finished.labels(_state.value)
for _why in ("judge_unavailable", "unanswered", "worker_lost", "budget"):
    returned.labels(_why)
for _kind in ("prompt", "cached", "generated"):
    judge_tokens.labels(_kind)
for _flag in Flag:
    flagged.labels(_flag.value)
for _reason in UnscoredReason:
    unscored.labels(_reason.value)
    unscored_criteria.labels(_reason.value)


class QueueCollector(Collector):
    """Gradings by state and the age of the oldest open one, read from the database at each scrape."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See Collector. Yields nothing while the database is unavailable."""
        try:
            with self._sessions() as session:
                repository = GradingRepository(session)
                counts, oldest = repository.counts_by_state(), repository.oldest_open()
        except sa.exc.SQLAlchemyError as error:
            _log.warning("the metrics of the queue are missing: the database is unavailable (%s)", type(error).__name__)
            return
        states = GaugeMetricFamily("vivavoce_gradings", "Gradings by state.", labels=["state"])
        for state in State:
            states.add_metric([state.value], counts.get(state.value, 0))
        yield states
        age = (clock.now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("vivavoce_oldest_open_seconds", "Age of the oldest open grading.", value=age)


class WebhookCollector(Collector):
    """Webhooks by state and deliveries that wait, read from the database at each scrape."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See Collector. Yields nothing while the database is unavailable."""
        try:
            with self._sessions() as session:
                counts = EndpointRepository(session).counts_by_health()
                pending = DeliveryRepository(session).count_pending()
        except sa.exc.SQLAlchemyError as error:
            _log.warning("the metrics of webhooks are missing: the database is unavailable (%s)", type(error).__name__)
            return
        webhooks = GaugeMetricFamily("vivavoce_webhooks", "Webhooks by state.", labels=["state"])
        for state, count in counts.items():
            webhooks.add_metric([state], count)
        yield webhooks
        yield GaugeMetricFamily(
            "vivavoce_webhook_deliveries_pending", "Events that wait for a webhook to take them.", value=pending
        )


class BuildCollector(Collector):
    """The version of vivavoce."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See Collector."""
        build = GaugeMetricFamily("vivavoce_build_info", "The version, as a label.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def exposition(sessions: SessionFactory) -> bytes:
    """Returns the metrics of this process and of the queue in the text format of Prometheus."""
    return generate_latest(of_service(sessions))


def of_service(sessions: SessionFactory) -> CollectorRegistry:
    """Returns the metrics of this process and of the queue."""
    # A new one each time, as the sessions belong to the caller.
    merged = CollectorRegistry()
    merged.register(registry)
    merged.register(QueueCollector(sessions))
    merged.register(WebhookCollector(sessions))
    _register_process(merged)
    return merged


def of_all_processes() -> CollectorRegistry:
    """Returns the metrics of all processes that share the folder in PROMETHEUS_MULTIPROC_DIR."""
    merged = CollectorRegistry()
    multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
    _register_process(merged)
    return merged


def _register_process(target: CollectorRegistry) -> None:
    target.register(BuildCollector())
    ProcessCollector(registry=target)
