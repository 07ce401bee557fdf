"""Writes tables of results into files: CSV, JSON lines and Excel. `vivavoce.tables` reads them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows in the format of the ending: CSV and Excel get the named columns, JSON lines all values of a row.

    The folder is created if it is missing. Cells that a format cannot hold become JSON text.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[Path, Sequence[str], Sequence[Mapping[str, Any]]], None]] = {
        ".csv": _write_csv,
        ".jsonl": _write_jsonl,
        ".xlsx": _write_xlsx,
    }
    # Renamed when complete: readers never see half a file.
    partial = path.with_name(f".{path.name}.partial")
    writers[path.suffix.lower()](partial, columns, rows)
    partial.replace(path)


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_flatten_value(row.get(column)) for column in columns] for row in rows)


def _write_jsonl(path: Path, _: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _write_xlsx(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("answers")

    def make_cells(values: Sequence[Any]) -> Iterator[WriteOnlyCell]:
        for value in values:
            if isinstance(value, str):
                cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("\ufffd", value))
                # An answer that begins with "=" is no formula.
                cell.data_type = "s"
                yield cell
            else:
                yield WriteOnlyCell(sheet, value=value)

    sheet.append(list(make_cells(columns)))
    for row in rows:
        sheet.append(list(make_cells([_flatten_value(row.get(column)) for column in columns])))
    book.save(path)


def _flatten_value(value: Any) -> Any:
    """A value as one cell can hold it: text, number or truth as it is, lists and objects as JSON."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
