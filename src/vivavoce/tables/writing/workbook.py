"""Writes Excel workbooks: every text is text, and what is too long for a cell goes on in the column beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ..model import TableError
from .losses import describe_half_characters, name_rows

_PLAIN = Format()
# Excel's bounds; text is counted in units of UTF-16.
_LONGEST_TEXT = 32_767
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
# Excel keeps 15 digits of a number.
_LARGEST_NUMBER = 10**15
_FIRST_YEAR = 1900
OPTIONS = {
    "constant_memory": True,
    "strings_to_numbers": False,
    "strings_to_formulas": False,
    "strings_to_urls": False,
}


def write_workbook(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Write a sheet of rows below their columns; returns a sentence for each column that had to be continued.

    Raises TableError for more rows or columns than a sheet can have.
    """
    parts = [split_row(row) for row in rows]
    widths = [max([1, *(len(row[index]) for row in parts)]) for index in range(len(columns))]
    if len(rows) >= MOST_ROWS or sum(widths) > MOST_COLUMNS:
        raise TableError(f"A sheet holds {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns: write a .csv instead.")
    headings = list(name_parts(columns, widths))
    with xlsxwriter.Workbook(str(path), OPTIONS) as book:
        sheet = book.add_worksheet("answers")
        formats = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        for index, heading in enumerate(headings):
            sheet.write_string(0, index, heading)
        for number, row in enumerate(parts, start=1):
            write_cells(sheet, number, row, widths, formats)
    halves = describe_half_characters(columns, rows)
    return [*_describe_continued(columns, headings, parts, widths), *halves]


def split_row(row: Sequence[Any]) -> list[list[Any]]:
    """For each value the cells that hold it."""
    return [_split_text(replace_halves(value)) if isinstance(value, str) else [value] for value in row]


def _split_text(text: str) -> list[str]:
    """Pieces that a cell holds each."""
    if len(text) * 2 <= _LONGEST_TEXT:
        return [text]
    pieces, start, units = [], 0, 0
    for index, character in enumerate(text):
        size = 2 if character > "\uffff" else 1
        if units + size > _LONGEST_TEXT:
            pieces.append(text[start:index])
            start, units = index, 0
        units += size
    return [*pieces, text[start:]]


def replace_halves(text: str) -> str:
    """The text with a question mark for each lone surrogate."""
    # No encoding has lone surrogates.
    return text if text.isascii() else text.encode("utf-8", errors="replace").decode()


def name_parts(columns: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """The headings, each followed by those of the columns that continue it."""
    taken = set(columns)
    for column, width in zip(columns, widths, strict=True):
        yield replace_halves(column)
        for number in range(2, width + 1):
            name = f"{column} (continued)" if number == 2 else f"{column} (continued {number - 1})"
            while name in taken:
                name += " *"
            taken.add(name)
            yield name


def write_cells(
    sheet: Worksheet,
    number: int,
    row: Sequence[Sequence[Any]],
    widths: Sequence[int],
    formats: Mapping[type[date], Format],
) -> None:
    """Write a row that `split_row` gave."""
    column = 0
    for pieces, width in zip(row, widths, strict=True):
        for index, value in enumerate(pieces):
            write_cell(sheet, number, column + index, value, formats)
        column += width


def write_cell(sheet: Worksheet, row: int, column: int, value: Any, formats: Mapping[type[date], Format]) -> None:
    """Write a value that fits a cell."""
    if value is None or value == "":
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER:
        sheet.write_number(row, column, value)
    elif isinstance(value, date) and _fits_calendar(value):
        sheet.write_datetime(row, column, value, formats[type(value)])
    elif isinstance(value, date):
        sheet.write_string(row, column, value.isoformat())
    else:
        write_text(sheet, row, column, str(value))


def write_text(sheet: Worksheet, row: int, column: int, text: str) -> None:
    """Write a text that fits a cell as it is."""
    if text.startswith("<r>") and text.endswith("</r>"):
        # XlsxWriter would take it for XML that is ready to be written; in two parts it is text again.
        sheet.write_rich_string(row, column, _PLAIN, text[:1], _PLAIN, text[1:])
    else:
        sheet.write_string(row, column, text)


def _fits_calendar(value: date) -> bool:
    """Whether Excel has the date: from 1900 on, without a time zone."""
    return value.year >= _FIRST_YEAR and getattr(value, "tzinfo", None) is None and type(value) in (date, datetime)


def _describe_continued(
    columns: Sequence[str], headings: Sequence[str], rows: Sequence[Sequence[Sequence[Any]]], widths: Sequence[int]
) -> list[str]:
    sentences = []
    for index, column in enumerate(columns):
        numbers = [number for number, row in enumerate(rows, start=2) if len(row[index]) > 1]
        if numbers:
            beside = headings[sum(widths[:index]) + 1]
            sentences.append(
                f"column '{column}', {name_rows(numbers)}: a cell of Excel holds {_LONGEST_TEXT:,} characters, so the "
                f"rest stands beside it in '{beside}'."
            )
    return sentences
