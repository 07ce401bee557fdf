"""Writes a table as CSV or as an Excel workbook."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vivavoce.rubrics import Language
from vivavoce.tables.writing import Sheet, add_guard, write_sheets

from .layouts import Layout

_SHEETS: dict[Language, tuple[str, str]] = {"en": ("answers", "dictionary"), "zh": ("评分结果", "字段说明")}
_DICTIONARY = ("heading", "name", "question_id", "criterion", "type", "editable", "description")
_DICTIONARY_ZH = ("列标题", "字段名", "题目编号", "评分项序号", "类型", "可修改", "说明")


def write_csv(path: Path, layout: Layout) -> int:
    """Write a table in UTF-8, with an apostrophe before what a spreadsheet would run; returns the number of rows."""
    # Excel takes UTF-8 for it only behind a mark.
    with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([add_guard(column.heading) for column in layout.columns])
        count = 0
        for row in layout.rows:
            writer.writerow(["" if cell is None else add_guard(str(cell)) for cell in row])
            count += 1
    return count


def write_xlsx(path: Path, layout: Layout, language: Language) -> int:
    """Write a workbook: the table, and a second sheet that describes its columns; returns the number of rows."""
    # Widths must be known before the first row, so the rows wait in a file.
    waiting = path.with_suffix(".rows")
    with waiting.open("w", encoding="ascii") as file:
        count = 0
        for row in layout.rows:
            file.write(json.dumps(row) + "\n")
            count += 1
    texts = frozenset(index for index, column in enumerate(layout.columns) if column.column.identifies)
    entries = [column.describe() for column in layout.columns]
    described = [["yes" if entry[name] is True else entry[name] or None for name in _DICTIONARY] for entry in entries]
    names = _SHEETS[language]
    headings = _DICTIONARY_ZH if language == "zh" else _DICTIONARY
    write_sheets(
        path,
        [
            Sheet(names[0], [column.heading for column in layout.columns], lambda: _read_rows(waiting), texts),
            Sheet(names[1], headings, lambda: described, frozenset(range(len(headings)))),
        ],
    )
    return count


def _read_rows(path: Path) -> Iterator[list[Any]]:
    with path.open(encoding="ascii") as file:
        for line in file:
            yield json.loads(line)
