"""Reads the rows of a Canvas rubric file, in whatever layout a spreadsheet program left them.

Columns are found by their headings, whatever their case, blanks and numbers. The delimiter is a comma, a semicolon, a
tab or a stroke.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import RubricUnreadable
from ..loader import BYTE_ORDER_MARK
from ..written_numbers import read_number
from .html_text import html_to_text

_DELIMITERS = ",;\t|"
_NEEDED = ("rubric name", "criteria name", "rating name", "rating points")
_KNOWN = (*_NEEDED, "criteria description", "criteria enable range", "rating description")
_RATING = ("rating name", "rating description", "rating points")
_HEADINGS = "Rubric Name, Criteria Name, Criteria Description, Criteria Enable Range, Rating Name, Rating Description"
# Titles and blank lines above the headings.
_MOST_LINES_ABOVE = 10
_SEPARATOR = re.compile(r"sep=(.)\r?", re.IGNORECASE)
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
    lines = list(_find_table(text.removeprefix(BYTE_ORDER_MARK), source))
    columns = _find_columns(lines[0][1], max(len(cells) for _, cells in lines))
    rows: list[Row] = []
    for line, cells in lines[1:]:
        # A row without a rubric's name belongs to the one above.
        rows.append(_parse_row(line, cells, columns, rows[-1].rubric if rows else ""))
    filled = {at for _, cells in lines[1:] for at, cell in enumerate(cells) if cell.strip()}
    return rows, [name or f"column {at + 1}" for at, name in columns.unread.items() if at in filled]


def _find_table(text: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """The headings and the rows below them, without blank ones, each with the line where it begins."""
    first, _, _ = text.partition("\n")
    named = _SEPARATOR.fullmatch(first)
    head = None
    for delimiter in named[1] if named else _DELIMITERS:
        # Titles above may have stray quotes.
        above = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for _, cells in zip(range(_MOST_LINES_ABOVE), above, strict=False):
            if set(_NEEDED) <= {_normalize_heading(cell) for cell in cells}:
                head = delimiter, above.line_num
                break
        if head:
            break
    if not head:
        missing = _list_missing(text)
        raise RubricUnreadable(
            f"{source}, line 1: the columns of a Canvas rubric must begin with {_HEADINGS}, Rating Points{missing}: "
            "export the rubric from Canvas again, or name the columns so."
        )
    yield from _read_below(text, *head, source)


def _list_missing(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "")
    cells = max((line.split(delimiter) for delimiter in _DELIMITERS), key=len)
    missing = [name for name in _NEEDED if name not in map(_normalize_heading, cells)]
    return f" (not there: {', '.join(name.title() for name in missing)})" if len(missing) < len(_NEEDED) else ""


def _read_below(text: str, delimiter: str, head_line: int, source: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for cells in reader:
            if reader.line_num >= head_line and any(cell.strip() for cell in cells):
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise RubricUnreadable(f"{source}, line {begin}: {_explain_csv(str(error))}; fix the CSV there.") from None


def _explain_csv(problem: str) -> str:
    if "unexpected end of data" in problem:
        return "a quotation mark is opened and never closed"
    if "expected after" in problem:
        return "text follows a closing quotation mark; a quotation mark inside a text must be doubled"
    return problem


def _normalize_heading(cell: str) -> str:
    """A heading without case, blanks, invisible characters and its number."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", cell) if unicodedata.category(c) != "Cf")
    words = re.sub(r"[\s_-]+", " ", visible).strip().lower().replace("criterion", "criteria")
    return re.sub(r"\s*\(?\d+\)?$", "", words)


def _find_columns(head: Sequence[str], width: int) -> _Columns:
    single: dict[str, int] = {}
    ratings: list[dict[str, int]] = []
    unread: dict[int, str] = {}
    for at, cell in enumerate(head):
        name = _normalize_heading(cell)
        if name in _RATING:
            if not ratings or name in ratings[-1]:
                ratings.append({})
            ratings[-1][name] = at
        elif name in _KNOWN and name not in single:
            single[name] = at
        else:
            unread[at] = cell.strip()
    # Rows may have more ratings than there are headings.
    for at in range(len(head), width, len(_RATING)):
        ratings.append({name: at + shift for shift, name in enumerate(_RATING)})
    return _Columns(single, tuple(ratings), unread)


def _parse_row(line: int, cells: Sequence[str], columns: _Columns, above: str) -> Row:
    def read(places: Mapping[str, int], name: str) -> str:
        at = places.get(name, len(cells))
        return cells[at] if at < len(cells) else ""

    rubric, criterion = read(columns.single, "rubric name"), read(columns.single, "criteria name")
    description = read(columns.single, "criteria description")
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
        line=line,
        rubric=rubric if rubric.strip() else above,
        name=html_to_text(criterion),
        description=html_to_text(description),
        range_cell=read(columns.single, "criteria enable range"),
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
