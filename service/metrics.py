"""What Prometheus is told: every stage from the request to the verdict."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from . import lifecycle
from .storage.engine import SessionFactory
from .storage.repositories import GradingRepository
from .storage.tables import State

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)

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
judge_calls = Counter("vivavoce_judge_calls", "Calls that brought verdicts.", registry=registry)
judge_cached = Counter("vivavoce_judge_verdicts_cached", "Verdicts that were on record already.", registry=registry)
judge_seconds = Counter("vivavoce_judge_seconds", "Time that judge calls took, added up.", registry=registry)
judge_tokens = Counter("vivavoce_judge_tokens", "Tokens of judge calls.", ["kind"], registry=registry)


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
        age = (lifecycle.now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("vivavoce_oldest_open_seconds", "Age of the oldest open grading.", value=age)


def exposition(sessions: SessionFactory) -> bytes:
    """This process's metrics and the queue's, as Prometheus reads them."""
    queue = CollectorRegistry()
    queue.register(QueueCollector(sessions))
    return generate_latest(registry) + generate_latest(queue)


def of_all_processes() -> CollectorRegistry:
    """The metrics of all processes that share PROMETHEUS_MULTIPROC_DIR."""
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
