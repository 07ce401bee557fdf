"""The web application, wired together in one place."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivavoce import __version__
from vivavoce.rubrics import Bank

from .api import gradings, health, questions
from .doorbell import Doorbell
from .errors import BodyTooLarge, ServiceError
from .observation import Observed
from .schemas import Problem
from .settings import Settings
from .storage.engine import SessionFactory

MAX_BODY_BYTES = 1024 * 1024
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
    doorbell: Doorbell,
    judge_status: Callable[[], str],
    is_stopping: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """The API. `judge_status` says in a few words how the judge is, for `/readyz`; `is_stopping` that no request
    should be kept waiting any longer."""
    app = FastAPI(title="vivavoce", version=__version__, description=_DESCRIPTION)
    app.state.settings = settings
    app.state.sessions = sessions
    app.state.bank = bank
    app.state.doorbell = doorbell
    app.state.judge_status = judge_status
    app.state.is_stopping = is_stopping
    app.include_router(gradings.router)
    app.include_router(questions.router)
    app.include_router(health.router)
    app.add_middleware(_BodyLimit)
    app.add_middleware(Observed)
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_surprise)
    return app


def _problem(status: int, *, title: str, detail: str, code: str) -> JSONResponse:
    problem = Problem(title=title, status=status, detail=detail, code=code)
    return JSONResponse(problem.model_dump(), status_code=status, media_type="application/problem+json")


async def _on_service_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    title = (type(error).__doc__ or "").strip().splitlines()[0].rstrip(".")
    return _problem(error.status, title=title, detail=str(error), code=error.code)


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        detail = f"The body is not JSON ({first['ctx']['error']}): send a JSON object as UTF-8."
    else:
        place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        detail = f"{place}: {_sentence(str(first['msg']))}"
    return _problem(422, title="The request is malformed", detail=detail, code="malformed_request")


async def _on_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return _problem(
            400,
            title="The body cannot be read",
            detail="The body is not JSON in UTF-8: send a JSON object in that encoding.",
            code="unreadable_body",
        )
    details = {
        404: "There is nothing at this address: see /docs for the ones there are.",
        405: "This address does not take that method: see /docs.",
    }
    return _problem(
        error.status_code,
        title=str(error.detail),
        detail=details.get(error.status_code, str(error.detail)),
        code=str(error.detail).lower().replace(" ", "_"),
    )


async def _on_surprise(request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected error on %s %s", request.method, request.url.path, exc_info=error)
    return _problem(
        500,
        title="Something went wrong on our side",
        detail="The request was not carried out: send it again, and tell the operator if it keeps failing.",
        code="internal_error",
    )


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message}."


class _BodyLimit:
    """Refuses a body before it is read into memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0
        started = False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise BodyTooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
                raise BodyTooLarge
            await self._app(scope, counted, watched)
        except BodyTooLarge:
            if started:
                raise
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = _problem(
            413,
            title="The request is too large",
            detail=f"The body is larger than {MAX_BODY_BYTES // 1024} KiB: send one answer a request.",
            code=BodyTooLarge.code,
        )
        refuse: Callable[[Scope, Receive, Send], Awaitable[Any]] = response
        await refuse(scope, receive, send)
