"""Makes a table of headings and rows of cells, in whatever format they were written."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import is_not
from typing import Any

from .headings import find_columns, is_blank, name_columns, normalize_heading, strip_invisible
from .model import BadCell, Row, Table

_TOTALS = frozenset(["pointspossible", "满分", "滿分", "总分", "總分"])
_BARE_NUMBER = re.compile(r"[\d.,]*(\(.*\))?")
_RULE = re.compile(r":?-{3,}:?")
# What Excel saves for an answer that it took for a formula; #N/A can be typed.
_EXCEL_ERRORS = ("#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!", "########")
# No file and no database can hold these.
_UNUSABLE = re.compile(r"[\x00\ud800-\udfff]")
_REPLACED = "a character that no file can hold (NUL, or half of a pair) was replaced by \ufffd"
_MOST_LINES = 10


@dataclass
class Grid:
    """The headings and the rows of a file, with what was found out while reading them; rows are line and cells."""

    headings: Sequence[str]
    rows: Sequence[tuple[int, Sequence[Any]]]
    problems: list[BadCell] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    sheet: str | None = None


def build_table(grid: Grid, chosen: Mapping[str, str]) -> Table:
    """The table of a grid, without rows that are no candidates; a notice names their lines."""
    first, headings = _trim_headings(grid)
    columns = name_columns([""] * first + headings)[first:]
    fields = {name: columns[found[0]] for name, found in find_columns(headings, chosen).items() if len(found) == 1}
    skipped: dict[str, list[int]] = defaultdict(list)
    rows = []
    for line, cells in grid.rows:
        padded = [*cells[first:], *[None] * (len(columns) + first - len(cells))]
        values = dict(zip(columns, padded, strict=False))
        if reason := _find_reason_to_skip(values, fields.get("answer"), headings):
            skipped[reason].append(line)
        else:
            rows.append(Row(line, values))
    problems = [
        *grid.problems,
        *_find_excel_errors(rows, fields.get("answer"), {problem.line for problem in grid.problems}),
    ]
    notices = [*grid.notices, *_describe_skipped(skipped)]
    return clean_table(
        Table(columns, tuple(rows), tuple(problems), tuple(notices), fields, grid.sheet, tuple(headings))
    )


def clean_table(table: Table) -> Table:
    """The table with U+FFFD for characters that no file can hold, and a notice of each such cell; problems sorted."""
    notices = list(table.notices)
    rows = []
    for row in table.rows:
        cleaned = {}
        for column, value in row.values.items():
            cleaned[column] = _clean(value)
            if cleaned[column] is not value:
                notices.append(f"line {row.line}, column {column}: {_REPLACED}.")
        rows.append(Row(row.line, {_clean(column): value for column, value in cleaned.items()}))
    return Table(
        columns=tuple(map(_clean, table.columns)),
        rows=tuple(rows),
        problems=tuple(sorted(table.problems, key=lambda problem: problem.line)),
        notices=tuple(map(_clean, notices)),
        fields={name: _clean(column) for name, column in table.fields.items()},
        sheet=table.sheet and _clean(table.sheet),
        headings=tuple(map(_clean, table.headings)),
    )


def describe_lines(lines: Sequence[int]) -> str:
    """The numbers of lines in few words, neighbours as a range."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    named = [str(first) if first == last else f"{first} to {last}" for first, last in ranges[:_MOST_LINES]]
    return ("line " if len(lines) == 1 else "lines ") + ", ".join(named) + (", …" if len(ranges) > _MOST_LINES else "")


def _clean(value: Any) -> Any:
    """The value with U+FFFD for lone surrogates and NUL, in lists and objects too; itself if it has none."""
    if isinstance(value, str):
        return _UNUSABLE.sub("\ufffd", value) if _UNUSABLE.search(value) else value
    if isinstance(value, list):
        cleaned_items = [_clean(item) for item in value]
        return cleaned_items if any(map(is_not, cleaned_items, value)) else value
    if isinstance(value, dict):
        cleaned = {_clean(key): _clean(item) for key, item in value.items()}
        return cleaned if any(map(is_not, chain(*cleaned.items()), chain(*value.items()))) else value
    return value


def _trim_headings(grid: Grid) -> tuple[int, list[str]]:
    """The position of the first column that holds anything, from 0, and the headings from there to the last such."""
    rows = [grid.headings, *(cells for _, cells in grid.rows)]
    filled = {position for cells in rows for position, cell in enumerate(cells) if not is_blank(cell)}
    first, last = min(filled, default=0), max(filled, default=-1)
    padded = [*grid.headings, *[""] * (last + 1 - len(grid.headings))]
    return first, [strip_invisible(heading) for heading in padded[first : last + 1]]


def _find_reason_to_skip(values: Mapping[str, Any], answer: str | None, headings: Sequence[str]) -> str | None:
    """Why a row is no candidate's; None if it is one."""
    filled = {column: str(value).strip() for column, value in values.items() if not is_blank(value)}
    if not filled:
        return "blank"
    if all(_RULE.fullmatch(text) for text in filled.values()):
        return "a rule under the headings"
    pairs = zip(map(normalize_heading, headings), map(_normalize_value, values.values()), strict=True)
    if len(filled) > 1 and all(text in ("", heading) for heading, text in pairs):
        return "a repeated heading"
    if answer is not None and _BARE_NUMBER.fullmatch(filled.get(answer, "")):
        others = (normalize_heading(text) for column, text in filled.items() if column != answer)
        if any(other in _TOTALS for other in others):
            return "points possible, no candidate"
    return None


def _normalize_value(value: Any) -> str:
    # What has no letters is no heading.
    return "" if is_blank(value) else normalize_heading(str(value)) or "?"


def _describe_skipped(skipped: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for reason, lines in skipped.items():
        rows = "1 row was skipped" if len(lines) == 1 else f"{len(lines)} rows were skipped"
        yield f"{rows} as {reason}: {describe_lines(lines)}."


def _find_excel_errors(rows: Iterable[Row], answer: str | None, named: set[int]) -> Iterator[BadCell]:
    if answer is None:
        return
    for row in rows:
        value = row.values.get(answer)
        if isinstance(value, str) and value.strip() in _EXCEL_ERRORS and row.line not in named:
            yield BadCell(row.line, answer, describe_excel_error(value.strip()))


def describe_excel_error(value: str) -> str:
    """What to do about an error value of Excel in place of an answer."""
    return f"Excel shows the error {value} in place of the answer: enter the answer as text and run again."
