"""The table of a Canvas rubric file: its headings, its rows, and the layout details that a round trip must keep."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from ..errors import InvalidRubric, RubricUnreadable, first_problem
from ..loader import BYTE_ORDER_MARK
from ..model import Frozen, Slug

HEAD = ("Rubric Name", "Criteria Name", "Criteria Description", "Criteria Enable Range")
RATING = ("Rating Name", "Rating Description", "Rating Points")


class CanvasLayout(Frozen):
    """Layout of the Canvas file that a rubric was imported from; `Rubric.origin` carries it in plain form."""

    format: Literal["canvas"] = "canvas"
    name: str = Field(max_length=255, description="Name of the rubric in Canvas.")
    ranges: tuple[Slug, ...] = Field(default=(), description="Criteria whose ratings stand for ranges of points.")
    decimals: bool = Field(default=False, description="Five points are written 5.0.")
    quotes: Literal["needed", "empty", "all"] = Field(default="needed", description="Which cells are quoted.")
    crlf: bool = Field(default=False, description="Lines end as on Windows.")
    byte_order_mark: bool = False
    numbered: bool = Field(default=False, description="Headings of ratings have numbers.")
    upper_case: bool = Field(default=False, description="TRUE and FALSE are written in capitals.")
    padded: bool = Field(default=True, description="Rows with fewer ratings are padded with empty cells.")

    @classmethod
    def from_origin(cls, origin: Mapping[str, Any]) -> CanvasLayout:
        """The layout that a rubric carries; raises InvalidRubric if it is damaged."""
        try:
            return cls.model_validate(dict(origin))
        except ValidationError as error:
            raise InvalidRubric(
                f"The Canvas layout in 'origin' is invalid ({first_problem(error)[1]}): restore or remove 'origin'."
            ) from None

    def to_origin(self) -> dict[str, Any]:
        """The plain form, without fields that have their default."""
        return self.model_dump(exclude_defaults=True)


@dataclass(frozen=True)
class Rating:
    """One rating of a criterion: its name, its description, and its points."""

    name: str
    description: str
    points: float


@dataclass(frozen=True)
class Row:
    """One criterion of a Canvas file.

    `line` counts from 1, `width` is the number of cells. `ratings` come best first; `written` are their points as the
    file has them.
    """

    line: int
    rubric: str
    name: str
    description: str
    range_cell: str
    width: int
    ratings: tuple[Rating, ...]
    written: tuple[str, ...]


def parse_rows(text: str, source: str) -> Iterator[Row]:
    """The rows of a Canvas file, without blank ones.

    Raises RubricUnreadable if it is not a Canvas file, InvalidRubric if a row does not describe a criterion.
    """
    reader = csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK)), strict=True)
    try:
        head = next(reader, [])
        if tuple(head[: len(HEAD)]) != HEAD:
            raise RubricUnreadable(
                f"{source}, line 1: the columns of a Canvas rubric must begin with {', '.join(HEAD)}."
            )
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _parse_row(cells, source, reader.line_num)
    except csv.Error as error:
        raise RubricUnreadable(f"{source}, line {reader.line_num}: {error}; fix the CSV there.") from None


def _parse_row(cells: Sequence[str], source: str, line: int) -> Row:
    location = f"{source}, line {line}"
    if len(cells) < len(HEAD) or not cells[0].strip() or not cells[1].strip():
        raise InvalidRubric(f"{location}: a row needs a Rubric Name and a Criteria Name: fill them in.")
    rest = cells[len(HEAD) :]
    triples = [rest[at : at + len(RATING)] for at in range(0, len(rest), len(RATING))]
    filled = [triple for triple in triples if any(triple)]
    if len(filled) < 2 or any(len(triple) < len(RATING) for triple in filled):
        raise InvalidRubric(
            f"{location}: criterion '{cells[1]}' needs two ratings or more, each with points: add them."
        )
    try:
        # Some locales write 1,5 for 1.5.
        ratings = tuple(Rating(name, text, float(points.replace(",", "."))) for name, text, points in filled)
    except ValueError:
        raise InvalidRubric(
            f"{location}: the points of criterion '{cells[1]}' are not all numbers: fix them."
        ) from None
    points = [rating.points for rating in ratings]
    if any(high <= low for high, low in itertools.pairwise(points)):
        raise InvalidRubric(
            f"{location}: the ratings of criterion '{cells[1]}' must fall from best to worst, and no two may have the "
            "same points: change their points."
        )
    written = tuple(triple[2] for triple in filled)
    return Row(line, cells[0], cells[1], cells[2], cells[3], len(cells), ratings, written)


def guess_layouts(text: str, rows: Sequence[Row]) -> Iterator[CanvasLayout]:
    """The possible layouts of a file, which differ in `quotes` only: parsed cells do not show them."""
    head, _, _ = text.partition("\n")
    lengths = {row.width for row in rows}
    points = [written for row in rows for written in row.written]
    styles: tuple[Literal["needed", "empty", "all"], ...] = ("needed", "empty", "all")
    for style in styles:
        yield CanvasLayout(
            name="",
            decimals=all("." in written for written in points),
            quotes=style,
            crlf=head.endswith("\r"),
            byte_order_mark=text.startswith(BYTE_ORDER_MARK),
            numbered=f"{RATING[0]} 1" in head,
            upper_case=any(row.range_cell.isupper() for row in rows),
            padded=len(lengths) == 1,
        )


def format_table(rows: Sequence[Sequence[str]], layout: CanvasLayout) -> str:
    """The text of a file with these rows, under the headings that they need."""
    most = max((len(row) - len(HEAD)) // len(RATING) for row in rows)
    if layout.padded:
        rows = [[*row, *[""] * (len(HEAD) + len(RATING) * most - len(row))] for row in rows]
    numbers = [f" {number}" if layout.numbered else "" for number in range(1, most + 1)]
    head = [*HEAD, *(f"{name}{number}" for number in numbers for name in RATING)]
    end = "\r\n" if layout.crlf else "\n"
    mark = BYTE_ORDER_MARK if layout.byte_order_mark else ""
    return mark + "".join(_format_line(row, layout.quotes) + end for row in [head, *rows])


def _format_line(cells: Sequence[str], quotes: Literal["needed", "empty", "all"]) -> str:
    if quotes == "empty":
        # Ruby's CSV, used by Canvas, quotes empty but not missing text.
        return ",".join('""' if cell == "" else _format_line([cell], "needed") for cell in cells)
    out = io.StringIO()
    csv.writer(out, lineterminator="", quoting=csv.QUOTE_ALL if quotes == "all" else csv.QUOTE_MINIMAL).writerow(cells)
    return out.getvalue()
