"""Splits delimited text into records, and names the lines whose quotation marks are wrong.

Python's own reader neither says where an unclosed quotation mark was opened nor keeps other backslashes where `\\"`
stands for a quotation mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .model import Sentence

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Dialect:
    """How a file separates and quotes its cells; without a delimiter each line is one cell."""

    delimiter: str | None
    quote: str = '"'
    # Whether \" and \\ stand for " and \ in quoted cells.
    backslash: bool = False

    @cached_property
    def quoted_cell(self) -> re.Pattern[str]:
        """A quoted cell up to the delimiter or the line's end; blanks around it are no text."""
        quote, blanks = re.escape(self.quote), "[ ]*"
        escapes = r"\\[\s\S]|" if self.backslash else ""
        inner = rf"(?:{escapes}[^{quote}{escapes[:2]}]++|{quote}{quote})*+"
        delimiter = f"{re.escape(self.delimiter)}|" if self.delimiter else ""
        return re.compile(rf"{blanks}{quote}({inner}){quote}{blanks}(?={delimiter}[\r\n]|\Z)")

    @cached_property
    def bare_cell(self) -> re.Pattern[str]:
        """A cell without quotation marks around it."""
        return re.compile(rf"[^\r\n{re.escape(self.delimiter or '')}]*")

    @cached_property
    def lenient_cell(self) -> re.Pattern[str]:
        """A quoted cell within one line, whose inner quotation marks are not doubled."""
        quote, delimiter = re.escape(self.quote), re.escape(self.delimiter or "\n")
        return re.compile(rf"{quote}([^\r\n]*?){quote}(?={delimiter}|\Z)")

    def unquote(self, text: str) -> str:
        """The text that the inside of a quoted cell stands for."""
        if self.backslash:
            text = re.sub(rf"\\([\\{re.escape(self.quote)}])", r"\1", text)
        return text.replace(self.quote * 2, self.quote)


@dataclass(frozen=True)
class Record:
    """The cells of a record, its first line and its last; `problem` says why its cells cannot be told apart.

    Nothing behind a record with `is_end` can be read.
    """

    line: int
    cells: tuple[str, ...]
    last_line: int = 0
    problem: str | None = None
    is_end: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether this is a blank line."""
        return len(self.cells) <= 1 and not any(cell.strip() for cell in self.cells) and self.problem is None


def split_records(text: str, dialect: Dialect, *, width: int | None = None) -> Iterator[Record]:
    """The records of a text, blank lines included.

    Text that follows a closed quotation mark is read if there is one way that gives `width` cells; else the record has
    a problem. A quotation mark that is never closed ends the reading.
    """
    position, line = 0, 1
    while position < len(text):
        first_line = line
        cells: list[str] = []
        record = None
        while record is None:
            if match := dialect.quoted_cell.match(text, position):
                cells.append(dialect.unquote(match[1]))
                line += len(_BREAK.findall(match[1]))
            elif text.startswith(dialect.quote, position):
                record, position = _read_broken(text, dialect, position, cells, (first_line, line), width)
                line = record.last_line
                break
            else:
                match = dialect.bare_cell.match(text, position)
                assert match
                cells.append(match[0])
            position = match.end()
            if dialect.delimiter and text.startswith(dialect.delimiter, position):
                position += len(dialect.delimiter)
            else:
                record = Record(first_line, tuple(cells), line)
        yield record
        if record.is_end:
            return
        if end := _BREAK.match(text, position):
            position = end.end()
            line += 1


def _read_broken(
    text: str, dialect: Dialect, position: int, cells: list[str], lines: tuple[int, int], width: int | None
) -> tuple[Record, int]:
    """A record with text behind a closed quotation mark, or with one that is never closed; and where it ends.

    The mark opens at `position`, behind `cells`; `lines` are those of the record and of the mark.
    """
    first_line, line = lines
    end = _find_line_end(text, position)
    for reading in _reread_line(text, dialect, position, end):
        if len(cells) + len(reading) == width:
            return Record(first_line, (*cells, *reading), line), end
    last_line = line
    while text.count(dialect.quote, position, end) % 2 and (following := _BREAK.match(text, end)):
        end = _find_line_end(text, following.end())
        last_line += 1
    if text.count(dialect.quote, position, end) % 2:
        problem = (
            f"the quotation mark that opens in line {line} is never closed, so nothing from line {first_line} on is "
            "graded: close it, or write it twice if it belongs to the text."
        )
        broken = Sentence(problem, "unclosed_quotation", line=line)
        return Record(first_line, tuple(cells), last_line, broken, is_end=True), end
    place = f"lines {first_line} to {last_line} are" if last_line > first_line else "the line is"
    problem = f"{place} not graded, because text follows a closing quotation mark: write marks inside the text twice."
    return Record(first_line, tuple(cells), last_line, Sentence(problem, "text_after_quotation")), end


def _reread_line(text: str, dialect: Dialect, position: int, end: int) -> Iterator[list[str]]:
    """The cells up to the line's end, if its marks belong to unquoted cells, and if inner marks are not doubled."""
    if text.count(dialect.quote, position, end) % 2 == 0:
        yield _split_line(text, dialect, position, end, is_lenient=False)
    elif not dialect.lenient_cell.match(text, position, end) or _continues(text, dialect, end):
        return
    yield _split_line(text, dialect, position, end, is_lenient=True)


def _continues(text: str, dialect: Dialect, end: int) -> bool:
    """Whether the next line with quotation marks has an odd number of them, so that it may close an earlier one."""
    following = text.find(dialect.quote, end)
    if following < 0:
        return False
    start = max(text.rfind("\n", 0, following), text.rfind("\r", 0, following)) + 1
    return text.count(dialect.quote, start, _find_line_end(text, following)) % 2 == 1


def _split_line(text: str, dialect: Dialect, position: int, end: int, *, is_lenient: bool) -> list[str]:
    cells: list[str] = []
    while True:
        if is_lenient and (match := dialect.lenient_cell.match(text, position, end)):
            cells.append(match[1])
        else:
            match = dialect.bare_cell.match(text, position, end)
            assert match
            cells.append(match[0])
        position = match.end()
        if not dialect.delimiter or not text.startswith(dialect.delimiter, position, end):
            return cells
        position += 1


def _find_line_end(text: str, position: int) -> int:
    match = _BREAK.search(text, position)
    return match.start() if match else len(text)
