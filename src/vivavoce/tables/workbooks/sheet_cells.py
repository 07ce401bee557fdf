"""Makes rows of the cells of a sheet: dates as text, merged cells filled, formulas and errors named, never empty."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..grid import Grid, SheetCell, describe_excel_error, describe_titles
from ..heading_rows import FindQuestion
from ..heading_search import find_heading
from ..headings import find_columns, is_blank
from ..model import Sentence
from .sheet_xml import SpecialCell

_NO_FORMULA_VALUE = Sentence(
    "a formula without a value: open the file in Excel and save it, or enter it as text.", "formula_without_value"
)
_OLD_EMPTY = Sentence(
    "the cell is empty, or has an error of Excel: save the file as .xlsx to tell, and run again.", "empty_in_old_excel"
)
_SHOWN_TITLE = 60

_Cells = list[list[Any]]
# First and last cell, each as row and column from 0.
MergedRange = tuple[tuple[int, int], tuple[int, int]]


def make_grid(
    name: str,
    values: Sequence[Sequence[Any]],
    specials: Sequence[SpecialCell],
    merged: Sequence[MergedRange],
    *,
    chosen: Mapping[str, str],
    find_question: FindQuestion,
    is_old: bool,
) -> Grid | None:
    """The headings and rows of a sheet from A1 on; None without any text. `is_old` tells a sheet of Excel 97."""
    cells = [[_convert_value(value) for value in row] for row in values]
    filled = [number for number, row in enumerate(cells) if not all(map(is_blank, row))]
    if not filled:
        return None
    heading = filled[find_heading([_list_texts(cells[number]) for number in filled[:40]], chosen, find_question) or 0]
    grid = Grid(headings=_list_texts(cells[heading]), rows=[], sheet=name)
    answer = next(iter(find_columns(grid.headings, chosen).get("answer", [])), None)
    grid.bad_cells += _fill_merged(cells, merged, heading, answer)
    grid.bad_cells += _restore_specials(cells, specials, heading)
    if is_old:
        grid.bad_cells += _find_old_blanks(cells, heading)
    grid.rows = [
        (row + 1, cells[row]) for row in range(heading + 1, len(cells)) if any(cell is not None for cell in cells[row])
    ]
    if heading > filled[0]:
        title = " ".join(filter(None, _list_texts(cells[filled[0]])))[:_SHOWN_TITLE]
        grid.notices.append(describe_titles(title))
    return grid


def _list_texts(row: Sequence[Any]) -> list[str]:
    return ["" if value is None else str(value) for value in row]


def _fill_merged(cells: _Cells, merged: Sequence[MergedRange], heading: int, answer: int | None) -> Iterator[SheetCell]:
    """Give every row of a merged cell its value; yields the cells without a text of their own, which are no answers."""
    for (first_row, first_column), (last_row, last_column) in merged:
        for row in range(max(first_row, heading + 1), min(last_row + 1, len(cells))):
            for column in range(first_column, min(last_column + 1, len(cells[row]))):
                if (row, column) == (first_row, first_column) or not is_blank(cells[row][column]):
                    continue
                other = f"that of line {first_row + 1}" if row > first_row else "its neighbour"
                problem = Sentence(f"the cell is merged with {other}: give each row its own answer.", "merged_cell")
                yield SheetCell(row + 1, column, problem, is_answer_only=True)
                if column == first_column != answer:
                    cells[row][column] = cells[first_row][first_column]


def _restore_specials(cells: _Cells, specials: Sequence[SpecialCell], heading: int) -> Iterator[SheetCell]:
    """Put formulas and error values where the cell would be empty; yields these cells."""
    for special in specials:
        if heading < special.row < len(cells) and special.column < len(cells[special.row]):
            problem = describe_excel_error(special.error) if special.error else _NO_FORMULA_VALUE
            yield SheetCell(special.row + 1, special.column, problem)
            cells[special.row][special.column] = special.error or f"={special.formula}"


def _find_old_blanks(cells: _Cells, heading: int) -> Iterator[SheetCell]:
    """The empty cells of Excel 97, whose errors look empty here."""
    for row in range(heading + 1, len(cells)):
        if any(cell is not None for cell in cells[row]):
            for column, value in enumerate(cells[row]):
                if is_blank(value):
                    yield SheetCell(row + 1, column, _OLD_EMPTY, is_answer_only=True)


def _convert_value(value: Any) -> Any:
    """A cell's value as text or number: truth and dates as Excel shows them, no .0, None for an empty cell."""
    if isinstance(value, str):
        # Excel for Windows has both in some exports.
        return value.replace("\r\n", "\n") or None
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value
