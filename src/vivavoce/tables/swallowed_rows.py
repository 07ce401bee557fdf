"""Rows that a stray quotation mark put into the cell of another row, although the quotation marks of the file match."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .model import Sentence
from .records import Record

_BREAK = re.compile(r"\r\n|\r|\n")


def find_swallowed(records: Sequence[Record], delimiter: str | None, *, width: int) -> list[tuple[int, int, str]]:
    """The line, the column's position and the problem of each record with lines inside that look like other rows.

    Such a line begins like the first cells of the other rows (`c2` among `c1`, `c3`), with a value that none of them
    has, and has all delimiters.
    """
    shapes = Counter(_find_shape(record.cells[0]) for record in records if record.cells)
    shape, count = next(iter(shapes.most_common(1)), ("", 0))
    if delimiter is None or width < 2 or not shape or 2 * count < len(records):
        return []
    keys = {record.cells[0].strip() for record in records}
    swallowed: list[tuple[int, int, str]] = []
    for record in records:
        first = record.line
        for place, cell in enumerate(record.cells[:width]):
            inner = _BREAK.split(cell)[1:]
            lines = [
                number
                for number, line in enumerate(inner, start=first + 1)
                if line.count(delimiter) >= width - 1
                and _find_shape(key := line.split(delimiter)[0]) == shape
                and key.strip() not in keys
            ]
            first += len(inner)
            if lines:
                problem = (
                    f"the quotation mark that opens here seems to take in the row of line {lines[0]}: close it, or "
                    "write it twice if it belongs to the text."
                )
                swallowed.append((record.line, place, Sentence(problem, "row_in_quotation", line=lines[0])))
                break
    return swallowed


def _find_shape(cell: str) -> str:
    """The pattern of an identifier, such as `a9` for c12; empty for other text."""
    text = cell.strip()
    if len(text) > 40 or not re.search(r"\d", text) or re.search(r"\s", text):
        return ""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", text))
