"""Rubrics as they are sent and stored: validated as drafts, and complete once they are frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from vivavoce.rubrics import Rubric
from vivavoce.rubrics.problems import first_problem

from ..errors import UnusableRubric

# A way out that files have, and the API has not.
_FILES_ONLY = ", or set 'status: draft'"


def read_draft(document: Mapping[str, Any]) -> Rubric:
    """Returns the draft that a document of JSON values describes, whatever status it names.

    Numbers and texts must be written as such. Raises UnusableRubric, which names place and fix in one sentence.
    """
    return _read(document, status="draft")


def read_complete(document: Mapping[str, Any]) -> Rubric:
    """Returns the rubric in a stored document as one that grades; raises UnusableRubric if it lacks something."""
    return _read(document, status="frozen")


def write_document(rubric: Rubric) -> dict[str, Any]:
    """Returns a rubric as it is stored."""
    return rubric.model_dump(mode="json")


def _read(document: Mapping[str, Any], *, status: Literal["draft", "frozen"]) -> Rubric:
    if document.get("status", "draft") not in ("draft", "frozen"):
        raise UnusableRubric("The rubric is not valid: status: it is not known: leave it out, the API sets it.")
    text = json.dumps({**document, "status": status})
    try:
        return Rubric.model_validate_json(text, strict=True)
    except ValidationError as error:
        problem = first_problem(error, document)[1].removesuffix(_FILES_ONLY)
        raise UnusableRubric(f"The rubric is not valid: {problem}.") from None
