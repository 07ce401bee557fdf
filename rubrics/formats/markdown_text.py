"""Escapes text for Markdown pages, so that every character survives a round trip.

Line breaks become `<br>`, characters with a meaning in Markdown get a backslash, and blanks that readers of Markdown
would drop become character references.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\|<>`*_#\[\]]|&(?=#))")
# Blanks at the ends, and rare line ends.
_DROPPED = re.compile(r"^\s+|\s+$|[\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]")
_LIST_START = re.compile(r"(?:[-+] |\d+[.)] )")
_ESCAPED = re.compile(r"\\(.)|<br>|&#(\d+);")
# A stroke after an even number of backslashes.
_CELL_END = re.compile(r"(?<!\\)(?:\\\\)*\|")
_BREAK = "<br>"


def escape_text(text: str) -> str:
    """One line of Markdown that shows a text."""
    escaped = _SPECIAL.sub(r"\\\1", text)
    # Such a start would turn the line into a list.
    if _LIST_START.match(escaped):
        escaped = "\\" + escaped
    kept = _DROPPED.sub(lambda match: "".join(f"&#{ord(blank)};" for blank in match[0]), escaped)
    return kept.replace("\n", _BREAK)


def unescape_text(text: str) -> str:
    """The text that `escape_text` made a line from."""

    def restore_character(match: re.Match[str]) -> str:
        return match[1] or (chr(int(match[2])) if match[2] else "\n")

    return _ESCAPED.sub(restore_character, text)


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [
        f"| {' | '.join(head)} |",
        f"| {' | '.join('---' for _ in head)} |",
        *(f"| {' | '.join(map(escape_text, row))} |" for row in rows),
    ]


def split_row(line: str) -> list[str]:
    """The cells of a table's line, unescaped."""
    inner = line.strip().removeprefix("|")
    cells, start = [], 0
    for end in _CELL_END.finditer(inner):
        cells.append(inner[start : end.end() - 1])
        start = end.end()
    # The last stroke of a row is optional.
    if inner[start:].strip():
        cells.append(inner[start:])
    return [unescape_text(cell.strip()) for cell in cells]
