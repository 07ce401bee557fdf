"""The answers of a table, one by one: from a column of answers, or from a column for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from vivavoce.tables import BadCell, Row, Table

FIELDS = ("answer", "candidate", "question_id", "language", "human_grade")


@dataclass(frozen=True)
class Entry:
    """An answer of a table: its row, its cells by field, and the heading of each of these cells.

    `added` are cells for the results that the row lacks. `skipped` says why there is nothing to grade.
    """

    row: Row
    cells: Mapping[str, Any]
    headings: Mapping[str, str]
    added: Mapping[str, Any] = field(default_factory=dict)
    skipped: str | None = None

    def name_column(self, name: str) -> str:
        """The heading of a field's cell in the file, or the field's own name."""
        return self.headings.get(name, name)


def name_fields(table: Table) -> dict[str, str]:
    """The heading of each field that a table has; a question without an identifier is named by its column."""
    fields = {**{name: name for name in FIELDS if name in table.columns}, **table.fields}
    if "question" in fields:
        fields.setdefault("question_id", fields["question"])
    return {name: fields[name] for name in FIELDS if name in fields}


def list_entries(table: Table) -> list[Entry]:
    """An entry for each row of a table that has a column of answers."""
    headings = name_fields(table)
    return [
        Entry(row, {name: row.values.get(heading) for name, heading in headings.items()}, headings)
        for row in table.rows
    ]


def find_problem(entry: Entry, problems: Sequence[BadCell], *, answer_columns: Set[str]) -> BadCell | None:
    """The problem of reading that keeps an entry from being graded; one in another answer of its row does not."""
    others = answer_columns - {entry.name_column("answer")}
    return next((bad for bad in problems if bad.line == entry.row.line and bad.column not in others), None)
