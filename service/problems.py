"""Exception handlers that turn every error of the API into problem JSON (RFC 9457)."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .api.schemas import Problem
from .errors import ServiceError

_log = logging.getLogger(__name__)


def add_exception_handlers(app: FastAPI) -> None:
    """Registers a handler for each kind of error, so that all of them come as problem JSON."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected_error)


def problem_response(status: int, *, title: str, detail: str, code: str) -> JSONResponse:
    """Builds the response for one problem, as `application/problem+json`."""
    problem = Problem(title=title, status=status, detail=detail, code=code)
    return JSONResponse(problem.model_dump(), status_code=status, media_type="application/problem+json")


async def _on_service_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    title = (type(error).__doc__ or "").strip().splitlines()[0].rstrip(".")
    return problem_response(error.status, title=title, detail=str(error), code=error.code)


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # One sentence is enough: the next attempt shows the next error.
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        detail = f"The body is not JSON ({first['ctx']['error']}): send a JSON object as UTF-8."
    else:
        field = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        detail = f"{field}: {_end_sentence(str(first['msg']))}"
    return problem_response(422, title="The request is malformed", detail=detail, code="malformed_request")


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    # FastAPI turns an error raised while it reads the body into 400.
    if isinstance(error.__cause__, ServiceError):
        return await _on_service_error(request, error.__cause__)
    # Otherwise it raises 400 only for a body that it cannot decode.
    if error.status_code == 400:
        return problem_response(
            400,
            title="The body cannot be read",
            detail="The body is not JSON in UTF-8: send a JSON object in that encoding.",
            code="unreadable_body",
        )
    details = {
        404: "This address does not exist: see /docs for those that do.",
        405: "This address does not support the method: see /docs.",
    }
    return problem_response(
        error.status_code,
        title=str(error.detail),
        detail=details.get(error.status_code, str(error.detail)),
        code=str(error.detail).lower().replace(" ", "_"),
    )


async def _on_unexpected_error(request: Request, error: Exception) -> JSONResponse:
    # The traceback goes to the log alone: callers must not see it.
    _log.error("unexpected error on %s %s", request.method, request.url.path, exc_info=error)
    return problem_response(
        500,
        title="Internal error",
        detail="The request failed because of an error in the service: send it again, and tell the operator if it "
        "keeps failing.",
        code="internal_error",
    )


def _end_sentence(message: str) -> str:
    # pydantic prefixes what a validator of ours raised.
    message = message.removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message}."
