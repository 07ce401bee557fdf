"""Reads small bodies of JSON within the limits of request_body.py, outside the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from ..errors import UnreadableBody
from .request_body import check_content_headers, check_size, check_texts, decode_body, parse_json, run_parser

Model = TypeVar("Model", bound=BaseModel)


def build_reader(model: type[Model], *, optional: bool = False) -> Callable[[Request], Awaitable[Model]]:
    """Returns the dependency that reads a body; an `optional` one may be empty, and has the defaults then.

    The dependency raises UnsupportedBody, UnreadableBody, UnusableAnswer, UnusableRequest or RequestValidationError.
    """

    async def read_body(request: Request) -> Model:
        try:
            body = await request.body()
        except ClientDisconnect:
            raise UnreadableBody("The connection ended before the body: send the request again.") from None
        if optional and not body.strip():
            return model()
        check_content_headers(request.headers)
        return await run_parser(parse_body, body, model)

    return read_body


def parse_body(body: bytes, model: type[Model]) -> Model:
    """Returns what bytes of JSON describe; numbers and texts must be written as such. Raises as the reader does."""
    text = decode_body(body)
    value: Any = parse_json(text)
    check_size(value)
    check_texts(value, path=())
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise RequestValidationError([{**first, "loc": ("body", *first["loc"])}]) from None
