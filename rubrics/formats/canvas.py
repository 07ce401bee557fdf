"""The CSV that Canvas imports and exports: one row per criterion, three columns per rating.

`Rubric Name, Criteria Name, Criteria Description, Criteria Enable Range`, then `Rating Name, Rating Description,
Rating Points` as often as the longest criterion needs, best rating first. A file that Canvas wrote is written again
byte for byte; `list_losses` tells what Canvas cannot hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from ..errors import InvalidRubric, RubricUnreadable, first_problem
from ..model import Criterion, Language, OrdinalCriterion, Rubric
from ..names import identifiers, question_identifier
from .canvas_table import CanvasLayout, Rating, Row, format_table, guess_layouts, parse_rows

_TOPIC = "imported"
# Our own criteria are recognised by these names of ratings.
_BINARY: dict[Language, tuple[str, str]] = {"en": ("Met", "Not met"), "zh": ("达到", "未达到")}
_NEGATIVE: dict[Language, tuple[str, str]] = {"en": ("Not made", "Made"), "zh": ("没有犯", "犯了")}


def read_canvas(text: str, *, source: str, language: Language) -> tuple[tuple[Rubric, ...], tuple[str, ...]]:
    """The rubrics of a Canvas file, as drafts, and notices of what is not kept.

    Raises RubricUnreadable if it is not a Canvas file, InvalidRubric if it has a criterion that a rubric cannot hold.
    """
    rows = list(parse_rows(text, source))
    if not rows:
        raise RubricUnreadable(f"{source}: there is no criterion under the headings: export the rubric again.")
    names = list(dict.fromkeys(row.rubric for row in rows))
    candidates = [
        tuple(
            _build_rubric(name, [row for row in rows if row.rubric == name], source, language, layout) for name in names
        )
        for layout in guess_layouts(text, rows)
    ]
    # The right guess is the one that writes the same file.
    for rubrics in candidates:
        if write_canvas(rubrics) == text:
            return rubrics, ()
    return candidates[0], (
        "The layout of the file cannot be kept, because Canvas does not write it so (for example blank rows, or 1,5 "
        "for 1.5): an export has the same content in the layout of Canvas.",
    )


def write_canvas(rubrics: Sequence[Rubric]) -> str:
    """A file that Canvas imports, in the layout of the file that the first rubric came from, if there is one.

    Gates are left out. Raises InvalidRubric if the layout that a rubric carries is invalid.
    """
    layout = _read_layout(rubrics[0]) or CanvasLayout(name="")
    tables = [(rubric, [c for c in rubric.criteria if c.kind != "gate"]) for rubric in rubrics]
    rows = [_list_cells(rubric, criterion, layout) for rubric, criteria in tables for criterion in criteria]
    return format_table(rows, layout)


def list_losses(rubrics: Sequence[Rubric]) -> list[str]:
    """What Canvas cannot hold of the rubrics, one sentence each."""
    notices = []
    if any(rubric.expected_points or rubric.references or rubric.examples for rubric in rubrics):
        notices.append("Canvas has no place for expected points, references and graded examples.")
    if any(_has_question_data(rubric) for rubric in rubrics):
        notices.append("Canvas has no place for the question's text, topic, difficulty and time.")
    if any(rubric.notes for rubric in rubrics):
        notices.append("Canvas has no place for notes on a rubric.")
    if any(rubric.weights for rubric in rubrics):
        notices.append("Canvas has no place for weights of the signals.")
    for rubric in rubrics:
        gates = [c.id for c in rubric.criteria if c.kind == "gate"]
        if gates:
            notices.append(
                f"Canvas has no gates: criterion {', '.join(gates)} of '{rubric.question.id}' is left out, "
                "and without it the rubric gives more points."
            )
        slugs = identifiers([c.title for c in rubric.criteria if c.kind != "gate"], otherwise="criterion")
        if slugs != [c.id for c in rubric.criteria if c.kind != "gate"]:
            notices.append(f"Canvas has no identifiers: those of the criteria of '{rubric.question.id}' are left out.")
    return notices


def _read_layout(rubric: Rubric) -> CanvasLayout | None:
    return CanvasLayout.from_origin(rubric.origin) if rubric.origin else None


def _has_question_data(rubric: Rubric) -> bool:
    """Whether the question has more than an import from Canvas gave it."""
    question, layout = rubric.question, _read_layout(rubric)
    return not layout or (question.text, question.topic) != (layout.name.strip(), _TOPIC)


def _list_cells(rubric: Rubric, criterion: Criterion, layout: CanvasLayout) -> list[str]:
    own_layout = _read_layout(rubric) or CanvasLayout(name=rubric.question.id)
    is_range = "true" if criterion.id in own_layout.ranges else "false"
    cells = [
        own_layout.name,
        criterion.title,
        criterion.grader_notes,
        is_range.upper() if layout.upper_case else is_range,
    ]
    for rating in _list_ratings(criterion, rubric.question.language):
        # 15 digits hide the noise of binary fractions.
        points = repr(float(rating.points)) if layout.decimals else f"{rating.points:.15g}"
        cells += [rating.name, rating.description, points]
    return cells


def _build_rubric(name: str, rows: Sequence[Row], source: str, language: Language, layout: CanvasLayout) -> Rubric:
    slugs = identifiers([row.name for row in rows], otherwise="criterion")
    ranges = [slug for slug, row in zip(slugs, rows, strict=True) if row.range_cell.strip().lower() == "true"]
    document: dict[str, Any] = {
        "status": "draft",
        "question": {
            "id": question_identifier(name),
            "text": name,
            "language": language,
            "topic": _TOPIC,
            "difficulty": "intermediate",
            "minutes": 5,
        },
        "criteria": [
            {"id": slug, "title": row.name, "grader_notes": row.description, **_describe_criterion(row, language)}
            for slug, row in zip(slugs, rows, strict=True)
        ],
    }
    try:
        document["origin"] = CanvasLayout(**{**layout.model_dump(), "name": name, "ranges": ranges}).to_origin()
        return Rubric.model_validate(document)
    except ValidationError as error:
        problem = first_problem(error)[1]
        raise InvalidRubric(f"{source}, line {rows[0].line}: rubric '{name}': {problem}.") from None


def _describe_criterion(row: Row, language: Language) -> dict[str, Any]:
    """Kind and levels of a criterion: two outcomes that we name ourselves, or else levels."""
    best, worst = row.ratings[0], row.ratings[-1]
    names = tuple(rating.name for rating in row.ratings)
    if names == _BINARY[language] and best.description and not worst.description and worst.points == 0:
        return {"kind": "binary", "statement": best.description, "points": best.points}
    if names == _NEGATIVE[language] and worst.description and not best.description and best.points == 0:
        return {"kind": "negative", "statement": worst.description, "points": worst.points}
    levels = [
        {"points": rating.points, "name": rating.name, "description": rating.description}
        for rating in reversed(row.ratings)
    ]
    return {"kind": "ordinal", "levels": levels}


def _list_ratings(criterion: Criterion, language: Language) -> list[Rating]:
    """A criterion's ratings, best first; levels without names get their numbers."""
    if isinstance(criterion, OrdinalCriterion):
        numbered = list(enumerate(criterion.levels))
        return [
            Rating(level.name if criterion.has_names else str(number), level.description, level.points)
            for number, level in reversed(numbered)
        ]
    low, high = criterion.levels
    if criterion.kind == "negative":
        not_made, made = _NEGATIVE[language]
        return [Rating(not_made, "", 0), Rating(made, high.description, high.points)]
    met, not_met = _BINARY[language]
    return [Rating(met, high.description, high.points), Rating(not_met, "", low.points)]
