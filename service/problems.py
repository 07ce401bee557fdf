"""Exception handlers that turn every error of the API into problem JSON (RFC 9457)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from .api.schemas.common import Problem, ProblemError
from .api.validation_errors import list_errors, name_place
from .errors import RefusedItems, ServiceError
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
    status: int,
    *,
    title: str,
    detail: str,
    code: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[ProblemError] | None = None,
) -> JSONResponse:
    """Builds the response for one problem, as `application/problem+json`."""
    cleaned = [_clean_error(error) for error in errors] if errors else None
    problem = Problem(title=title, status=status, detail=_clean(detail), code=code, errors=cleaned)
    return JSONResponse(
        problem.model_dump(), status_code=status, media_type="application/problem+json", headers=dict(headers or {})
    )


def _clean(text: str) -> str:
    """Returns a text in one line, in valid characters, and cut in the middle if it is long."""
    shown = _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)
    if len(shown) <= _SHOWN_CHARACTERS:
        return shown
    return f"{shown[: _SHOWN_CHARACTERS // 2]} … {shown[-_SHOWN_CHARACTERS // 2 :]}"


def _clean_error(error: ProblemError) -> ProblemError:
    texts = {name: _clean(value) for name, value in error.model_dump().items() if value is not None}
    return error.model_copy(update=texts)


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
    detail = str(error)
    errors = None
    if error.pointer is not None:
        errors = [ProblemError(pointer=error.pointer, parameter=None, code=error.code, detail=detail)]
    elif isinstance(error, RefusedItems):
        errors = [
            ProblemError(pointer=item["pointer"], parameter=None, code=item["code"], detail=item["detail"])
            for item in error.errors
        ]
    return problem_response(
        error.status, title=title, detail=detail, code=error.code, headers=error.headers, errors=errors
    )


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = list_errors(error.errors(), error.body)
    first = errors[0]
    return problem_response(
        422,
        title="The request is malformed",
        detail=f"{name_place(first)}: {first.detail}",
        code="malformed_request",
        errors=errors,
    )


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    details = {
        404: "This address does not exist: see /docs for those that do.",
        405: "This address does not support the method: see /docs.",
    }
    if error.status_code == 404 and request.url.path.endswith("/"):
        details[404] = "This address does not exist: leave out the slash at its end, or see /docs."
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_list_methods(request))
    return problem_response(
        error.status_code,
        title=str(error.detail),
        detail=details.get(error.status_code, str(error.detail)),
        code=str(error.detail).lower().replace(" ", "_"),
        headers=headers,
    )


def _list_methods(request: Request) -> list[str]:
    """Returns the methods of an address; each may have a route of its own."""
    known = getattr(request.app.state, "routes", request.app.routes)
    routes = [route for route in known if isinstance(route, Route)]
    found = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = set[str]().union(*found)
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


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
