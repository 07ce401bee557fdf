"""Makes a table of headings and rows of cells, in whatever format they were written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .cleaning import clean_table
from .heading_rows import FindQuestion, find_no_question, read_heading_rows
from .headings import find_columns, is_blank, name_columns, strip_invisible
from .model import BadCell, Row, Sentence, Table
from .skipped_rows import describe_skipped, find_reason_to_skip

# What Excel saves for an answer that it took for a formula; #N/A can be typed.
_EXCEL_ERRORS = ("#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!", "########")


@dataclass(frozen=True)
class SheetCell:
    """A cell of a sheet that cannot be used, by line and by column from 0, and why."""

    line: int
    column: int
    problem: str
    is_answer_only: bool = False


@dataclass
class Grid:
    """The headings and the rows of a file, with what was found out while reading them; rows are line and cells."""

    headings: Sequence[str]
    rows: Sequence[tuple[int, Sequence[Any]]]
    problems: list[BadCell] = field(default_factory=list)
    bad_cells: list[SheetCell] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    sheet: str | None = None


def build_table(grid: Grid, chosen: Mapping[str, str], find_question: FindQuestion = find_no_question) -> Table:
    """The table of a grid, without rows that are no candidates; a notice names their lines."""
    first, headings = _trim_headings(grid)
    lined_up = [(line, cells[first:]) for line, cells in grid.rows]
    heading_rows = read_heading_rows(headings, lined_up, chosen, find_question)
    headings = list(map(strip_invisible, heading_rows.headings))
    columns = name_columns([""] * first + headings)[first:]
    fields = {name: columns[found[0]] for name, found in find_columns(headings, chosen).items() if len(found) == 1}
    skipped: dict[str, list[int]] = defaultdict(list)
    rows = []
    for line, cells in lined_up:
        padded = [*cells, *[None] * (len(columns) - len(cells))]
        values = dict(zip(columns, padded, strict=False))
        reason = find_reason_to_skip(values, fields.get("answer"), headings)
        if line in heading_rows.lines:
            reason = "further headings"
        if reason:
            skipped[reason].append(line)
        else:
            rows.append(Row(line, values))
    bad_cells = [*_name_cells(grid.bad_cells, first, columns), *_find_excel_errors(rows)]
    return clean_table(
        Table(
            columns,
            tuple(rows),
            (*grid.problems, *_list_of_column(bad_cells, fields.get("answer"), grid.problems)),
            (*grid.notices, *describe_skipped(skipped)),
            fields,
            grid.sheet,
            tuple(headings),
            {columns[place]: label for place, label in heading_rows.labels.items() if label and place < len(columns)},
            tuple(cell for cell in bad_cells if cell.column != fields.get("answer")),
        )
    )


def _trim_headings(grid: Grid) -> tuple[int, list[str]]:
    """The position of the first column that holds anything, from 0, and the headings from there to the last such."""
    rows = [grid.headings, *(cells for _, cells in grid.rows)]
    filled = {position for cells in rows for position, cell in enumerate(cells) if not is_blank(cell)}
    first, last = min(filled, default=0), max(filled, default=-1)
    padded = [*grid.headings, *[""] * (last + 1 - len(grid.headings))]
    return first, [strip_invisible(heading) for heading in padded[first : last + 1]]


def _name_cells(cells: Iterable[SheetCell], first: int, columns: Sequence[str]) -> Iterator[BadCell]:
    for cell in cells:
        if 0 <= cell.column - first < len(columns):
            yield BadCell(cell.line, columns[cell.column - first], cell.problem, cell.is_answer_only)


def _list_of_column(cells: Iterable[BadCell], column: str | None, others: Iterable[BadCell]) -> Iterator[BadCell]:
    """The first bad cell of a column in each line without another problem."""
    named = {problem.line for problem in others}
    for cell in cells:
        if cell.column == column and cell.line not in named:
            named.add(cell.line)
            yield replace(cell, is_answer_only=False)


def _find_excel_errors(rows: Iterable[Row]) -> Iterator[BadCell]:
    for row in rows:
        for column, value in row.values.items():
            if isinstance(value, str) and value.strip() in _EXCEL_ERRORS:
                yield BadCell(row.line, column, describe_excel_error(value.strip()))


def describe_excel_error(value: str) -> str:
    """What to do about an error value of Excel in place of text."""
    text = f"Excel shows the error {value} in place of the text: enter it as text and run again."
    return Sentence(text, "excel_error", error=value)


def describe_titles(title: str) -> str:
    """What was left out above the headings; `title` is its beginning."""
    text = f"What stands above the headings, from '{title}' on, was not read as answers."
    return Sentence(text, "titles_skipped", title=title)
