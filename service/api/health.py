"""Is it alive, and can it take answers in?"""

from __future__ import annotations

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from ..dependencies import SessionsDep, SettingsDep
from ..observability import metrics
from ..schemas import Readiness
from ..storage import clock
from ..storage.repositories import GradingRepository

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Alive")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
def show_metrics(sessions: SessionsDep) -> Response:
    """This process's counters and the state of the queue, in Prometheus's text format."""
    return Response(metrics.exposition(sessions), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@router.get("/readyz", summary="Ready", responses={503: {"model": Readiness}})
def ready(request: Request, response: Response, sessions: SessionsDep, settings: SettingsDep) -> Readiness:
    """Answers can be taken in and are graded in time.

    A judge that is out of reach is named here, and answers wait for it; once the oldest has waited for
    longer than `VIVA_READY_MAX_AGE_SECONDS`, this is no longer ready.
    """
    judge = request.app.state.judge_status()
    try:
        with sessions() as session:
            repository = GradingRepository(session)
            queue = dict(repository.counts_by_state())
            oldest = repository.oldest_open()
    except sa.exc.SQLAlchemyError as error:
        response.status_code = 503
        return Readiness(
            ready=False,
            database=f"not reachable ({type(error).__name__})",
            judge=judge,
            queue={},
            oldest_open_seconds=None,
        )
    age = (clock.now() - oldest).total_seconds() if oldest else None
    limit = settings.ready_max_age_seconds
    late = bool(limit) and age is not None and age > limit
    if late:
        response.status_code = 503
    return Readiness(ready=not late, database="ok", judge=judge, queue=queue, oldest_open_seconds=age)
