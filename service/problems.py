"""Exception handlers that turn every error of the API into problem JSON (RFC 9457)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from .api.schemas.common import Problem
from .errors import ServiceError
from .storage.engine import is_unavailable

# What a caller sent may be repeated, not in full and in no form that breaks a line.
_SHOWN_CHARACTERS = 600
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_RETRY_SECONDS = 5
_log = logging.getLogger(__name__)


def add_exception_handlers(app: FastAPI) -> None:
    """Registers a handler for each kind of error, so that all of them come as problem JSON."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(OperationalError, _on_database_error)


def problem_response(
    status: int, *, title: str, detail: str, code: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Builds the response for one problem, as `application/problem+json`."""
    shown = _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], detail)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[: _SHOWN_CHARACTERS // 2]} … {shown[-_SHOWN_CHARACTERS // 2 :]}"
    problem = Problem(title=title, status=status, detail=shown, code=code)
    return JSONResponse(
        problem.model_dump(), status_code=status, media_type="application/problem+json", headers=dict(headers or {})
    )


def internal_error_response() -> JSONResponse:
    """Builds the response for an error that nobody expected; only the log says what it was."""
    return problem_response(
        500,
        title="Internal error",
        detail="The request failed because of an error in the service: send it again, and tell the operator if it "
        "keeps failing.",
        code="internal_error",
    )


async def _on_service_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    title = (type(error).__doc__ or "").strip().splitlines()[0].rstrip(".")
    return problem_response(error.status, title=title, detail=str(error), code=error.code, headers=error.headers)


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # One sentence is enough: the next attempt shows the next error.
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    detail = f"{field}: {_end_sentence(str(first['msg']))}"
    return problem_response(422, title="The request is malformed", detail=detail, code="malformed_request")


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    details = {
        404: "This address does not exist: see /docs for those that do.",
        405: "This address does not support the method: see /docs.",
    }
    if error.status_code == 404 and request.url.path.endswith("/"):
        details[404] = "This address does not exist: leave out the slash at its end, or see /docs."
    headers = dict(error.headers or {})
    if error.status_code == 405 and (methods := _list_methods(request)):
        headers["Allow"] = ", ".join(methods)
    return problem_response(
        error.status_code,
        title=str(error.detail),
        detail=details.get(error.status_code, str(error.detail)),
        code=str(error.detail).lower().replace(" ", "_"),
        headers=headers,
    )


def _list_methods(request: Request) -> list[str]:
    """The methods of all routes at the address; the router itself names those of the first."""
    routes: list[APIRoute] = getattr(request.app.state, "routes", [])
    methods = {method for route in routes if route.path_regex.match(request.url.path) for method in route.methods or ()}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


async def _on_database_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OperationalError)
    if not is_unavailable(error):
        raise error
    _log.error("the database is unavailable: %s", str(error.orig).partition("\n")[0])
    return problem_response(
        503,
        title="The service is not available",
        detail="The database cannot be reached: send the request again, with the same Idempotency-Key, after the "
        "seconds in Retry-After.",
        code="unavailable",
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )


def _end_sentence(message: str) -> str:
    # pydantic prefixes what a validator of ours raised.
    message = message.removeprefix("Value error, ")
    return message if message.endswith((".", "?")) else f"{message}."
