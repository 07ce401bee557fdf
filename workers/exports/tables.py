"""Writes a table as CSV or as an Excel workbook."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
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
    texts = frozenset(index for index, column in enumerate(layout.columns) if column.column.identifies)
    entries = [column.describe() for column in layout.columns]
    described = [["yes" if entry[name] is True else entry[name] or None for name in _DICTIONARY] for entry in entries]
    names, rows = _SHEETS[language], _Counted(layout.rows)
    headings = _DICTIONARY_ZH if language == "zh" else _DICTIONARY
    write_sheets(
        path,
        [
            Sheet(names[0], [column.heading for column in layout.columns], rows, texts),
            Sheet(names[1], headings, described, frozenset(range(len(headings)))),
        ],
    )
    return rows.count


class _Counted:
    """Rows that are counted as they are read."""

    def __init__(self, rows: Iterable[list[Any]]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[list[Any]]:
        for row in self._rows:
            self.count += 1
            yield row
