"""Writes tables to files: what a format cannot hold is named, never lost without a word."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from itertools import chain
from pathlib import Path
from typing import Any

from ..model import TableError
from .formula_guard import add_guard
from .losses import describe_half_characters
from .workbook import write_workbook

WRITABLE = (".csv", ".tsv", ".jsonl", ".json", ".xlsx")
Rows = Sequence[Mapping[str, Any]]


def write_table(
    path: Path,
    columns: Sequence[str],
    rows: Rows,
    *,
    headings: Sequence[str] | None = None,
    keep_formulas: bool = False,
) -> list[str]:
    """Write rows in the format of the ending of `path`, and give a sentence for each change of what they hold.

    `headings` stand above the columns instead of their names; JSON has the names. In .csv and .tsv, text that a
    spreadsheet would run gets an apostrophe unless `keep_formulas` is set. The folder is created if it is missing.
    Raises TableError when the file cannot be written.
    """
    headings = columns if headings is None else headings
    cells = [[_flatten_value(row.get(column)) for column in columns] for row in rows]
    writers: dict[str, Callable[[Path], list[str]]] = {
        ".csv": lambda file: _write_csv(file, headings, cells, delimiter=",", keep_formulas=keep_formulas),
        ".tsv": lambda file: _write_csv(file, headings, cells, delimiter="\t", keep_formulas=keep_formulas),
        ".jsonl": lambda file: _write_json(file, rows, as_lines=True),
        ".json": lambda file: _write_json(file, rows, as_lines=False),
        ".xlsx": lambda file: write_workbook(file, headings, cells),
    }
    # Renamed when complete: readers never see half a file.
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        notices = writers[path.suffix.lower()](partial)
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TableError(f"{path} cannot be written ({reason}): close it elsewhere, or name another file.") from None
    finally:
        partial.unlink(missing_ok=True)
    return notices


def _write_csv(
    path: Path, headings: Sequence[str], cells: Sequence[Sequence[Any]], *, delimiter: str, keep_formulas: bool
) -> list[str]:
    lines = [list(headings), *([_write_text(value) for value in row] for row in cells)]
    guarded = lines if keep_formulas else [[add_guard(cell) for cell in line] for line in lines]
    # Excel takes UTF-8 for it only behind a mark.
    with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(guarded)
    pairs = zip(chain.from_iterable(lines), chain.from_iterable(guarded), strict=True)
    changed = sum(old != new for old, new in pairs)
    return [*_describe_guards(changed), *describe_half_characters(headings, lines[1:])]


def _describe_guards(count: int) -> list[str]:
    if not count:
        return []
    cells = "1 cell begins like a formula" if count == 1 else f"{count} cells begin like formulas"
    return [f"{cells}: an apostrophe before it keeps spreadsheets from running it (--keep-formulas leaves it out)."]


def _write_json(path: Path, rows: Rows, *, as_lines: bool) -> list[str]:
    texts = [json.dumps(_make_plain(row), ensure_ascii=False) for row in rows]
    whole = "".join(f"{text}\n" for text in texts) if as_lines else "[\n" + ",\n".join(texts) + "\n]\n"
    # A lone surrogate becomes its escape, which JSON reads back.
    path.write_text(whole, encoding="utf-8", errors="backslashreplace")
    return []


def _make_plain(value: Any) -> Any:
    """A value as JSON has it: dates as ISO text, and numbers that JSON lacks as text."""
    if isinstance(value, Mapping):
        return {str(name): _make_plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_make_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _flatten_value(value: Any) -> Any:
    """A value as one cell can hold it: text, number, truth or date as it is, lists and objects as JSON."""
    if isinstance(value, datetime | date):
        return value
    plain = _make_plain(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict | list) else plain


def _write_text(value: Any) -> str:
    plain = _make_plain(value)
    return "" if plain is None else str(plain)
