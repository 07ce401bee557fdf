"""The web application: routes, middleware and error handlers in one place."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import iter_route_contexts

from vivavoce import __version__
from vivavoce.rubrics import Bank

from .access.known_callers import KnownCallers
from .access.rate_limits import RateLimits
from .access.rules import check_rules
from .api.authorization import authorize
from .api.documents import docs_page
from .api.documents.openapi import build_openapi
from .api.event_watcher import EventWatcher
from .api.middleware import HeadMiddleware, RateLimitFieldsMiddleware, SecurityHeadersMiddleware
from .api.question_lists import load_questions
from .api.request_body import refuse_other_types
from .api.routes import ROUTERS
from .api.streams import OpenStreams
from .api.waiting import WaitingRequests
from .notifier import Notifier
from .observability.middleware import BodyLimitMiddleware, RequestContextMiddleware
from .problems import add_exception_handlers
from .settings import Settings, split_urls
from .storage.engine import SessionFactory

_DESCRIPTION = """Submit a free-text interview answer and get a score from 0 to 10 with its range, confidence, reasons
and feedback.

1. `POST /v1/gradings` with `question_id` and `answer` returns 202 and the `Location` of the grading.

2. `GET /v1/gradings/{id}?wait=30` waits up to 30 seconds for the report.

A grading is `queued`, then `running`. It ends as `graded`, as `needs_review` (a person should check it), as `failed`
(no score; `reason` says why), as `dead` (its workers crashed) or as `cancelled`. A failure of the judge never becomes
a score."""

# Beside those that pages may always read.
_READ_BY_PAGES = (
    *("ETag", "Idempotent-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"),
    *("WWW-Authenticate", "X-Request-ID"),
)


def create_app(
    settings: Settings,
    *,
    sessions: SessionFactory,
    bank: Bank,
    notifier: Notifier,
    judge_status: Callable[[], str],
    is_stopping: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """Builds the API.

    `judge_status` describes the judge in a few words for `/readyz`. Once `is_stopping` returns True, requests that
    wait for a report or an event are answered at once, and streams end.
    """
    app = FastAPI(
        title="vivavoce",
        version=__version__,
        description=_DESCRIPTION,
        # Those of our own load nothing from elsewhere, and let others be answered meanwhile.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # A redirect would go to whatever host the caller names.
        redirect_slashes=False,
        # In this order: what a caller without a key sends is nobody's concern.
        dependencies=[Depends(authorize), Depends(refuse_other_types)],
        # Generated clients name their functions by it.
        generate_unique_id_function=lambda route: route.name,
    )
    app.openapi = lambda: build_openapi(app)  # type: ignore[method-assign]
    app.state.settings = settings
    app.state.sessions = sessions
    app.state.bank = bank
    app.state.notifier = notifier
    app.state.judge_status = judge_status
    app.state.is_stopping = is_stopping
    app.state.waiting = WaitingRequests(sessions, is_stopping)
    app.state.event_watcher = EventWatcher(sessions, is_stopping)
    app.state.open_streams = OpenStreams()
    app.state.question_lists = {}
    app.state.rate_limits = RateLimits(settings)
    app.state.known_callers = KnownCallers()
    for router in (*ROUTERS, docs_page.router):
        app.include_router(router)
    # `app.routes` has the routers, which have the routes.
    app.state.routes = [route for router in (*ROUTERS, docs_page.router) for route in router.routes]
    check_rules(list_route_names(app))
    # The last is the outermost, so that refused bodies are logged too.
    app.add_middleware(HeadMiddleware)
    app.add_middleware(BodyLimitMiddleware, upload_bytes=round(settings.upload_max_mib * 1024 * 1024))
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(RateLimitFieldsMiddleware)
    if origins := split_urls(settings.cors_origins):
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=_READ_BY_PAGES,
        )
    app.add_middleware(RequestContextMiddleware)
    add_exception_handlers(app)
    return app


def list_route_names(app: FastAPI) -> list[str]:
    """Returns the names of all routes, also of those in routers, which `app.routes` does not list."""
    return [str(context.name) for context in iter_route_contexts(app.routes)]


def warm_up(app: FastAPI) -> None:
    """Builds what is the same in every reply; built by the first request, it would hold up others."""
    app.openapi()
    for language in (None, "zh", "en"):
        load_questions(app, language)
