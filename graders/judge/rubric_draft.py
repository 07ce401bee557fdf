"""Drafting of a rubric: the judge lists what a full answer needs, before there are any answers.

The judge sees the question and, if there is one, a reference; never an answer. Nothing is graded by the draft until a
person has read, corrected and frozen it.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from vivavoce.rubrics import Question, Rubric
from vivavoce.rubrics.names import identifiers

from ..errors import JudgeFailure, UnscoredReason
from .prompt import Message, PromptTemplate, load_template
from .rubric_judge import RubricJudge

# Bounds of a point, in characters and tokens.
_MAX_TITLE = 60
_MAX_TEXT = 300
_TOKENS_A_POINT = 160
_CORE_POINTS, _OPTIONAL_POINTS = 2, 1
_MAX_ID = 64

Point = dict[str, str]
"""A point of the reply: title, text and importance (core or optional)."""


def draft_rubric(
    judge: RubricJudge, question: Question, *, reference: str | None = None, least: int = 3, most: int = 8
) -> Rubric:
    """A draft with one binary criterion for each point that the judge lists.

    The judge is asked for `least` to `most` points. Raises JudgeFailure if it does not answer or not in that form.
    """
    template = load_template(question.language, "compile")
    reply = judge.complete(
        _write_messages(template, question, reference=reference, least=least, most=most),
        schema=_build_schema(least, most),
        max_tokens=_TOKENS_A_POINT * most,
    )
    points = _parse_points(reply)
    # Without a reference, the points together stand in for one.
    full_answer = reference or " ".join(point["text"] for point in points)
    ids = identifiers([point["title"] for point in points])
    try:
        return Rubric.model_validate(
            {
                "question": question.model_dump(),
                "criteria": [_build_criterion(i, point, template) for i, point in zip(ids, points, strict=True)],
                "expected_points": [_build_expected_point(i, point) for i, point in zip(ids, points, strict=True)],
                "references": [{"length": "full", "text": full_answer}],
                "notes": f"Drafted by {judge.identity.model}: read and correct it before use.",
                "status": "draft",
            }
        )
    except ValidationError as error:
        detail = f"the points do not form a rubric ({error.errors()[0]['msg']})"
        raise JudgeFailure(UnscoredReason.PARSE, detail) from None


def _write_messages(
    template: PromptTemplate, question: Question, *, reference: str | None, least: int, most: int
) -> list[Message]:
    section = template["with-reference" if reference else "points-wanted"]
    task = section.format(question=question.text, reference=reference, least=least, most=most)
    return [{"role": "system", "content": template["instructions"]}, {"role": "user", "content": task}]


def _build_schema(least: int, most: int) -> dict[str, Any]:
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


def _build_criterion(identifier: str, point: Point, template: PromptTemplate) -> dict[str, Any]:
    return {
        "id": identifier,
        "kind": "binary",
        "title": point["title"],
        "statement": template["statement"].format(text=point["text"]),
        "points": _CORE_POINTS if point["importance"] == "core" else _OPTIONAL_POINTS,
    }


def _build_expected_point(identifier: str, point: Point) -> dict[str, Any]:
    return {
        "id": f"{identifier}-said"[:_MAX_ID],
        "criterion": identifier,
        "importance": point["importance"],
        "text": point["text"],
    }


def _parse_points(reply: str) -> list[Point]:
    """The points of a reply, without those whose text repeats an earlier one."""
    by_text: dict[str, Point] = {}
    try:
        for point in json.loads(reply)["points"]:
            text = str(point["text"]).strip()
            parsed = {"title": str(point["title"]).strip(), "text": text, "importance": str(point["importance"])}
            by_text.setdefault(text, parsed)
    except (ValueError, KeyError, TypeError):
        raise JudgeFailure(UnscoredReason.PARSE, "the judge did not reply with points") from None
    points = list(by_text.values())
    if not points or not all(point["title"] and point["text"] for point in points):
        raise JudgeFailure(UnscoredReason.PARSE, "the judge replied with empty points")
    return points
