"""Routes for probes and monitoring: liveness, readiness, metrics."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from ....observability import metrics
from ....storage import clock
from ....storage.repositories import GradingRepository
from ...authorization import SeesPartsDep
from ...dependencies import SessionsDep, SettingsDep
from ...schemas.common import Readiness

router = APIRouter(tags=["health"])


@router.get(
    "/healthz",
    summary="Alive",
    responses={200: {"content": {"application/json": {"example": {"status": "ok"}}}}},
)
async def alive() -> dict[str, str]:
    """Returns 200 while the process answers requests; it checks nothing else."""
    return {"status": "ok"}


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def show_metrics(sessions: SessionsDep) -> Response:
    """Returns the metrics of this process and the state of the queue, in the text format of Prometheus."""
    return Response(metrics.exposition(sessions), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@router.get("/readyz", summary="Ready", responses={503: {"model": Readiness}})
def ready(
    request: Request, response: Response, sessions: SessionsDep, settings: SettingsDep, sees_parts: SeesPartsDep
) -> Readiness:
    """Returns 200 if answers can be stored and are graded in time, else 503.

    An unavailable judge alone does not make the service unready, as answers wait for it. Once the oldest open grading
    is older than `VIVA_READY_MAX_AGE_SECONDS`, the status is 503, unless a worker is grading or has finished a grading
    in that time. In production the parts of the service are null unless the request has a key with the scope
    `service:read`.
    """
    judge = request.app.state.judge_status() if sees_parts else None
    try:
        with sessions() as session:
            repository = GradingRepository(session)
            queue = dict(repository.counts_by_state())
            oldest = repository.oldest_open()
            age = (clock.now() - oldest).total_seconds() if oldest else None
            late = _is_stuck(repository, age, limit=settings.ready_max_age_seconds)
    except sa.exc.SQLAlchemyError as error:
        response.status_code = 503
        # The class alone: the message may contain the password.
        return Readiness(
            ready=False,
            database=f"not reachable ({type(error).__name__})" if sees_parts else None,
            judge=judge,
            queue={} if sees_parts else None,
            oldest_open_seconds=None,
        )
    if late:
        response.status_code = 503
    if not sees_parts:
        return Readiness(ready=not late, database=None, judge=None, queue=None, oldest_open_seconds=None)
    return Readiness(ready=not late, database="ok", judge=judge, queue=queue, oldest_open_seconds=age)


def _is_stuck(repository: GradingRepository, age: float | None, *, limit: float) -> bool:
    """Returns whether the oldest open grading is older than the limit, in seconds, and no worker makes progress."""
    if not limit or age is None or age <= limit:
        return False
    now = clock.now()
    return not repository.is_progressing(now=now, since=now - timedelta(seconds=limit))
