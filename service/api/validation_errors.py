"""What is wrong with a request, as all of its errors: where each is, a fixed code, and a sentence in plain words."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from .schemas.common import ProblemError

MAX_ERRORS = 50
_SHOWN_CHARACTERS = 64
_TIME = "give a time with its zone, such as 2026-01-31T08:00:00Z."
_PLUS_IN_ADDRESS = " A + in an address is written %2B."
# By pydantic's name of the error; others keep pydantic's words.
_SENTENCES = {
    "missing": "this is missing: add it.",
    "extra_forbidden": "there is no such field: leave it out, or check its name.",
    "string_type": "give a text, in quotation marks.",
    "int_type": "give a whole number, without quotation marks.",
    "int_parsing": "give a whole number.",
    "int_from_float": "give a whole number.",
    "float_type": "give a number, without quotation marks.",
    "float_parsing": "give a number.",
    "finite_number": "give a number that is finite.",
    "bool_type": "give true or false.",
    "bool_parsing": "give true or false.",
    "list_type": "give a list, in square brackets.",
    "tuple_type": "give a list, in square brackets.",
    "dict_type": "give a JSON object, in braces.",
    "model_type": "give a JSON object, in braces.",
    "model_attributes_type": "give a JSON object, in braces.",
    "literal_error": "give {expected}.",
    "enum": "give {expected}.",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}.",
    "union_tag_not_found": "{discriminator} is missing, which says what kind of object this is: add it.",
    "string_too_long": "this is too long: at most {max_length} characters are taken.",
    "string_too_short": "this is too short: give at least {min_length} character(s).",
    "string_pattern_mismatch": "this has not the form {pattern}: change it.",
    "too_long": "this has {actual_length} items: give at most {max_length}.",
    "too_short": "this has {actual_length} items: give at least {min_length}.",
    "greater_than": "give a number above {gt}.",
    "greater_than_equal": "give a number of at least {ge}.",
    "less_than": "give a number below {lt}.",
    "less_than_equal": "give a number of at most {le}.",
    "timezone_aware": _TIME,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
}
_PARAMETERS = ("query", "path", "header", "cookie")


def list_errors(found: Sequence[Mapping[str, Any]], body: Any) -> list[ProblemError]:
    """Returns the first 50 errors that pydantic found; `body` is the parsed body, if there is one."""
    return [_read_error(error, body) for error in itertools.islice(found, MAX_ERRORS)]


def name_place(error: ProblemError) -> str:
    """Returns where an error is, as the beginning of a sentence."""
    if error.parameter is not None:
        return error.parameter
    return (error.pointer or "").lstrip("/").replace("/", ".") or "the body"


def _read_error(error: Mapping[str, Any], body: Any) -> ProblemError:
    place, *parts = error["loc"] or ("body",)
    sentence = _write_sentence(error)
    if place in _PARAMETERS:
        name = ".".join(str(part)[:_SHOWN_CHARACTERS] for part in (place, *parts))
        # Unescaped, the + of a zone is a blank.
        sentence += _PLUS_IN_ADDRESS if sentence == _TIME else ""
        return ProblemError(pointer=None, parameter=name, code=error["type"], detail=sentence)
    pointer = "".join(f"/{_escape(part)}" for part in _find_path(parts, body))
    return ProblemError(pointer=pointer, parameter=None, code=error["type"], detail=sentence)


def _find_path(parts: Sequence[int | str], body: Any) -> list[int | str]:
    """Returns the parts that lead to a place in the body, without pydantic's names of alternatives."""
    path: list[int | str] = []
    here = body
    for number, part in enumerate(parts, start=1):
        is_item = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if is_item or (isinstance(here, dict) and part in here):
            here = here[part]
        elif number < len(parts) or part == "[key]" or not isinstance(here, dict):
            continue
        path.append(part)
    return path


def _write_sentence(error: Mapping[str, Any]) -> str:
    sentence = _SENTENCES.get(error["type"])
    if sentence:
        try:
            return sentence.format(**error.get("ctx", {}))
        except (KeyError, IndexError):
            pass
    # pydantic prefixes what a validator of ours raised.
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if message.endswith((".", "?")) else f"{message}."


def _escape(part: int | str) -> str:
    return str(part)[:_SHOWN_CHARACTERS].replace("~", "~0").replace("/", "~1")
