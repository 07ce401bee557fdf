"""The bad rows of a file in its own layout and format, with a column that says what is wrong with each."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivavoce.tables import Table
from vivavoce.tables.writing import write_table
from vivavoce.tables.writing.formula_guard import add_guard

from .faults import Fault, Language, join, say
from .inspection import Inspection
from .mapping import ERROR_COLUMN

_ENDINGS = {".xls": ".xlsx", ".xlsm": ".xlsx", ".ods": ".xlsx", ".tab": ".tsv", ".txt": ".csv", ".ndjson": ".jsonl"}
MEDIA_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class BadRowsFile:
    """A file of bad rows: its name, its type and its content."""

    name: str
    media_type: str
    content: bytes


def write_bad_rows(found: Inspection, language: Language) -> BadRowsFile:
    """The rows of a table that have an error, in the order of the file."""
    assert found.table
    table = found.table
    columns = [column for column in table.columns if column != ERROR_COLUMN]
    rows = _list_bad_rows(table, columns, found.faults, language)
    ending = Path(found.source.name).suffix.lower()
    if table.sheet is not None and ending not in (".xlsx", ".xlsm", ".ods", ".xls"):
        ending = ".xlsx"
    elif table.sheet is None and ending == ".xls":
        ending = ".csv"
    ending = _ENDINGS.get(ending, ending)
    name = f"{Path(found.source.name).stem}.bad-rows{ending}"
    headings = [heading for heading, column in zip(table.headings, table.columns, strict=False) if column in columns]
    names = [*(headings or columns), ERROR_COLUMN]
    if table.labels and ending in (".csv", ".tsv", ".xlsx"):
        rows = [{**table.labels, ERROR_COLUMN: None}, *rows]
    content = (
        _write_text(rows, [*columns, ERROR_COLUMN], names, table.delimiter)
        if ending in (".csv", ".tsv")
        else _write_file(rows, [*columns, ERROR_COLUMN], names, ending)
    )
    return BadRowsFile(name, MEDIA_TYPES[ending], content)


def _list_bad_rows(
    table: Table, columns: Sequence[str], faults: Sequence[Fault], language: Language
) -> list[dict[str, Any]]:
    said: dict[int | None, list[str]] = defaultdict(list)
    for fault in faults:
        if fault.level == "error":
            words = join(*say(fault.code, fault.values, language), language)
            said[fault.row].append(f"{fault.column}: {words}" if fault.column else words)
    # What is wrong with the whole file is wrong with every row.
    whole = said.pop(None, [])
    known = {row.line for row in table.rows}
    rows: list[tuple[int, dict[str, Any]]] = []
    for row in table.rows:
        if whole or row.line in said:
            values = {column: value for column, value in row.values.items() if column in columns}
            rows.append((row.line, {**values, ERROR_COLUMN: _join_words([*whole, *said[row.line]])}))
    for bad in table.problems:
        for cells in bad.unread if bad.line not in known else ():
            values = dict(zip(columns, cells, strict=False)) or {"unread": cells[0] if cells else ""}
            rows.append((bad.line, {**values, ERROR_COLUMN: _join_words([*whole, *said[bad.line]])}))
    return [row for _, row in sorted(rows, key=lambda row: row[0])]


def _join_words(sentences: Sequence[str]) -> str:
    return " | ".join(sentences)


def _write_text(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], headings: Sequence[str], delimiter: str | None
) -> bytes:
    """Delimited text with the delimiter of the file, in UTF-8 behind a mark, as Excel wants it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter if delimiter in (",", ";", "\t", "|") else ",")
    writer.writerow(map(add_guard, headings))
    for row in rows:
        writer.writerow([add_guard("" if (value := row.get(column)) is None else str(value)) for column in columns])
    return file.getvalue().encode("utf-8-sig", errors="replace")


def _write_file(rows: Sequence[dict[str, Any]], columns: Sequence[str], headings: Sequence[str], ending: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{ending}"
        write_table(path, columns, rows, headings=headings)
        return path.read_bytes()
