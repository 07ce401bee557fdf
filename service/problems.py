"""Errors as problem JSON (RFC 9457)."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .errors import ServiceError
from .schemas import Problem

_log = logging.getLogger(__name__)


def add_exception_handlers(app: FastAPI) -> None:
    """Answer every error of the API with problem JSON."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_surprise)


def problem_response(status: int, *, title: str, detail: str, code: str) -> JSONResponse:
    """A response with one problem."""
    problem = Problem(title=title, status=status, detail=detail, code=code)
    return JSONResponse(problem.model_dump(), status_code=status, media_type="application/problem+json")


async def _on_service_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    title = (type(error).__doc__ or "").strip().splitlines()[0].rstrip(".")
    return problem_response(error.status, title=title, detail=str(error), code=error.code)


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        detail = f"The body is not JSON ({first['ctx']['error']}): send a JSON object as UTF-8."
    else:
        place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        detail = f"{place}: {_sentence(str(first['msg']))}"
    return problem_response(422, title="The request is malformed", detail=detail, code="malformed_request")


async def _on_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return problem_response(
            400,
            title="The body cannot be read",
            detail="The body is not JSON in UTF-8: send a JSON object in that encoding.",
            code="unreadable_body",
        )
    details = {
        404: "There is nothing at this address: see /docs for the ones there are.",
        405: "This address does not take that method: see /docs.",
    }
    return problem_response(
        error.status_code,
        title=str(error.detail),
        detail=details.get(error.status_code, str(error.detail)),
        code=str(error.detail).lower().replace(" ", "_"),
    )


async def _on_surprise(request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected error on %s %s", request.method, request.url.path, exc_info=error)
    return problem_response(
        500,
        title="Something went wrong on our side",
        detail="The request was not carried out: send it again, and tell the operator if it keeps failing.",
        code="internal_error",
    )


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message}."
