"""The CSV that Canvas imports and exports: a row for each criterion, three columns for each rating.

`Rubric Name, Criteria Name, Criteria Description, Criteria Enable Range`, then `Rating Name, Rating Description,
Rating Points` as often as the longest criterion needs, best rating first. What Canvas wrote comes back byte
for byte; what it has no place for is told by `losses`.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from ..errors import InvalidRubric, RubricUnreadable, first_problem
from ..loader import BYTE_ORDER_MARK
from ..model import CanvasOrigin, Criterion, Language, OrdinalCriterion, Rubric
from ..names import identifiers, question_identifier

_HEAD = ("Rubric Name", "Criteria Name", "Criteria Description", "Criteria Enable Range")
_RATING = ("Rating Name", "Rating Description", "Rating Points")
_TOPIC = "imported"
_BINARY: dict[Language, tuple[str, str]] = {"en": ("Met", "Not met"), "zh": ("达到", "未达到")}
_NEGATIVE: dict[Language, tuple[str, str]] = {"en": ("Not made", "Made"), "zh": ("没有犯", "犯了")}


@dataclass(frozen=True)
class _Rating:
    name: str
    description: str
    points: float


@dataclass(frozen=True)
class _Row:
    """A criterion as Canvas has it; `ratings` best first, `written` as their points stood in the file."""

    line: int
    rubric: str
    name: str
    description: str
    range_cell: str
    width: int
    ratings: tuple[_Rating, ...]
    written: tuple[str, ...]


def read(text: str, *, source: str, language: Language) -> tuple[tuple[Rubric, ...], tuple[str, ...]]:
    """The rubrics of a Canvas file as drafts, and what of it is not kept.

    Raises RubricUnreadable when it is no such file, InvalidRubric when a criterion cannot be held.
    """
    rows = list(_rows(text.removeprefix(BYTE_ORDER_MARK), source))
    if not rows:
        raise RubricUnreadable(f"{source}: there is no criterion under the headings: export the rubric again.")
    names = list(dict.fromkeys(row.rubric for row in rows))
    found = [
        tuple(_rubric(name, [row for row in rows if row.rubric == name], source, language, layout) for name in names)
        for layout in _guesses(text, rows)
    ]
    for rubrics in found:
        if write(rubrics) == text:
            return rubrics, ()
    return found[0], (
        "The file is not laid out as Canvas writes it, in a way that cannot be kept (such as blank rows, or 1,5 for "
        "1.5): exporting the rubric again gives the same in Canvas's own layout.",
    )


def write(rubrics: Sequence[Rubric]) -> str:
    """A file that Canvas imports; laid out as the one that the first rubric came from, if it came from one."""
    layout = rubrics[0].origin or CanvasOrigin(name="")
    tables = [(rubric, [c for c in rubric.criteria if c.kind != "gate"]) for rubric in rubrics]
    rows = [_cells(rubric, criterion, layout) for rubric, criteria in tables for criterion in criteria]
    most = max((len(row) - len(_HEAD)) // len(_RATING) for row in rows)
    if layout.padded:
        rows = [row + [""] * (len(_HEAD) + len(_RATING) * most - len(row)) for row in rows]
    numbers = [f" {number}" if layout.numbered else "" for number in range(1, most + 1)]
    head = [*_HEAD, *(f"{name}{number}" for number in numbers for name in _RATING)]
    end = "\r\n" if layout.crlf else "\n"
    mark = BYTE_ORDER_MARK if layout.byte_order_mark else ""
    return mark + _line(head, layout) + end + "".join(_line(row, layout) + end for row in rows)


def _cells(rubric: Rubric, criterion: Criterion, layout: CanvasOrigin) -> list[str]:
    origin = rubric.origin or CanvasOrigin(name=rubric.question.id)
    is_range = "true" if criterion.id in origin.ranges else "false"
    cells = [
        origin.name,
        criterion.title,
        criterion.grader_notes,
        is_range.upper() if layout.upper_case else is_range,
    ]
    for rating in _ratings(criterion, rubric.question.language):
        points = repr(float(rating.points)) if layout.decimals else f"{rating.points:.15g}"
        cells += [rating.name, rating.description, points]
    return cells


def _line(cells: Sequence[str], layout: CanvasOrigin) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="", quoting=csv.QUOTE_ALL if layout.quotes == "all" else csv.QUOTE_MINIMAL).writerow(
        cells
    )
    if layout.quotes != "empty":
        return out.getvalue()
    # Ruby, in which Canvas is written, tells an empty text from no text at all.
    return ",".join('""' if cell == "" else _line([cell], CanvasOrigin(name="")) for cell in cells)


def _guesses(text: str, rows: Sequence[_Row]) -> Iterator[CanvasOrigin]:
    """What the layout of a file may be; only the quotes cannot be told from its cells."""
    head, _, _ = text.partition("\n")
    lengths = {row.width for row in rows}
    points = [written for row in rows for written in row.written]
    quotes: tuple[Literal["needed", "empty", "all"], ...] = ("needed", "empty", "all")
    for each in quotes:
        yield CanvasOrigin(
            name="",
            decimals=all("." in written for written in points),
            quotes=each,
            crlf=head.endswith("\r"),
            byte_order_mark=text.startswith(BYTE_ORDER_MARK),
            numbered="Rating Name 1" in head,
            upper_case=any(row.range_cell.isupper() for row in rows),
            padded=len(lengths) == 1,
        )


def losses(rubrics: Sequence[Rubric]) -> list[str]:
    """What Canvas has no place for, a sentence each."""
    found = []
    if any(rubric.expected_points or rubric.references or rubric.examples for rubric in rubrics):
        found.append("Canvas has no place for expected points, references and graded examples.")
    if any(_is_more_than_its_name(rubric) for rubric in rubrics):
        found.append("Canvas has no place for the question's text, topic, difficulty and time.")
    if any(rubric.notes for rubric in rubrics):
        found.append("Canvas has no place for notes on a rubric.")
    if any(rubric.weights for rubric in rubrics):
        found.append("Canvas has no place for weights of the signals.")
    for rubric in rubrics:
        gates = [c.id for c in rubric.criteria if c.kind == "gate"]
        if gates:
            found.append(
                f"Canvas has no gates: criterion {', '.join(gates)} of '{rubric.question.id}' is left out, "
                "and without it the rubric grants more."
            )
        ids = identifiers([c.title for c in rubric.criteria if c.kind != "gate"], otherwise="criterion")
        if ids != [c.id for c in rubric.criteria if c.kind != "gate"]:
            found.append(f"Canvas has no identifiers: those of the criteria of '{rubric.question.id}' are left out.")
    return found


def _is_more_than_its_name(rubric: Rubric) -> bool:
    """Whether somebody has said more of the question than Canvas did."""
    question = rubric.question
    return not rubric.origin or (question.text, question.topic) != (rubric.origin.name.strip(), _TOPIC)


def _rows(text: str, source: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        head = next(reader, [])
        if tuple(head[: len(_HEAD)]) != _HEAD:
            raise RubricUnreadable(f"{source}, line 1: the columns of a Canvas rubric begin with {', '.join(_HEAD)}.")
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(cells, source, reader.line_num)
    except csv.Error as error:
        raise RubricUnreadable(f"{source}, line {reader.line_num}: {error}; mend the CSV there.") from None


def _row(cells: Sequence[str], source: str, line: int) -> _Row:
    place = f"{source}, line {line}"
    if len(cells) < len(_HEAD) or not cells[0].strip() or not cells[1].strip():
        raise InvalidRubric(f"{place}: a row needs a Rubric Name and a Criteria Name: fill them in.")
    rest = cells[len(_HEAD) :]
    triples = [rest[at : at + len(_RATING)] for at in range(0, len(rest), len(_RATING))]
    filled = [triple for triple in triples if any(triple)]
    if len(filled) < 2 or any(len(triple) < len(_RATING) for triple in filled):
        raise InvalidRubric(f"{place}: criterion '{cells[1]}' needs two ratings at least, each with its points.")
    try:
        ratings = tuple(_Rating(name, text, float(points.replace(",", "."))) for name, text, points in filled)
    except ValueError:
        raise InvalidRubric(f"{place}: the points of criterion '{cells[1]}' are not all numbers: mend them.") from None
    points = [rating.points for rating in ratings]
    if any(high <= low for high, low in itertools.pairwise(points)):
        raise InvalidRubric(
            f"{place}: the ratings of criterion '{cells[1]}' must fall from best to worst, and no two may be worth "
            "the same: change their points."
        )
    written = tuple(triple[2] for triple in filled)
    return _Row(line, cells[0], cells[1], cells[2], cells[3], len(cells), ratings, written)


def _rubric(name: str, rows: Sequence[_Row], source: str, language: Language, layout: CanvasOrigin) -> Rubric:
    ids = identifiers([row.name for row in rows], otherwise="criterion")
    ranges = [slug for slug, row in zip(ids, rows, strict=True) if row.range_cell.strip().lower() == "true"]
    document = {
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
            {"id": slug, "title": row.name, "grader_notes": row.description, **_criterion(row, language)}
            for slug, row in zip(ids, rows, strict=True)
        ],
        "origin": {**layout.model_dump(), "name": name, "ranges": ranges},
    }
    try:
        return Rubric.model_validate(document)
    except ValidationError as error:
        problem = first_problem(error)[1]
        raise InvalidRubric(f"{source}, line {rows[0].line}: rubric '{name}': {problem}.") from None


def _criterion(row: _Row, language: Language) -> dict[str, Any]:
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


def _ratings(criterion: Criterion, language: Language) -> list[_Rating]:
    """A criterion's ratings, best first."""
    if isinstance(criterion, OrdinalCriterion):
        numbered = list(enumerate(criterion.levels))
        return [
            _Rating(level.name if criterion.has_names else str(number), level.description, level.points)
            for number, level in reversed(numbered)
        ]
    low, high = criterion.levels
    if criterion.kind == "negative":
        not_made, made = _NEGATIVE[language]
        return [_Rating(not_made, "", 0), _Rating(made, high.description, high.points)]
    met, not_met = _BINARY[language]
    return [_Rating(met, high.description, high.points), _Rating(not_met, "", low.points)]
