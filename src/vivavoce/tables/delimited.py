"""Reads delimited text: finds delimiter, quotation marks and headings, and names rows that do not fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from .grid import Grid, build_table, describe_titles
from .heading_rows import FindQuestion, find_no_question
from .heading_search import count_known, find_heading
from .headings import MOST_COLUMNS, is_blank, name_columns, strip_invisible
from .model import BadCell, Sentence, Table, TableError
from .records import Dialect, Record, split_records
from .swallowed_rows import find_swallowed
from .unread_lines import list_unread, split_lines

_DELIMITERS = (",", ";", "\t", "|", "，", "；")
# Excel's own hint.
_SEPARATOR_LINE = re.compile(r"[ ]*\"?sep=(.)\"?[ ]*(?=[\r\n]|\Z)", re.IGNORECASE)
_SAMPLED_RECORDS = 40


def read_delimited(
    text: str, *, ending: str, chosen: Mapping[str, str], find_question: FindQuestion = find_no_question
) -> Table:
    """The table in delimited text; the `ending` of the file's name says which delimiter is likely.

    `chosen` has the headings that the user named for fields.
    """
    text, delimiters = _read_separator_line(text, ending)
    dialect, position = _find_dialect(text, delimiters, ending, chosen, find_question)
    filled = (record for record in split_records(text, dialect) if not record.is_blank or record.problem)
    records = list(islice(filled, position + 1))
    if position >= len(records):
        return Table((), (), ())
    heading = records[position]
    if heading.problem:
        text = f"has no headings that can be read (line {heading.line}): {heading.problem}"
        raise TableError(Sentence(text, "unreadable_headings", line=heading.line))
    if len(heading.cells) > MOST_COLUMNS:
        text = f"has {len(heading.cells):,} columns, at most {MOST_COLUMNS:,} are read: remove some."
        raise TableError(Sentence(text, "too_many_columns", count=len(heading.cells), limit=MOST_COLUMNS))
    # Read again: the number of columns tells how to read odd quotation marks.
    width = len(heading.cells)
    rows = [
        record
        for record in split_records(text, dialect, width=width)
        if record.line > heading.line and not record.is_blank
    ]
    grid = Grid(headings=heading.cells, rows=[])
    named = len(_strip_end(heading.cells))
    columns = name_columns(heading.cells)
    fitting = []
    for record in rows:
        if problem := _find_misfit(record, width, named, dialect):
            # A broken cell is the one behind those that were read.
            place = min(len(record.cells), named - 1) if record.problem else named - 1
            unread = tuple(list_unread(text, record, dialect, width=named))
            grid.problems.append(BadCell(record.line, columns[place], problem, unread=unread))
        else:
            fitting.append(record)
    swallowed = {found[0]: found for found in find_swallowed(fitting, dialect.delimiter, width=named)}
    for record in fitting:
        if record.line in swallowed:
            _, place, problem = swallowed[record.line]
            unread = tuple(split_lines(text, record, dialect, width=named))
            grid.problems.append(BadCell(record.line, columns[place], problem, unread=unread))
    grid.rows = [(record.line, record.cells[:width]) for record in fitting if record.line not in swallowed]
    grid.notices += _describe_titles(records[:position])
    return replace(build_table(grid, chosen, find_question), delimiter=dialect.delimiter)


def _read_separator_line(text: str, ending: str) -> tuple[str, Sequence[str]]:
    """The text without Excel's `sep=;` in its first line, and the delimiters to try, likely ones first."""
    if match := _SEPARATOR_LINE.match(text):
        return text[match.end() :], [match[1]]
    return text, sorted(_DELIMITERS, key=lambda mark: mark != "\t") if ending in (".tsv", ".tab") else _DELIMITERS


def _find_dialect(
    text: str, delimiters: Sequence[str], ending: str, chosen: Mapping[str, str], find_question: FindQuestion
) -> tuple[Dialect, int]:
    """The dialect in which most headings are known, and the position of their record, blank lines not counted."""
    candidates = []
    for delimiter in delimiters:
        dialect = Dialect(delimiter)
        first = [record for record in islice(split_records(text, dialect), _SAMPLED_RECORDS) if not record.is_blank]
        position = find_heading([record.cells for record in first], chosen, find_question)
        known = 0 if position is None else count_known(first[position].cells, chosen, find_question)
        candidates.append(((known, 0.0 if known else _measure_regularity(first)), dialect, position or 0, first))
    # The first of equals: the likeliest delimiter.
    (known, _), dialect, position, first = max(candidates, key=lambda candidate: candidate[0])
    heading = first[position].cells if first else ()
    if heading and heading[0].lstrip().startswith("'"):
        single = replace(dialect, quote="'")
        records = [record for record in islice(split_records(text, single), _SAMPLED_RECORDS) if not record.is_blank]
        if not records[position].problem and count_known(records[position].cells, chosen, find_question) >= known:
            dialect, heading = single, records[position].cells
    if len(heading) == 1 and ending == ".txt" and known:
        # Commas in a list of answers end nothing.
        dialect = replace(dialect, delimiter=None)
    return _choose_escape(text, dialect, len(heading)), position


def _measure_regularity(records: Sequence[Record]) -> float:
    """The share of records that have the commonest number of cells, if that is more than one."""
    widths = Counter(len(record.cells) for record in records if len(record.cells) > 1)
    return max(widths.values(), default=0) / max(len(records), 1)


def _choose_escape(text: str, dialect: Dialect, width: int) -> Dialect:
    """The dialect, with backslashes before quotation marks if more of the text fits so."""
    if f"\\{dialect.quote}" not in text:
        return dialect
    escaped = replace(dialect, backslash=True)
    return min((dialect, escaped), key=lambda tried: _count_misfits(text, tried, width))


def _count_misfits(text: str, dialect: Dialect, width: int) -> int:
    return sum(
        (record.problem is not None) + record.is_end * 1000 + (len(record.cells) > width)
        for record in split_records(text, dialect)
    )


def _strip_end(cells: Sequence[str]) -> Sequence[str]:
    width = max((number for number, cell in enumerate(cells, start=1) if not is_blank(cell)), default=0)
    return cells[:width]


def _find_misfit(record: Record, width: int, named: int, dialect: Dialect) -> str | None:
    """Why the cells of a record cannot be told apart, if so; `named` columns of `width` have headings."""
    if record.problem:
        return record.problem
    filled = _strip_end(record.cells)
    # "not, fine" is cut at its comma, where an own column rarely begins with a blank.
    is_cut = len(filled) > named and filled[named].startswith(" ")
    if len(filled) > width or (len(filled) > named and (len(record.cells) > width or is_cut)):
        counts = f"the row has {len(filled)} cells and the heading {named}"
        mark = "commas" if dialect.delimiter == "," else f"'{dialect.delimiter}'"
        return Sentence(f"{counts}: put quotation marks around text with {mark}.", "ragged_row")
    return None


def _describe_titles(records: Sequence[Record]) -> list[str]:
    if not records:
        return []
    text = " ".join(filter(None, map(strip_invisible, records[0].cells)))
    return [describe_titles(text[:60])]
