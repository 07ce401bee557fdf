"""Errors of rubrics; every message is one sentence that names cause and fix.

RubricError
├── InvalidRubric      the file can be read but does not describe a rubric
├── RubricUnreadable   the file cannot be read as text or as YAML
└── UnknownQuestion    no question has that identifier in that language
"""

from __future__ import annotations


class RubricError(Exception):
    """A rubric cannot be used."""


class RubricUnreadable(RubricError):
    """The rubric file cannot be read."""


class InvalidRubric(RubricError):
    """The rubric file does not describe a rubric."""


class UnknownQuestion(RubricError):
    """No question has that identifier in that language."""
