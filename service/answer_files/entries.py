"""The answers of a table, one by one: from a column of answers, or from a column for each question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
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


def list_entries(table: Table, headings: Mapping[str, str] | None = None) -> list[Entry]:
    """An entry for each row of a table with a column of answers; `headings` has the column of each field, if chosen."""
    headings = name_fields(table) if headings is None else headings
    return [
        Entry(row, {name: row.values.get(heading) for name, heading in headings.items()}, headings)
        for row in table.rows
    ]


class CellProblems:
    """What is wrong with the cells of a table, so that answers which need them are not graded."""

    def __init__(self, problems: Sequence[BadCell], bad_cells: Sequence[BadCell], entries: Sequence[Entry]) -> None:
        """`problems` are those of rows, `bad_cells` matter only to the answers that are read from them."""
        self._problems = _group_by_line(problems)
        self._bad_cells = _group_by_line(bad_cells)
        self._answer_columns = frozenset(entry.name_column("answer") for entry in entries)

    def find(self, entry: Entry) -> BadCell | None:
        """The problem that keeps an entry from being graded; one in another answer of its row does not."""
        return next(iter(self.find_all(entry)), None)

    def find_all(self, entry: Entry) -> list[BadCell]:
        """All problems that keep an entry from being graded."""
        own = entry.name_column("answer")
        others = self._answer_columns - {own}
        needed = {heading for field, heading in entry.headings.items() if field != "human_grade"}
        problems = [bad for bad in self._problems.get(entry.row.line, ()) if bad.column not in others]
        cells = [bad for bad in self._bad_cells.get(entry.row.line, ()) if bad.column in needed]
        return [*problems, *(bad for bad in cells if bad.column == own or not bad.is_answer_only)]

    def find_grade(self, entry: Entry) -> BadCell | None:
        """The problem of the cell with a person's grade."""
        column = entry.name_column("human_grade")
        cells = self._bad_cells.get(entry.row.line, ())
        return next((bad for bad in cells if bad.column == column and not bad.is_answer_only), None)


def _group_by_line(cells: Sequence[BadCell]) -> Mapping[int, list[BadCell]]:
    groups: dict[int, list[BadCell]] = defaultdict(list)
    for cell in cells:
        groups[cell.line].append(cell)
    return groups
