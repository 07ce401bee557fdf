"""Reads bodies of requests: what cannot be one is refused early, at a cost that the limits here bound."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from ..errors import UnreadableBody, UnsupportedBody, UnusableRequest
from ..gradings.validation import check_characters

# Far above what a valid request has.
MAX_FIELDS = 64
MAX_ITEMS = 200
MAX_VALUES = 2_000
MAX_DEPTH = 16
# Less than a millisecond of work.
_PARSED_AT_ONCE_BYTES = 8 * 1024
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHER_UNICODE = (b"\xff\xfe", b"\xfe\xff")
# The only ways to write a NUL or half a character in JSON.
_ESCAPES = ("\\u0000", "\\ud", "\\uD")
_NAMES = {"answer": "answer", "candidate": "candidate reference"}
Model = TypeVar("Model", bound=BaseModel)


def read_body(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """Returns a dependency that gives a request's JSON body as a model.

    It raises UnsupportedBody, UnreadableBody, UnusableAnswer, UnusableRequest or RequestValidationError.
    """

    async def read(request: Request) -> Model:
        check_content_headers(request.headers)
        try:
            body = await request.body()
        except ClientDisconnect:
            raise UnreadableBody("The connection ended before the body: send the request again.") from None
        return await run_parser(parse_body, body, model)

    return read


async def run_parser(parse: Callable[[bytes, type[Model]], Model], body: bytes, model: type[Model]) -> Model:
    """Returns what a parser makes of a body. A large one is parsed in a thread: others are answered meanwhile."""
    # A thread costs more than a small body does.
    if len(body) <= _PARSED_AT_ONCE_BYTES:
        return parse(body, model)
    return await anyio.to_thread.run_sync(parse, body, model)


def refuse_other_types(request: Request) -> None:
    """Raises UnsupportedBody for a body that FastAPI is to read and that is not announced as JSON in UTF-8.

    FastAPI itself would say that a text is no JSON object.
    """
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body and getattr(request.scope["route"], "body_field", None) is not None:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        # As application/merge-patch+json.
        also = (media_type,) if media_type.startswith("application/") and media_type.endswith("+json") else ()
        check_content_headers(request.headers, accepted=("application/json", *also))


def check_content_headers(headers: Headers, *, accepted: Sequence[str] = ("application/json",)) -> str:
    """Returns the media type of a body; raises UnsupportedBody unless it is an accepted one, plain and in UTF-8."""
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    if media_type.strip().lower() not in accepted:
        found = f"'{media_type.strip()[:60]}'" if media_type.strip() else "missing"
        raise UnsupportedBody(f"The Content-Type is {found}: send Content-Type: {' or '.join(accepted)}.")
    name, _, charset = parameters.strip().partition("=")
    if name.strip().lower() == "charset" and charset.strip(' "').lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedBody(f"The charset of the body is {charset.strip()[:40]}: send it in UTF-8.")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedBody(
            f"The body is compressed ({encoding[:40]}), and compressed bodies are not read: send it as it is, "
            "without Content-Encoding."
        )
    return media_type.strip().lower()


def parse_body(body: bytes, model: type[Model]) -> Model:
    """Returns what bytes of JSON describe; numbers and texts must be written as such.

    Raises UnreadableBody, UnusableAnswer, UnusableRequest or RequestValidationError.
    """
    text = decode_body(body)
    value = parse_json(text)
    check_size(value)
    if any(escape in text for escape in _ESCAPES):
        check_texts(value, path=())
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found], body=value) from None


def decode_body(body: bytes, *, kind: str = "JSON") -> str:
    """Returns the text of a body; raises UnreadableBody unless it is UTF-8. `kind` names its format."""
    if not body.strip():
        raise UnreadableBody(f"The body is empty: send {kind} as UTF-8.")
    if body.startswith(_GZIP):
        raise UnreadableBody(f"The body is compressed (gzip): send the {kind} as it is.")
    if body.startswith(_OTHER_UNICODE):
        raise UnreadableBody(f"The body is in UTF-16: send the {kind} as UTF-8.")
    try:
        return body.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableBody(
            f"The body is not {kind} in UTF-8 (byte {error.start + 1} is no part of a character): send it in that "
            "encoding."
        ) from None


def parse_json(text: str) -> Any:
    """Returns the value of JSON; raises UnreadableBody, or UnusableRequest for more objects than any body has."""
    try:
        return json.loads(text, object_pairs_hook=_ObjectBuilder(), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise UnreadableBody(
            f"The body is not JSON ({error.msg} at line {error.lineno}, column {error.colno}): send a JSON object as "
            "UTF-8."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        # Python bounds the digits of a number that it converts.
        raise UnreadableBody("A number in the body has thousands of digits: send a shorter one.") from None


class _ObjectBuilder:
    """Builds the objects of one body, as the hook of a JSON parser; stops at more than any request has."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._seen += 1
        if self._seen > MAX_VALUES:
            raise _too_many(f"it has more than {MAX_VALUES:,} objects")
        if len(pairs) > MAX_FIELDS:
            raise _too_many(f"an object has {len(pairs):,} fields, at most {MAX_FIELDS} are read")
        built = dict(pairs)
        if len(built) < len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            raise UnreadableBody(f"'{repeated[:64]}' appears twice in one object of the body: send it once.")
        return built


def _refuse_constant(name: str) -> None:
    raise UnreadableBody(f"The body has {name}, which is not JSON: send a number or leave the field out.")


def check_size(value: Any) -> None:
    """Raises UnusableRequest for more values or longer lists than any request has, UnreadableBody for more levels."""
    seen = 0
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for part in level:
            if isinstance(part, list) and len(part) > MAX_ITEMS:
                raise _too_many(f"a list has {len(part):,} items, at most {MAX_ITEMS} are read")
            if isinstance(part, dict | list):
                inner += part.values() if isinstance(part, dict) else part
            seen += 1
        if seen + len(inner) > MAX_VALUES:
            raise _too_many(f"it has more than {MAX_VALUES:,} values")
        level = inner
    if level:
        raise _too_deep()


def check_texts(value: Any, *, path: Sequence[str | int]) -> None:
    """Raises UnusableAnswer for a text, at any depth, that no database can store."""
    if isinstance(value, str):
        place = ".".join(map(str, path))
        pointer = "".join(f"/{part}" for part in path)
        check_characters(value, what=_NAMES.get(place, f"text at '{place}'"), pointer=pointer)
    elif isinstance(value, dict):
        for name, part in value.items():
            check_characters(name, what="name of a field")
            check_texts(part, path=(*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            check_texts(part, path=(*path, index))


def _too_many(what: str) -> UnusableRequest:
    return UnusableRequest(f"The body is too large for one answer or one rubric ({what}): send one a request.")


def _too_deep() -> UnreadableBody:
    return UnreadableBody(f"The body is nested too deep: at most {MAX_DEPTH} levels are read.")
