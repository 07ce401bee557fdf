"""Errors of rubrics; every message is one sentence that names cause and fix.

RubricError
├── InvalidRubric      the file can be read but does not describe a rubric
├── RubricUnreadable   the file cannot be read as text or as YAML
└── UnknownQuestion    no question has that identifier in that language
"""

from __future__ import annotations

from pydantic import ValidationError

_KINDS = frozenset({"binary", "ordinal", "negative", "gate"})


class RubricError(Exception):
    """A rubric cannot be used."""


class RubricUnreadable(RubricError):
    """The rubric file cannot be read."""


class InvalidRubric(RubricError):
    """The rubric file does not describe a rubric."""


class UnknownQuestion(RubricError):
    """No question has that identifier in that language."""


def first_problem(error: ValidationError) -> tuple[list[str | int], str]:
    """The first problem that validation found: its path in the data, and a message without a full stop."""
    first = error.errors(include_url=False)[0]
    # Pydantic adds a criterion's kind, which the file lacks.
    path = [part for part in first["loc"] if part not in _KINDS]
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    location = ".".join(map(str, path))
    return path, f"{location}: {message[0].lower()}{message[1:]}" if location else message
