"""Reads the rows of a Canvas rubric file, in whatever layout a spreadsheet program left them.

Columns are found by their headings, whatever their case, blanks and numbers. The delimiter is a comma, a semicolon, a
tab or a stroke.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vivavoce.tables.headings import normalize_heading
from vivavoce.tables.records import Dialect, Record, split_records

from ..errors import RubricUnreadable
from ..loader import BYTE_ORDER_MARK
from ..written_numbers import read_number
from .html_text import html_to_text

_DELIMITERS = ",;\t|"
_HEADINGS = {
    "rubricname": "Rubric Name",
    "criterianame": "Criteria Name",
    "ratingname": "Rating Name",
    "ratingpoints": "Rating Points",
}
_FURTHER = ("criteriadescription", "criteriaenablerange", "ratingdescription")
_RATING = ("ratingname", "ratingdescription", "ratingpoints")
# Titles and blank lines above the headings.
_MOST_ABOVE = 10
_SEPARATOR = re.compile(r'[ ]*"?sep=(.)"?[ ]*(?:\r\n|\r|\n)', re.IGNORECASE)
_RANGE = re.compile(r"\s*(\d+(?:[.,]\d+)?)[^\d.,]*\s*(?:-|–|—|~|～|to|>|至|到)\s*(\d+(?:[.,]\d+)?)[^\d]*")


@dataclass(frozen=True)
class Rating:
    """One rating of a criterion: its name, its description, its points, and the points as the file has them."""

    name: str
    description: str
    points: float
    written: str = ""


@dataclass(frozen=True)
class Row:
    """One criterion of a Canvas file; texts are plain.

    `line` counts from 1, `width` is the number of cells. `ratings` come as in the file. `problem` says what keeps the
    row from being a criterion, without its place; `had_html` that a text was HTML.
    """

    line: int
    rubric: str
    name: str
    description: str
    range_cell: str
    width: int
    ratings: tuple[Rating, ...]
    problem: str = ""
    had_html: bool = False


@dataclass(frozen=True)
class _Columns:
    """Where the columns are; `ratings` has one entry a rating."""

    single: Mapping[str, int]
    ratings: tuple[Mapping[str, int], ...]
    unread: Mapping[int, str]


def parse_rows(text: str, source: str) -> tuple[list[Row], list[str]]:
    """The rows of a Canvas file, without blank ones, and the headings of columns with text that are not read.

    Raises RubricUnreadable if it is not a Canvas file.
    """
    head, *records = _find_table(text.removeprefix(BYTE_ORDER_MARK), source)
    columns = _find_columns(head.cells, max(len(record.cells) for record in [head, *records]))
    rows: list[Row] = []
    for record in records:
        # A row without a rubric's name belongs to the one above.
        rows.append(_parse_row(record, columns, rows[-1].rubric if rows else ""))
    filled = {at for record in records for at, cell in enumerate(record.cells) if cell.strip()}
    return rows, [name or f"column {at + 1}" for at, name in columns.unread.items() if at in filled]


def _find_table(text: str, source: str) -> list[Record]:
    """The headings and the rows below them, without blank ones."""
    named = _SEPARATOR.match(text)
    for delimiter in named[1] if named else _DELIMITERS:
        records = [record for record in split_records(text, Dialect(delimiter)) if _has_text(record)]
        for at, record in enumerate(records[:_MOST_ABOVE]):
            if set(_HEADINGS) <= set(map(_read_heading, record.cells)):
                _check_quotes(records[at:], source)
                return records[at:]
    raise RubricUnreadable(
        f"{source}, line 1: the columns of a Canvas rubric must begin with Rubric Name, Criteria Name, Criteria "
        "Description, Criteria Enable Range, Rating Name, Rating Description, Rating Points"
        f"{_list_missing(text)}: export the rubric from Canvas again, or name the columns so."
    )


def _has_text(record: Record) -> bool:
    return record.problem is not None or any(cell.strip() for cell in record.cells)


def _check_quotes(records: Sequence[Record], source: str) -> None:
    """Raise RubricUnreadable where quotation marks leave open which cells there are."""
    for record in records:
        if record.problem:
            problem = (
                "a quotation mark is opened here and never closed: close it, or write it twice if it belongs to a text"
                if record.is_end
                else "text follows a closing quotation mark: write a quotation mark inside a text twice"
            )
            raise RubricUnreadable(f"{source}, line {record.line}: {problem}.")


def _list_missing(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    cells = max((first.split(delimiter) for delimiter in _DELIMITERS), key=len)
    there = set(map(_read_heading, cells))
    missing = [name for key, name in _HEADINGS.items() if key not in there]
    return f" (not there: {', '.join(missing)})" if len(missing) < len(_HEADINGS) else ""


def _read_heading(cell: str) -> str:
    """A heading without its number; "Criterion Name" is meant, too."""
    return normalize_heading(cell).replace("criterion", "criteria").rstrip("0123456789")


def _find_columns(head: Sequence[str], width: int) -> _Columns:
    single: dict[str, int] = {}
    ratings: list[dict[str, int]] = []
    unread: dict[int, str] = {}
    for at, cell in enumerate(head):
        name = _read_heading(cell)
        if name in _RATING:
            if not ratings or name in ratings[-1]:
                ratings.append({})
            ratings[-1][name] = at
        elif name in (*_HEADINGS, *_FURTHER) and name not in single:
            single[name] = at
        else:
            unread[at] = cell.strip()
    # Rows may have more ratings than there are headings.
    for at in range(len(head), width, len(_RATING)):
        ratings.append({name: at + shift for shift, name in enumerate(_RATING)})
    return _Columns(single, tuple(ratings), unread)


def _parse_row(record: Record, columns: _Columns, above: str) -> Row:
    cells = record.cells

    def read(places: Mapping[str, int], name: str) -> str:
        at = places.get(name, len(cells))
        return cells[at] if at < len(cells) else ""

    rubric, criterion = read(columns.single, "rubricname"), read(columns.single, "criterianame")
    description = read(columns.single, "criteriadescription")
    triples = [tuple(read(places, name) for name in _RATING) for places in columns.ratings]
    filled = [triple for triple in triples if any(cell.strip() for cell in triple)]
    problem = "a row needs a Rubric Name and a Criteria Name: fill them in"
    if rubric.strip() and criterion.strip():
        problem = _find_problem(criterion, filled)
    ratings = [
        Rating(html_to_text(name), html_to_text(text), read_number(points) or 0.0, points)
        for name, text, points in filled
    ]
    texts = (criterion, description, *(cell for triple in filled for cell in triple[:2]))
    return Row(
        line=record.line,
        rubric=rubric if rubric.strip() else above,
        name=html_to_text(criterion),
        description=html_to_text(description),
        range_cell=read(columns.single, "criteriaenablerange"),
        width=len(cells),
        ratings=tuple(ratings),
        problem=problem,
        had_html=any(html_to_text(text) != text for text in texts),
    )


def _find_problem(criterion: str, filled: Iterable[Sequence[str]]) -> str:
    """What keeps ratings from being read, or nothing."""
    triples = list(filled)
    if not triples:
        return f"criterion '{criterion}' has no ratings: add one or more, each with its points"
    for name, _, points in triples:
        if read_number(points) is None:
            return f"criterion '{criterion}', rating '{name}': {_explain_points(points.strip())}"
    return ""


def _explain_points(points: str) -> str:
    if not points:
        return "it has no points: fill them in"
    if spread := _RANGE.fullmatch(unicodedata.normalize("NFKC", points)):
        best = max(spread.groups(), key=lambda number: float(number.replace(",", ".")))
        return f"'{points}' is a range of points, and a rating has one number: write its best, {best}"
    if points.endswith("%"):
        return f"'{points}' is a percentage: write points, such as 5"
    return f"'{points[:40]}' is no number of points: write one, such as 5 or 2.5"
