"""Reads a file from its bytes to its report: what it is, which column is what, and all that is wrong with it."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vivavoce.rubrics import Bank
from vivavoce.tables import Sentence, Table, TableError, decode_text, read_bytes
from vivavoce.tables.writing import remove_guards

from ...answer_files.answer_columns import make_question_finder
from .checking import ReadItem, check_rows
from .entries import find_mapping_faults
from .faults import Fault, make_fault, trim_value
from .guessing import ColumnGuess, Guess, guess_mapping
from .limits import check_rows as check_row_count
from .limits import check_size
from .mapping import FileMapping, find_saved, hash_headings

MappingSource = Literal["guessed", "saved", "given"]
_FIRST_ROWS = 5
_TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt")


@dataclass(frozen=True)
class FileInput:
    """A file as it was sent, and how it is to be read.

    `mapping` is the one that the caller gave, `saved` are those of the organisation: name, hash of the headings,
    mapping.
    """

    data: bytes
    name: str
    most_rows: int
    encoding: str | None = None
    sheet: str | None = None
    mapping: FileMapping | None = None
    saved: Sequence[tuple[str, str, Mapping[str, Any]]] = ()


@dataclass
class Inspection:
    """A file that was read. `table` is None if it is none, and `mapping` if it could not be guessed."""

    source: FileInput
    table: Table | None = None
    mapping: FileMapping | None = None
    mapping_source: MappingSource = "guessed"
    saved_mapping: str | None = None
    columns: Mapping[str, ColumnGuess] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    items: list[ReadItem] = field(default_factory=list)


def inspect_file(source: FileInput, bank: Bank) -> Inspection:
    """Reads a file and checks all its answers; whatever is wrong becomes a fault."""
    found = Inspection(source)
    try:
        check_size(source.data, source.name, most_rows=source.most_rows)
        table = _read(source, bank, source.mapping)
        check_row_count(len(table.rows), source.most_rows)
    except TableError as error:
        found.faults.append(make_fault(error.sentence))
        return found
    found.table = table
    found.faults += [_describe_notice(notice) for notice in table.notices]
    if not table.rows and not table.problems:
        found.faults.append(Fault("no_answers"))
        return found
    guess = guess_mapping(table, bank)
    found.columns = guess.columns
    _choose_mapping(found, guess, table, bank)
    if found.mapping and not any(fault.row is None and fault.level == "error" for fault in found.faults):
        checked = check_rows(found.table, found.mapping, bank)
        found.faults += checked.faults
        found.items = checked.items
        if not any(fault.level == "error" for fault in found.faults) and not found.items:
            found.faults.append(Fault("no_answers"))
    return found


def _choose_mapping(found: Inspection, guess: Guess, table: Table, bank: Bank) -> None:
    """Sets the mapping: the given one, a saved one for these headings, or the guess."""
    found.mapping = found.source.mapping
    if found.mapping:
        found.mapping_source = "given"
    elif saved := find_saved(found.source.saved, table.columns):
        found.saved_mapping, found.mapping = saved
        found.mapping_source = "saved"
    else:
        found.mapping = guess.mapping
        found.faults += guess.faults
        return
    if found.mapping.answer and found.mapping.answer != table.fields.get("answer"):
        # What is no answer, and which rows are skipped, depends on the column of answers.
        try:
            found.table = table = _read(found.source, bank, found.mapping, is_chosen=True)
        except TableError:
            found.faults.append(Fault("missing_column", values={"name": found.mapping.answer}))
            return
    found.faults += find_mapping_faults(found.mapping, table, bank)


def _read(source: FileInput, bank: Bank, mapping: FileMapping | None, *, is_chosen: bool = False) -> Table:
    named = [item.column for item in mapping.answers] if mapping else []
    chosen = {"answer": mapping.answer, "question_id": mapping.question} if mapping and is_chosen else {}
    table = read_bytes(
        source.data,
        name=source.name,
        encoding=source.encoding,
        sheet=source.sheet,
        columns={name: column for name, column in chosen.items() if column},
        find_question=make_question_finder(bank, named),
    )
    return remove_guards(table) if Path(source.name).suffix.lower() in _TEXT_ENDINGS else table


def _describe_notice(notice: str) -> Fault:
    sentence = notice if isinstance(notice, Sentence) else Sentence(notice)
    values = dict(sentence.values)
    row, column = values.pop("line", None), values.pop("column", None)
    fault = make_fault(Sentence("", sentence.code, **values), row=int(row) if row else None)
    return Fault(fault.code, fault.row, str(column) if column else None, None, fault.values)


def write_report(found: Inspection) -> dict[str, Any]:
    """The report of an inspection as JSON; faults come in the order of the file."""
    table = found.table
    levels = Counter(fault.level for fault in found.faults)
    bad_rows = {fault.row for fault in found.faults if fault.level == "error" and fault.row}
    unread = {bad.line for bad in table.problems} - {row.line for row in table.rows} if table else set()
    rows = len(table.rows) + len(unread) if table else 0
    is_blocked = any(fault.level == "error" and fault.row is None for fault in found.faults)
    return {
        "format": Path(found.source.name).suffix.lower().lstrip("."),
        "encoding": _name_encoding(found),
        "delimiter": table.delimiter if table else None,
        "sheet": table.sheet if table else None,
        "columns": [_write_column(column, found) for column in table.columns] if table else [],
        "headings_hash": hash_headings(table.columns) if table else None,
        "first_rows": _write_first_rows(table) if table else [],
        "mapping_source": found.mapping_source if found.mapping else None,
        "saved_mapping": found.saved_mapping,
        "counts": {
            "rows": rows,
            "valid_rows": 0 if is_blocked else rows - len(bad_rows),
            "invalid_rows": rows if is_blocked else len(bad_rows),
            "answers": len(found.items),
            "errors": levels["error"],
            "warnings": levels["warning"],
        },
        "problems": [fault.to_document() for fault in found.faults],
    }


def _write_column(column: str, found: Inspection) -> dict[str, Any]:
    assert found.table
    guess = found.columns.get(column, ColumnGuess(column))
    return {
        "name": column,
        "label": trim_value(found.table.labels.get(column)),
        "field": guess.field,
        "question_id": guess.question_id,
        "confidence": guess.confidence,
        "reason": guess.reason,
    }


def _write_first_rows(table: Table) -> list[dict[str, Any]]:
    return [
        {"row": row.line, "values": {column: trim_value(row.values.get(column)) for column in table.columns[:50]}}
        for row in table.rows[:_FIRST_ROWS]
    ]


def _name_encoding(found: Inspection) -> str | None:
    """The encoding of a text file; None for a workbook, and where it cannot be told."""
    data, source = found.source.data, found.source
    if found.table is None or found.table.sheet is not None or data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return None
    if source.encoding:
        return source.encoding
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    notice = decode_text(data)[1]
    guessed = notice.values.get("encoding") if isinstance(notice, Sentence) else None
    return str(guessed) if guessed else "UTF-8"
