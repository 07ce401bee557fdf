"""What reading gives: a table with its rows, what is wrong with cells, and what a user should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Sentence(str):
    """A sentence for the user that knows its kind and the values in it, so that it can be said in another language."""

    code: str
    values: Mapping[str, str | int]

    def __new__(cls, text: str, code: str = "unreadable_file", **values: str | int) -> Sentence:
        """`code` is the kind, `values` what the sentence names."""
        sentence = super().__new__(cls, text)
        sentence.code, sentence.values = code, values
        return sentence


class TableError(Exception):
    """The whole file cannot be read; the message names the cause and the fix in one sentence.

    `sentence` is the message with its kind.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.sentence = message if isinstance(message, Sentence) else Sentence(message)

    def with_name(self, name: str) -> TableError:
        """The error with the name of the file before its message."""
        return TableError(Sentence(f"{name} {self}", self.sentence.code, **self.sentence.values))


@dataclass(frozen=True)
class Row:
    """A row of the file; `line` is the number of its first line, from 1 with the heading counted.

    No two rows of a table have the same `line`.
    """

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class BadCell:
    """A cell that cannot be used: its line, its column, and in one sentence why.

    `is_answer_only` tells that it can be used as anything but an answer. `unread` has the lines of text, cell by cell,
    whose cells cannot be told apart for sure.
    """

    line: int
    column: str
    problem: str
    is_answer_only: bool = False
    unread: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.problem}"


@dataclass(frozen=True)
class Table:
    """The columns of a file in their order, its readable rows, and the problems of the others.

    Values are keyed by `columns`, the headings as they are written; a second column of one name and one without a name
    get names of their own. `fields` has the column for each of our own names (`answer`, `candidate`, …) that was found.
    `labels` has what a second row of headings says about a column. `bad_cells` are those of columns other than that of
    the answer: they matter only if the column is read.
    A row with a problem is among `rows` when its cells could be told apart. `notices` are sentences for the user.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[BadCell, ...]
    notices: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    # As they are written, one for each of `columns`.
    headings: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    bad_cells: tuple[BadCell, ...] = ()
    # Of delimited text with more than one column.
    delimiter: str | None = None

    def read_field(self, row: Row, name: str) -> Any:
        """The row's value in the column of a field, by default that of its own name; None without such a column."""
        return row.values.get(self.fields.get(name, name))
