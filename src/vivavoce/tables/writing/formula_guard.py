"""An apostrophe before text that a spreadsheet would run as a formula, and the way back.

`remove_guard(add_guard(text)) == text` for every text, and only text that `add_guard` changes is changed back.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..model import Row, Table

_MARK = "'"
# Blanks and quotes may stand before: some programs drop them.
_SKIPPED = r"[\s'\"\u200b-\u200f\u2060\ufeff]*"
# Also full-width and small forms, which some programs run too.
_STARTS_FORMULA = re.compile(rf"{_SKIPPED}[=+\-@＝＋－＠﹦﹢﹣﹫−]|['\"]*[\t\r\n]")
# A dash stands for nothing in many exports.
_DASHES = re.compile(r"-{1,3}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)? ?%?")


def starts_formula(text: str) -> bool:
    """Whether a spreadsheet may run the text as a formula; a number such as -3.5 is none, nor are dashes."""
    return _STARTS_FORMULA.match(text) is not None and not (_NUMBER.fullmatch(text) or _DASHES.fullmatch(text))


def add_guard(text: str) -> str:
    """The text as a spreadsheet shows it and does not run it."""
    return _MARK + text if starts_formula(text) else text


def remove_guard(text: str) -> str:
    """The text without the apostrophe that `add_guard` put before it."""
    return text[1:] if text.startswith(_MARK) and starts_formula(text[1:]) else text


def remove_guards(table: Table) -> Table:
    """The table of a text file as it was before `add_guard`, with its headings."""
    names = {column: remove_guard(column) for column in table.columns}
    # A heading stays if another one would get its name.
    names = {column: name if name not in table.columns else column for column, name in names.items()}
    return replace(
        table,
        columns=tuple(names.values()),
        headings=tuple(map(remove_guard, table.headings)),
        fields={name: names.get(heading, heading) for name, heading in table.fields.items()},
        rows=tuple(_remove_row_guards(row, names) for row in table.rows),
    )


def _remove_row_guards(row: Row, names: dict[str, str]) -> Row:
    values = {
        names.get(column, column): remove_guard(value) if isinstance(value, str) else value
        for column, value in row.values.items()
    }
    return Row(row.line, values)
