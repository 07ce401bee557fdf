"""The web application, wired together in one place."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import FastAPI

from vivavoce import __version__
from vivavoce.rubrics import Bank

from .api import gradings, health, questions
from .notifier import Notifier
from .observability.middleware import BodyLimitMiddleware, RequestContextMiddleware
from .problems import add_exception_handlers
from .settings import Settings
from .storage.engine import SessionFactory

_DESCRIPTION = """Submit a free-text interview answer, get a score with its reasons, its doubts and feedback.

1. `POST /v1/gradings` with `question_id` and `answer`: 202, and `Location` of the grading.
2. `GET /v1/gradings/{id}?wait=30`: the report as soon as it is there.

A grading is `queued` or `running` until it is `graded`, `needs_review` (graded, and a person should look),
`failed` (the judge cannot judge it; `reason` says why) or `dead`. A failed judge never becomes a score."""
_log = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    *,
    sessions: SessionFactory,
    bank: Bank,
    notifier: Notifier,
    judge_status: Callable[[], str],
    is_stopping: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """The API. `judge_status` says in a few words how the judge is, for `/readyz`; `is_stopping` that no request
    should be kept waiting any longer."""
    app = FastAPI(title="vivavoce", version=__version__, description=_DESCRIPTION)
    app.state.settings = settings
    app.state.sessions = sessions
    app.state.bank = bank
    app.state.notifier = notifier
    app.state.judge_status = judge_status
    app.state.is_stopping = is_stopping
    app.include_router(gradings.router)
    app.include_router(questions.router)
    app.include_router(health.router)
    app.add_middleware(BodyLimitMiddleware)
    app.add_middleware(RequestContextMiddleware)
    add_exception_handlers(app)
    return app
