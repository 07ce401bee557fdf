"""What can be wrong with a rubric, said in one sentence each.

RubricError
├── InvalidRubric      the file is there and does not describe a rubric
├── RubricUnreadable   the file cannot be read as text or as YAML
└── UnknownQuestion    no question has that identifier in that language
"""

from __future__ import annotations


class RubricError(Exception):
    """A rubric could not be used."""


class RubricUnreadable(RubricError):
    """The rubric file cannot be read."""


class InvalidRubric(RubricError):
    """The rubric file does not describe a rubric."""


class UnknownQuestion(RubricError):
    """No question has that identifier."""
