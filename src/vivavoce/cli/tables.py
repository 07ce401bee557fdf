"""Tables of answers from and to files: CSV, JSON lines and Excel, and reports as HTML.

Reading never stops at a bad row: it is named with its line and column, and the rest is read.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils.exceptions import InvalidFileException

from .errors import UserError

_LARGEST_CELL = 64 * 1024 * 1024
_DELIMITERS = (",", ";", "\t")
_READABLE = ".csv, .jsonl or .xlsx"


@dataclass(frozen=True)
class Row:
    """A row as it stands in the file; `line` counts from 1 and includes the heading."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class BadCell:
    """What is wrong at one place of the file, in one sentence."""

    line: int
    column: str
    problem: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.problem}"


@dataclass(frozen=True)
class Table:
    """The rows that could be read, the columns in their order, and what could not be read."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[BadCell, ...]


def read_table(path: Path) -> Table:
    """The table in a file, by its ending; raises UserError when the file as a whole cannot be read."""
    readers: dict[str, Callable[[Path], Table]] = {
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".xlsx": _read_xlsx,
    }
    if path.is_dir():
        raise UserError(f"{path} is a directory: name a file that ends in {_READABLE}.")
    if not path.exists():
        raise UserError(f"{path} does not exist: check the path.")
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path} does not end in {_READABLE}: save the answers as one of them.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty: it needs a heading with 'answer' and a row for each answer.")
    try:
        return reader(path)
    except PermissionError:
        raise UserError(f"{path} may not be read: check its permissions.") from None


def require_columns(path: Path, table: Table, names: Sequence[str]) -> None:
    """Raises UserError when the table lacks a column."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        there = ", ".join(table.columns[:12]) or "none"
        raise UserError(
            f"{path} has no column '{missing[0]}' (its columns: {there}): add it, or rename the one that is meant."
        )


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV or Excel (the named columns) or as JSON lines (everything in a row)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[Path, Sequence[str], Sequence[Mapping[str, Any]]], None]] = {
        ".csv": _write_csv,
        ".jsonl": _write_jsonl,
        ".xlsx": _write_xlsx,
    }
    # Written beside its place and then moved, so that no half file is ever mistaken for a whole one.
    beside = path.with_name(f".{path.name}.partial")
    writers[path.suffix.lower()](beside, columns, rows)
    beside.replace(path)


def _read_csv(path: Path) -> Table:
    text = _decode(path)
    csv.field_size_limit(_LARGEST_CELL)
    heading = text.split("\n", 1)[0]
    delimiter = next((mark for mark in _DELIMITERS if "answer" in _cells(heading, mark)), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    problems: list[BadCell] = []
    columns: tuple[str, ...] = ()
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not columns:
                columns = _heading(path, cells)
            elif not any(cells) and len(cells) < 2:
                continue
            elif len(cells) > len(columns):
                extra = f"the row has {len(cells)} cells where the heading has {len(columns)}"
                problems.append(BadCell(line, columns[-1], f"{extra}: put quotes around text with commas."))
            else:
                padded = [*cells, *[""] * (len(columns) - len(cells))]
                rows.append(Row(line, dict(zip(columns, padded, strict=True))))
    except csv.Error as error:
        problems.append(BadCell(before + 1, "?", f"not CSV from here on ({error})."))
    return Table(columns, tuple(rows), tuple(problems))


def _read_jsonl(path: Path) -> Table:
    rows: list[Row] = []
    problems: list[BadCell] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(_decode(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            problems.append(BadCell(number, "?", f"not JSON ({error}): each line is one JSON object."))
            continue
        if not isinstance(value, dict):
            problems.append(BadCell(number, "?", "not a JSON object: each line is one, with 'answer'."))
            continue
        columns.update(dict.fromkeys(value))
        rows.append(Row(number, value))
    return Table(tuple(columns), tuple(rows), tuple(problems))


def _read_xlsx(path: Path) -> Table:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise UserError(f"{path} is not an Excel workbook ({type(error).__name__}): save it as .xlsx.") from None
    try:
        lines = book.worksheets[0].iter_rows(values_only=True)
        heading = next(iter(lines), None)
        if heading is None:
            raise UserError(f"{path} is empty: its first sheet needs a heading with 'answer'.")
        columns = _heading(path, ["" if cell is None else str(cell) for cell in heading])
        rows = [
            Row(number, dict(zip(columns, cells, strict=False)))
            for number, cells in enumerate(lines, start=2)
            if any(cell is not None for cell in cells)
        ]
    finally:
        book.close()
    return Table(columns, tuple(rows), ())


def _decode(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path} is not UTF-8 text (line {line}, byte {error.start + 1}): save it as UTF-8 and run again."
        ) from None


def _heading(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    columns = [cell.strip() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"{path} has two columns named '{repeated}': rename one of them.")
    return tuple(columns)


def _cells(heading: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(iter(csv.reader([heading], delimiter=delimiter)), [])]


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)


def _write_jsonl(path: Path, _: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _write_xlsx(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("answers")

    def cells(values: Sequence[Any]) -> Iterator[WriteOnlyCell]:
        for value in values:
            if isinstance(value, str):
                cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("\ufffd", value))
                cell.data_type = "s"  # Text stays text, also when it begins like a formula.
                yield cell
            else:
                yield WriteOnlyCell(sheet, value=value)

    sheet.append(list(cells(columns)))
    for row in rows:
        sheet.append(list(cells([_cell(row.get(column)) for column in columns])))
    book.save(path)


def _cell(value: Any) -> Any:
    """A value as one cell can hold it."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
