"""Reads the file that people edited: which cells belong to which grading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vivavoce.tables import Table, TableError, read_bytes
from vivavoce.tables.writing import remove_guards

from ..errors import UnusableEdits

_WORKBOOK = b"PK\x03\x04"
EDITED_KEYS = ("human_score", "human_comment", "human_level")


@dataclass(frozen=True)
class EditedCell:
    """A cell with the heading of its column."""

    heading: str
    value: Any


@dataclass(frozen=True)
class EditedRow:
    """The cells of one grading in a row of the file, from 1 for the heading.

    `levels` and `criterion_ids` are by the position of the criterion.
    """

    row: int
    fields: Mapping[str, EditedCell]
    levels: Mapping[int, EditedCell]
    criterion_ids: Mapping[int, str]

    def read_text(self, key: str) -> str:
        """Returns the text of a field, empty without one."""
        cell = self.fields.get(key)
        return "" if cell is None else write_text(cell.value)

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in the cells that people edit."""
        cells = [self.fields[key] for key in ("human_score", "human_comment") if key in self.fields]
        return not any(write_text(cell.value) for cell in (*cells, *self.levels.values()))


def read_edits(data: bytes, dictionary: Sequence[Mapping[str, Any]]) -> list[EditedRow]:
    """Returns the rows of a file that has the columns of a dictionary.

    Raises UnusableEdits for a file that cannot be read, or without a column that people edit.
    """
    is_workbook = data.startswith(_WORKBOOK)
    try:
        # The second sheet describes the columns.
        table = read_bytes(data, name="file.xlsx" if is_workbook else "file.csv", sheet="1" if is_workbook else None)
    except TableError as error:
        sentence = str(error).removeprefix("file.xlsx").removeprefix("file.csv").lstrip(" ,")
        raise UnusableEdits(f"The file {sentence}") from None
    if not is_workbook:
        table = remove_guards(table)
    columns = _match_columns(table, dictionary)
    if not any(entry["key"] in EDITED_KEYS for _, entry in columns.values()):
        names = [entry["heading"] for entry in dictionary if entry["editable"]][:3]
        raise UnusableEdits(
            f"The file has no column that can be edited, such as {', '.join(names)}: send the exported file with its "
            "headings as they were."
        )
    return [row for place, values in _number_rows(table) for row in _split_row(place, values, columns)]


def write_text(value: Any) -> str:
    """Returns a cell as text, without blanks around it; a whole number has no decimals."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _number_rows(table: Table) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for row in table.rows:
        yield row.line, row.values


def _match_columns(table: Table, dictionary: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Returns for each column of the file its heading and its entry in the dictionary; others are left out."""
    entries = {entry["name"]: entry for entry in dictionary} | {entry["heading"]: entry for entry in dictionary}
    headings = table.headings or table.columns
    return {
        column: (heading.strip(), entries[heading.strip()])
        for column, heading in zip(table.columns, headings, strict=False)
        if heading.strip() in entries
    }


def _split_row(
    place: int, values: Mapping[str, Any], columns: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> Iterator[EditedRow]:
    """The gradings of a row: one, or in the wide layout one for each question."""
    units: dict[str | None, tuple[dict[str, EditedCell], dict[int, EditedCell], dict[int, str]]] = {}
    for column, (heading, entry) in columns.items():
        fields, levels, ids = units.setdefault(entry["question_id"], ({}, {}, {}))
        cell = EditedCell(heading, values.get(column))
        if entry["criterion"] is None:
            fields[entry["key"]] = cell
        elif entry["key"] == "human_level":
            levels[entry["criterion"]] = cell
        elif entry["key"] == "id":
            ids[entry["criterion"]] = write_text(cell.value)
    for fields, levels, ids in units.values():
        row = EditedRow(place, fields, levels, ids)
        # In the wide layout a candidate lacks some questions.
        if set(fields) - {"candidate", "answers", "scored"} and (row.read_text("grading_id") or not row.is_empty):
            yield row
