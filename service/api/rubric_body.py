"""Reads the body of a request that has a rubric, as JSON or as YAML, within the limits of request_body.py.

YAML is read without aliases, of which a few lines can stand for gigabytes, and without tags.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

import anyio
import yaml
from fastapi import Request
from starlette.requests import ClientDisconnect

from vivavoce.rubrics.yaml_text import LOADER, YamlProblem, parse_yaml

from ..errors import UnreadableBody, UnusableAnswer, UnusableRequest, UnusableRubric
from .request_body import MAX_DEPTH, MAX_VALUES, check_content_headers, check_size, check_texts, decode_body, parse_json

JSON_TYPE = "application/json"
YAML_TYPE = "application/yaml"
_YAML_TYPES = (YAML_TYPE, "application/x-yaml", "text/yaml")
# Each value is an event, and so is each name of a field.
_MAX_EVENTS = 4 * MAX_VALUES


async def read_rubric_body(request: Request) -> dict[str, Any]:
    """Returns the fields in a body of JSON or YAML.

    Raises UnsupportedBody, UnreadableBody, UnusableRequest or UnusableRubric.
    """
    media_type = check_content_headers(request.headers, accepted=(JSON_TYPE, *_YAML_TYPES))
    body = await _read_bytes(request)
    parse = parse_json_document if media_type == JSON_TYPE else parse_yaml_document
    # In a thread, so that other requests are answered meanwhile.
    return await anyio.to_thread.run_sync(parse, body)


def parse_json_document(body: bytes) -> dict[str, Any]:
    """Returns the object that bytes of JSON describe; raises UnreadableBody, UnusableRequest or UnusableRubric."""
    return _check_document(parse_json(decode_body(body)))


def parse_yaml_document(body: bytes) -> dict[str, Any]:
    """Returns the mapping that bytes of YAML describe; raises UnreadableBody, UnusableRequest or UnusableRubric."""
    text = decode_body(body, kind="YAML")
    try:
        _check_events(text)
        # JSON has no form for dates and the like, and its names are texts.
        value = json.loads(json.dumps(parse_yaml(text), allow_nan=False))
    except YamlProblem as problem:
        place = f", line {problem.line}" if problem.line else ""
        raise UnreadableBody(f"The body is not YAML{place}: {problem}.") from None
    except (TypeError, ValueError, RecursionError):
        raise UnreadableBody(
            "A value in the YAML is a date, a set or no finite number, which a rubric has none of: put it in quotes."
        ) from None
    return _check_document(value)


def _check_events(text: str) -> None:
    """Raises UnreadableBody for aliases and deep nesting, UnusableRequest for too many values, before any is built."""
    depth = 0
    try:
        for count, event in enumerate(yaml.parse(text, Loader=LOADER)):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise UnreadableBody(
                    f"Line {line} of the YAML has the alias '*{str(event.anchor)[:40]}', and aliases are not read: "
                    "write the text out, or put it in quotes."
                )
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise UnreadableBody(f"The body is nested too deep: at most {MAX_DEPTH} levels are read.")
            if count > _MAX_EVENTS:
                raise UnusableRequest(
                    f"The body is too large for one rubric (it has more than {MAX_VALUES:,} values): send one only."
                )
    except yaml.YAMLError:
        # Parsed again next, by what explains it.
        return


def _check_document(value: Any) -> dict[str, Any]:
    check_size(value)
    try:
        check_texts(value, path=())
    except UnusableAnswer as error:
        raise UnusableRubric(str(error)) from None
    if not isinstance(value, dict):
        raise UnusableRubric("The body is not one rubric: send an object with 'question', 'criteria' and so on.")
    return {str(name): part for name, part in value.items()}


async def read_canvas_body(request: Request) -> str:
    """Returns the text of a CSV file of Canvas; raises UnsupportedBody, UnreadableBody or UnusableRubric."""
    check_content_headers(request.headers, accepted=("text/csv",))
    body = await _read_bytes(request)
    text = decode_body(body, kind="CSV")
    try:
        check_texts(text, path=("file",))
    except UnusableAnswer as error:
        raise UnusableRubric(str(error)) from None
    # Canvas writes its files with the mark, and reads them so.
    return ("\ufeff" if body.startswith(codecs.BOM_UTF8) else "") + text


async def _read_bytes(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        raise UnreadableBody("The connection ended before the body: send the request again.") from None
