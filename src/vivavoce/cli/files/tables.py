"""Tables of answers in files: CSV, JSON lines and Excel.

Reading goes on after a bad row: its line and column are reported with the rest of the table.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from vivavoce.tables import BadCell, Row, Table

from ..errors import UserError

# Python's csv module stops at 128 KiB by default.
_LARGEST_CELL = 64 * 1024 * 1024
_DELIMITERS = (",", ";", "\t")
_READABLE = ".csv, .jsonl or .xlsx"


_FIELDS = ("answer", "candidate", "question_id", "language", "human_grade")


def read_table(path: Path) -> Table:
    """The table in a file, in the format of its ending; raises UserError when the whole file cannot be read."""
    readers: dict[str, Callable[[Path], Table]] = {
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".xlsx": _read_xlsx,
    }
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file that ends in {_READABLE}.")
    if not path.exists():
        raise UserError(f"{path} does not exist: check the path.")
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path} does not end in {_READABLE}: save the answers as one of them.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty: write a heading with 'answer' and one row per answer.")
    try:
        table = reader(path)
        return replace(table, fields={name: name for name in _FIELDS if name in table.columns}, headings=table.columns)
    except PermissionError:
        raise UserError(f"{path} cannot be read: check its permissions.") from None


def require_columns(path: Path, table: Table, names: Sequence[str]) -> None:
    """Raises UserError when the table lacks a column."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        # A wide table would make no readable sentence.
        present = ", ".join(table.columns[:12]) or "none"
        raise UserError(
            f"{path} has no column '{missing[0]}' (its columns: {present}): add it, or rename the column you mean."
        )


def _read_csv(path: Path) -> Table:
    text = _decode_text(path)
    csv.field_size_limit(_LARGEST_CELL)
    heading = text.split("\n", 1)[0]
    # Excel writes semicolons in many countries.
    delimiter = next((mark for mark in _DELIMITERS if "answer" in _split_heading(heading, mark)), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    problems: list[BadCell] = []
    columns: tuple[str, ...] = ()
    last_line = 0
    try:
        for cells in reader:
            # A record may span lines; it is named by its first.
            line, last_line = last_line + 1, reader.line_num
            if not columns:
                columns = _read_heading(path, cells)
            elif not any(cells) and len(cells) < 2:
                continue
            elif len(cells) > len(columns):
                counts = f"the row has {len(cells)} cells and the heading {len(columns)}"
                problems.append(BadCell(line, columns[-1], f"{counts}: put quotes around text with commas."))
            else:
                padded = [*cells, *[""] * (len(columns) - len(cells))]
                rows.append(Row(line, dict(zip(columns, padded, strict=True))))
    except csv.Error as error:
        problems.append(BadCell(last_line + 1, "?", f"the file is not CSV from here on ({error})."))
    return Table(columns, tuple(rows), tuple(problems))


def _read_jsonl(path: Path) -> Table:
    rows: list[Row] = []
    problems: list[BadCell] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(_decode_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            problems.append(BadCell(number, "?", f"the line is not JSON ({error}): write one JSON object per line."))
            continue
        if not isinstance(value, dict):
            problems.append(BadCell(number, "?", "the line is not a JSON object: write one per line, with 'answer'."))
            continue
        columns.update(dict.fromkeys(value))
        rows.append(Row(number, value))
    return Table(tuple(columns), tuple(rows), tuple(problems))


def _read_xlsx(path: Path) -> Table:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except PermissionError:
        raise
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise UserError(f"{path} is not an Excel workbook ({type(error).__name__}): save it as .xlsx.") from None
    try:
        lines = book.worksheets[0].iter_rows(values_only=True)
        heading = next(iter(lines), None)
        if heading is None:
            raise UserError(f"{path} is empty: write a heading with 'answer' into its first sheet.")
        columns = _read_heading(path, ["" if cell is None else str(cell) for cell in heading])
        rows = [
            Row(number, dict(zip(columns, cells, strict=False)))
            for number, cells in enumerate(lines, start=2)
            if any(cell is not None for cell in cells)
        ]
    finally:
        book.close()
    return Table(columns, tuple(rows), ())


def _decode_text(path: Path) -> str:
    data = path.read_bytes()
    try:
        # Excel begins UTF-8 files with a byte order mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path} is not UTF-8 text (line {line}, byte {error.start + 1}): save it as UTF-8 and run again."
        ) from None


def _read_heading(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    columns = [cell.strip() for cell in cells]
    # Spreadsheets save empty columns at the right.
    while columns and not columns[-1]:
        columns.pop()
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"{path} has two columns named '{repeated}': rename one of them.")
    return tuple(columns)


def _split_heading(heading: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(iter(csv.reader([heading], delimiter=delimiter)), [])]
