"""The lines of records whose cells cannot be told apart, split plainly, so that a person can mend them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from .records import Dialect, Record

_BREAK = re.compile(r"\r\n|\r|\n")


def list_unread(text: str, record: Record, dialect: Dialect, *, width: int) -> Iterator[tuple[str, ...]]:
    """The lines of a record with a problem as at most `width` cells each; all text behind it if it ends the reading."""
    if record.problem:
        yield from split_lines(text, record, dialect, width=width)
    else:
        yield _join_surplus(record.cells, dialect, width)


def split_lines(text: str, record: Record, dialect: Dialect, *, width: int) -> Iterator[tuple[str, ...]]:
    """Each line of a record, split at every delimiter."""
    last_line = None if record.is_end else record.last_line
    for line in islice(_list_lines(text), record.line - 1, last_line):
        if line.strip():
            cells = line.split(dialect.delimiter) if dialect.delimiter else [line]
            yield _join_surplus([cell.strip().strip(dialect.quote) for cell in cells], dialect, width)


def _list_lines(text: str) -> Iterator[str]:
    start = 0
    for end in _BREAK.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]


def _join_surplus(cells: Sequence[str], dialect: Dialect, width: int) -> tuple[str, ...]:
    """The cells, with those beyond the last heading joined to it: the likeliest place of an unquoted delimiter."""
    if len(cells) <= width or width < 1:
        return tuple(cells)
    return (*cells[: width - 1], (dialect.delimiter or "").join(cells[width - 1 :]))
