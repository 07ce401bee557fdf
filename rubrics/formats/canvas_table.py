"""The table of a Canvas rubric file: its headings, its rows, and the layout details that a round trip must keep."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from ..criteria import Frozen, Slug
from ..errors import InvalidRubric
from ..loader import BYTE_ORDER_MARK
from ..problems import first_problem
from .canvas_rows import Row

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
            problem = first_problem(error, model=cls)[1]
            raise InvalidRubric(
                f"The Canvas layout in 'origin' is invalid ({problem}): restore or remove 'origin'."
            ) from None

    def to_origin(self) -> dict[str, Any]:
        """The plain form, without fields that have their default."""
        return self.model_dump(exclude_defaults=True)


def guess_layouts(text: str, rows: Sequence[Row]) -> list[CanvasLayout]:
    """The possible layouts of a file, which differ in `quotes` only: parsed cells do not show them."""
    head, _, _ = text.partition("\n")
    lengths = {row.width for row in rows}
    points = [rating.written for row in rows for rating in row.ratings]
    styles: tuple[Literal["needed", "empty", "all"], ...] = ("needed", "empty", "all")
    return [
        CanvasLayout(
            name="",
            decimals=all("." in written for written in points),
            quotes=style,
            crlf=head.endswith("\r"),
            byte_order_mark=text.startswith(BYTE_ORDER_MARK),
            numbered=f"{RATING[0]} 1" in head,
            upper_case=any(row.range_cell.isupper() for row in rows),
            padded=len(lengths) == 1,
        )
        for style in styles
    ]


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
