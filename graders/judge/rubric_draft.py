"""What a full answer needs, asked of the judge before anybody has answered: the draft of a rubric.

The judge sees the question and, where there is one, a reference; never an answer. What it says is a
draft that nothing is graded by until a person has read, mended and frozen it.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from vivavoce.rubrics import Question, Rubric
from vivavoce.rubrics.names import identifiers

from ..errors import JudgeFailure, UnscoredReason
from .prompt import load_template
from .rubric_judge import RubricJudge

_MAX_TITLE = 60
_MAX_TEXT = 300
_TOKENS_A_POINT = 160
_CORE_POINTS, _OPTIONAL_POINTS = 2, 1


def draft_rubric(
    judge: RubricJudge, question: Question, *, reference: str | None = None, least: int = 3, most: int = 8
) -> Rubric:
    """A draft with one binary criterion for each point that the judge says a full answer needs.

    Raises JudgeFailure when the judge does not answer, or not in the form that was asked for.
    """
    template = load_template(question.language, "compile")
    section = template["with-reference" if reference else "points-wanted"]
    reply = judge.complete(
        [
            {"role": "system", "content": template["instructions"]},
            {
                "role": "user",
                "content": section.format(question=question.text, reference=reference, least=least, most=most),
            },
        ],
        schema=_schema(least, most),
        max_tokens=_TOKENS_A_POINT * most,
    )
    points = _points(reply)
    ids = identifiers([point["title"] for point in points])
    try:
        return Rubric.model_validate(
            {
                "question": question.model_dump(),
                "criteria": [
                    {
                        "id": identifier,
                        "kind": "binary",
                        "title": point["title"],
                        "statement": template["statement"].format(text=point["text"]),
                        "points": _CORE_POINTS if point["importance"] == "core" else _OPTIONAL_POINTS,
                    }
                    for identifier, point in zip(ids, points, strict=True)
                ],
                "expected_points": [
                    {
                        "id": f"{identifier}-said"[:64],
                        "criterion": identifier,
                        "importance": point["importance"],
                        "text": point["text"],
                    }
                    for identifier, point in zip(ids, points, strict=True)
                ],
                "references": [{"length": "full", "text": reference or " ".join(point["text"] for point in points)}],
                "notes": f"Drafted by {judge.identity.model}; to be read and mended by a person.",
                "status": "draft",
            }
        )
    except ValidationError as error:
        raise JudgeFailure(UnscoredReason.PARSE, f"the points make no rubric ({error.errors()[0]['msg']})") from None


def _schema(least: int, most: int) -> dict[str, Any]:
    point = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": _MAX_TITLE},
            "text": {"type": "string", "maxLength": _MAX_TEXT},
            "importance": {"type": "string", "enum": ["core", "optional"]},
        },
        "required": ["title", "text", "importance"],
        "additionalProperties": False,
    }
    points = {"type": "array", "minItems": least, "maxItems": most, "items": point}
    return {"type": "object", "properties": {"points": points}, "required": ["points"], "additionalProperties": False}


def _points(reply: str) -> list[dict[str, str]]:
    """The points of a reply, those that repeat another left out."""
    try:
        points = json.loads(reply)["points"]
        found = {str(point["text"]).strip(): point for point in reversed(points)}
        kept = [
            {"title": str(point["title"]).strip(), "text": text, "importance": str(point["importance"])}
            for text, point in reversed(found.items())
        ]
    except (ValueError, KeyError, TypeError):
        raise JudgeFailure(UnscoredReason.PARSE, "the judge did not reply with points") from None
    if not kept or not all(point["title"] and point["text"] for point in kept):
        raise JudgeFailure(UnscoredReason.PARSE, "the judge replied with empty points")
    return kept
