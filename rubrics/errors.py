"""What can be wrong with a rubric, said in one sentence each.

RubricError
├── InvalidRubric      the file is there and does not describe a rubric
├── RubricUnreadable   the file cannot be read as text or as YAML
└── UnknownQuestion    no question has that identifier in that language
"""

from __future__ import annotations

from pydantic import ValidationError

_KINDS = frozenset({"binary", "ordinal", "negative", "gate"})


class RubricError(Exception):
    """A rubric could not be used."""


class RubricUnreadable(RubricError):
    """The rubric file cannot be read."""


class InvalidRubric(RubricError):
    """The rubric file does not describe a rubric."""


class UnknownQuestion(RubricError):
    """No question has that identifier."""


def first_problem(error: ValidationError) -> tuple[list[str | int], str]:
    """What is wrong first in data that should have been a rubric: the place in the data, and words for it."""
    first = error.errors(include_url=False)[0]
    place = [part for part in first["loc"] if part not in _KINDS]
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    where = ".".join(map(str, place))
    return place, f"{where}: {message[0].lower()}{message[1:]}" if where else message
