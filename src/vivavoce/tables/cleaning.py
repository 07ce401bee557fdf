"""Takes characters out of tables that no file and no database can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from operator import is_not
from typing import Any

from .model import Row, Sentence, Table

_UNUSABLE = re.compile(r"[\x00\ud800-\udfff]")
_HALF = re.compile(r"[\ud800-\udfff]")
_REMOVED = "a NUL character, which no file can hold, was removed"
_REPLACED = "half of a character, which no file can hold, was replaced by \ufffd"


def clean_table(table: Table) -> Table:
    """The table without NUL, with U+FFFD for halves of characters and a notice of each such cell; problems sorted."""
    notices = list(table.notices)
    rows = []
    for row in table.rows:
        cleaned = {}
        for column, value in row.values.items():
            cleaned[column] = _clean(value)
            if cleaned[column] is not value:
                notices += _describe_changes(row.line, column, value)
        rows.append(Row(row.line, {_clean(column): value for column, value in cleaned.items()}))
    return replace(
        table,
        columns=tuple(map(_clean, table.columns)),
        rows=tuple(rows),
        problems=tuple(sorted(table.problems, key=lambda problem: problem.line)),
        notices=tuple(map(_clean_notice, notices)),
        fields={name: _clean(column) for name, column in table.fields.items()},
        sheet=table.sheet and _clean(table.sheet),
        headings=tuple(map(_clean, table.headings)),
        labels={_clean(column): _clean(label) for column, label in table.labels.items()},
        bad_cells=tuple(replace(cell, column=_clean(cell.column)) for cell in table.bad_cells),
    )


def _describe_changes(line: int, column: str, value: Any) -> Iterator[Sentence]:
    text = str(value) if isinstance(value, str) else repr(value)
    place = f"line {line}, column {column}"
    if "\x00" in text or "\\x00" in text:
        yield Sentence(f"{place}: {_REMOVED}.", "nul_removed", line=line, column=column)
    if _HALF.search(text) or "\\ud" in text:
        yield Sentence(f"{place}: {_REPLACED}.", "half_character_replaced", line=line, column=column)


def _clean_notice(notice: str) -> str:
    if not isinstance(notice, Sentence):
        return str(_clean(notice))
    return Sentence(_clean(notice), notice.code, **_clean(dict(notice.values)))


def _clean(value: Any) -> Any:
    """The value without NUL and with U+FFFD for lone surrogates, in lists and objects too; itself if it has none."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value.replace("\x00", "")) if _UNUSABLE.search(value) else value
    if isinstance(value, list):
        cleaned_items = [_clean(item) for item in value]
        return cleaned_items if any(map(is_not, cleaned_items, value)) else value
    if isinstance(value, dict):
        cleaned = {_clean(key): _clean(item) for key, item in value.items()}
        return cleaned if any(map(is_not, chain(*cleaned.items()), chain(*value.items()))) else value
    return value
