"""Sentences on what a file could not hold, with column and rows of the file that was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

_ROWS_NAMED = 5


def name_rows(numbers: Sequence[int]) -> str:
    """Row numbers for a sentence, at most five of them: `rows 2, 3, 7`."""
    shown = ", ".join(map(str, numbers[:_ROWS_NAMED]))
    more = f" and {len(numbers) - _ROWS_NAMED} more" if len(numbers) > _ROWS_NAMED else ""
    return f"row{'s' if len(numbers) > 1 else ''} {shown}{more}"


def describe_half_characters(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """A sentence for each column with lone surrogates, which no encoding has; they become question marks."""
    for index, column in enumerate(columns):
        numbers = [number for number, row in enumerate([columns, *rows], start=1) if _has_half_character(row[index])]
        if numbers:
            name = column.encode("utf-8", errors="replace").decode()
            half = "half a character (a lone surrogate)"
            yield f"column '{name}', {name_rows(numbers)}: {half} is written as a question mark."


def _has_half_character(value: Any) -> bool:
    return (
        isinstance(value, str) and not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)
    )
