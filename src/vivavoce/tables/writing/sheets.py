"""Writes workbooks of many rows, one row in memory at a time; equal rows give equal bytes."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from ..model import TableError
from .workbook import (
    MOST_COLUMNS,
    MOST_ROWS,
    OPTIONS,
    name_parts,
    replace_halves,
    split_row,
    write_cell,
    write_cells,
    write_text,
)

# The time of writing would make the bytes of each file new.
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)
_WIDTH = 14
_ALWAYS_FITS = 16_000


@dataclass(frozen=True)
class Sheet:
    """A sheet with its headings; `rows` of texts, numbers and None are read once.

    Cells of `text_columns` keep what is typed into them as text, such as an id of 18 digits.
    """

    name: str
    headings: Sequence[str]
    rows: Iterable[Sequence[Any]]
    text_columns: frozenset[int] = frozenset()


def write_sheets(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write a workbook. Raises TableError for more rows or columns than a sheet can have."""
    with xlsxwriter.Workbook(str(path), {**OPTIONS, "tmpdir": str(path.parent)}) as book:
        book.set_properties({"created": _CREATED})
        text = book.add_format({"num_format": "@"})
        for sheet in sheets:
            # Widths must be known before the first row, so the rows wait in a file.
            with tempfile.TemporaryFile(dir=path.parent) as waiting:
                widths = _store_rows(sheet, waiting)
                written = book.add_worksheet(sheet.name)
                written.freeze_panes(1, 0)
                _set_columns(written, widths, sheet.text_columns, text)
                for index, heading in enumerate(name_parts(sheet.headings, widths)):
                    written.write_string(0, index, heading)
                for number, row in enumerate(_read_rows(waiting), start=1):
                    _write_row(written, number, row, widths)


def _store_rows(sheet: Sheet, file: IO[bytes]) -> list[int]:
    """The number of cells that each column needs for its longest text; the rows are in the file then."""
    widths, count = [1] * len(sheet.headings), 0
    for row in sheet.rows:
        count += 1
        for index, value in enumerate(row):
            # Shorter texts fit whatever their characters are.
            if type(value) is str and len(value) > _ALWAYS_FITS:
                widths[index] = max(widths[index], len(split_row([value])[0]))
        marshal.dump(list(row), file)
    if count >= MOST_ROWS or sum(widths) > MOST_COLUMNS:
        raise TableError(f"A sheet holds {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns: choose csv instead.")
    # The end of the rows: marshal cannot tell it from a broken file.
    marshal.dump(None, file)
    file.seek(0)
    return widths


def _read_rows(file: IO[bytes]) -> Iterator[list[Any]]:
    while (row := marshal.load(file)) is not None:
        yield row


def _write_row(sheet: Worksheet, number: int, row: Sequence[Any], widths: Sequence[int]) -> None:
    if max(widths, default=1) > 1:
        write_cells(sheet, number, split_row(row), widths, {})
        return
    # Most cells are short texts and small numbers: their way is kept short.
    for index, value in enumerate(row):
        if value is None or value == "":
            continue
        if type(value) is str:
            write_text(sheet, number, index, value if value.isascii() else replace_halves(value))
        else:
            write_cell(sheet, number, index, value, {})


def _set_columns(sheet: Worksheet, widths: Sequence[int], text_columns: frozenset[int], text: Any) -> None:
    column = 0
    for index, width in enumerate(widths):
        sheet.set_column(column, column + width - 1, _WIDTH, text if index in text_columns else None)
        column += width
