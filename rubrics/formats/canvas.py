"""The CSV that Canvas imports and exports: one row per criterion, three columns per rating.

`Rubric Name, Criteria Name, Criteria Description, Criteria Enable Range`, then `Rating Name, Rating Description,
Rating Points` as often as the longest criterion needs, best rating first. A file that Canvas wrote is written again
byte for byte; `list_losses` tells what Canvas cannot hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ..criteria import Criterion, OrdinalCriterion
from ..errors import InvalidRubric, RubricUnreadable
from ..model import Language, Rubric
from ..names import identifiers, question_identifier
from ..problems import first_problem
from .canvas_ratings import BINARY, NEGATIVE, UnusableRatings, settle_ratings
from .canvas_rows import Rating, Row, parse_rows
from .canvas_table import CanvasLayout, format_table, guess_layouts

_TOPIC = "imported"
_OTHER_LAYOUT = (
    "The layout of the file cannot be kept, because Canvas does not write it so (for example blank rows, or 1,5 for "
    "1.5): an export writes what was imported in the layout of Canvas."
)


@dataclass(frozen=True)
class CanvasFile:
    """The rubrics of a file, notices of what is not kept, and a sentence for each rubric that cannot be imported."""

    rubrics: tuple[Rubric, ...]
    notices: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Criterion:
    """A row and the kind and levels of its criterion."""

    row: Row
    described: dict[str, Any]


def read_canvas(text: str, *, source: str, language: Language) -> CanvasFile:
    """The rubrics of a Canvas file, as drafts.

    Raises RubricUnreadable if it is not a Canvas file, InvalidRubric if none of its rubrics can be imported.
    """
    rows, unread = parse_rows(text, source)
    if not rows:
        raise RubricUnreadable(f"{source}: there is no criterion under the headings: export the rubric again.")
    notices = [f"Column '{name}' is no column of a Canvas rubric: it is not read." for name in unread]
    layout, *other_layouts = guess_layouts(text, rows)
    rubrics, failures, groups = [], [], []
    for name in dict.fromkeys(row.rubric for row in rows):
        try:
            criteria, changes = _read_criteria(name, [row for row in rows if row.rubric == name], source, language)
            rubrics.append(_build_rubric(name, criteria, source, language, layout))
        except InvalidRubric as error:
            failures.append(str(error))
            continue
        groups.append((name, criteria))
        notices += changes
    if not rubrics:
        more = f" ({len(failures) - 1} more rubrics have mistakes, too.)" if len(failures) > 1 else ""
        raise InvalidRubric(failures[0] + more)
    # The right guess is the one that writes the same file.
    if write_canvas(rubrics) == text:
        return CanvasFile(tuple(rubrics), tuple(notices), tuple(failures))
    for other in other_layouts:
        guessed = tuple(_build_rubric(name, criteria, source, language, other) for name, criteria in groups)
        if write_canvas(guessed) == text:
            return CanvasFile(guessed, tuple(notices), tuple(failures))
    return CanvasFile(tuple(rubrics), (*notices, _OTHER_LAYOUT), tuple(failures))


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


def _read_criteria(
    name: str, rows: Sequence[Row], source: str, language: Language
) -> tuple[list[_Criterion], list[str]]:
    """The criteria of a rubric that give or take points, and notices; raises InvalidRubric for the first bad row."""
    criteria, notices = [], []
    for row in rows:
        if row.problem:
            raise InvalidRubric(f"{source}, line {row.line}: {row.problem}.")
        try:
            described, changes = settle_ratings(row, language)
        except UnusableRatings as error:
            raise InvalidRubric(f"{source}, line {row.line}: criterion '{row.name}': {error}.") from None
        if row.had_html:
            changes.append("its HTML became plain text")
        notices += [f"Line {row.line}, criterion '{row.name}': {change}." for change in changes]
        if described:
            criteria.append(_Criterion(row, described))
    if not criteria:
        raise InvalidRubric(
            f"{source}, line {rows[0].line}: no criterion of rubric '{name}' gives points: give one a rating above 0."
        )
    return criteria, notices


def _build_rubric(
    name: str, criteria: Sequence[_Criterion], source: str, language: Language, layout: CanvasLayout
) -> Rubric:
    rows = [criterion.row for criterion in criteria]
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
            {"id": slug, "title": row.name, "grader_notes": row.description, **criterion.described}
            for slug, row, criterion in zip(slugs, rows, criteria, strict=True)
        ],
    }
    try:
        document["origin"] = CanvasLayout(**{**layout.model_dump(), "name": name, "ranges": ranges}).to_origin()
        return Rubric.model_validate(document)
    except ValidationError as error:
        # Canvas has names where a rubric has identifiers.
        named = {**document, "criteria": [{**c, "id": c["title"]} for c in document["criteria"]]}
        location, problem = first_problem(error, named)
        is_criterion = len(location) > 1 and location[0] == "criteria" and isinstance(location[1], int)
        line = rows[int(location[1])].line if is_criterion else rows[0].line
        raise InvalidRubric(f"{source}, line {line}: rubric '{name}': {problem}.") from None


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
        not_made, made = NEGATIVE[language]
        return [Rating(not_made, "", 0), Rating(made, high.description, high.points)]
    met, not_met = BINARY[language]
    return [Rating(met, high.description, high.points), Rating(not_met, "", low.points)]
