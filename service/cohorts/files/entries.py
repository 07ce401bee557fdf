"""The answers of a table by a mapping: an entry for each, with its cells by field."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vivavoce.rubrics import Bank, Language, UnknownQuestion
from vivavoce.tables import Row, Table

from ...answer_files.entries import Entry, list_entries
from ...answer_files.wide.layout import AnswerColumn, WideLayout
from ...answer_files.wide.question_matching import QuestionFinder
from ...answer_files.wide.rows import CandidateColumns, list_wide_entries
from .faults import Fault
from .mapping import AnswerColumn as MappedColumn
from .mapping import FileMapping

_LANGUAGES: Sequence[Language] = ("en", "zh")


def find_mapping_faults(mapping: FileMapping, table: Table, bank: Bank) -> Iterator[Fault]:
    """What a mapping names that the table or the bank lacks, and what it leaves open."""
    for column in dict.fromkeys(mapping.list_columns()):
        if column not in table.columns:
            yield Fault("missing_column", values={"name": column})
    for name in dict.fromkeys(mapping.list_questions()):
        if find_question(bank, name) is None:
            yield Fault("unknown_mapped_question", values={"name": name})
    if mapping.layout == "wide" and not mapping.answers:
        yield Fault("no_answer_column")
    if mapping.layout == "long" and mapping.answer is None:
        yield Fault("no_answer_column")
    if mapping.layout == "long" and mapping.question is None and mapping.question_id is None:
        yield Fault("no_question_column")
    seen: dict[str, str] = {}
    for item in mapping.answers:
        if item.question_id and seen.setdefault(item.question_id, item.column) != item.column:
            values = {"other": seen[item.question_id], "question": item.question_id}
            yield Fault("repeated_question", None, item.column, None, values)


def find_question(bank: Bank, name: str) -> str | None:
    """The identifier of a question in any language; None if the bank lacks it."""
    for language in _LANGUAGES:
        try:
            return bank.get(name, language).question.id
        except UnknownQuestion:
            continue
    return None


def list_mapped_entries(table: Table, mapping: FileMapping, bank: Bank) -> list[Entry]:
    """The entries of a table, by a mapping without faults."""
    names = {_plain(name): question_id for name, question_id in mapping.question_names.items()}
    if mapping.layout == "wide":
        entries = _list_wide(table, mapping, QuestionFinder.of_bank(bank), names)
    else:
        entries = _list_long(table, mapping, names)
    own = {"external_id": mapping.external_id} if mapping.external_id else {}
    return [replace(entry, headings={**entry.headings, **own}) for entry in entries]


def _list_long(table: Table, mapping: FileMapping, names: Mapping[str, str]) -> list[Entry]:
    fields = {"answer": mapping.answer, "language": mapping.language, "question_id": mapping.question}
    headings = {name: heading for name, heading in fields.items() if heading}
    entries = list_entries(table, headings)
    return [_complete(entry, mapping, names) for entry in entries]


def _complete(entry: Entry, mapping: FileMapping, names: Mapping[str, str]) -> Entry:
    """The entry of a long table with its candidate, and with its question by its known name."""
    columns = CandidateColumns(mapping.name_parts, mapping.candidate)
    candidate, named_in = columns.read(entry.row)
    # Full-width digits and letters name the same question.
    asked = _plain(entry.cells.get("question_id"))
    cells: dict[str, Any] = {**entry.cells, "candidate": candidate, "question_id": names.get(asked, asked)}
    if mapping.question_id:
        cells["question_id"] = mapping.question_id
    headings = {**entry.headings, **dict(zip(("candidate", "family name"), named_in, strict=False))}
    return replace(entry, cells=cells, headings=headings)


def _list_wide(table: Table, mapping: FileMapping, finder: QuestionFinder, names: Mapping[str, str]) -> list[Entry]:
    columns = tuple(_find_column(item, table, finder, names) for item in mapping.answers)
    own = replace(table, fields={"language": mapping.language} if mapping.language else {})
    candidates = CandidateColumns(mapping.name_parts, mapping.candidate)
    return list_wide_entries(own, WideLayout(columns, {}), candidates)


def _find_column(item: MappedColumn, table: Table, finder: QuestionFinder, names: Mapping[str, str]) -> AnswerColumn:
    if item.asked_in is None:
        return AnswerColumn(item.column, item.question_id)
    texts = dict.fromkeys(_read_text(row, item.asked_in) for row in table.rows)
    questions: dict[str, str] = {}
    for text in filter(None, texts):
        guess = finder.find(text)
        known = names.get(_plain(text)) or (guess.question_id if guess and guess.is_sure else None)
        if known:
            questions[text] = known
    return AnswerColumn(item.column, None, item.asked_in, questions)


def _read_text(row: Row, column: str) -> str:
    return str(row.values.get(column) or "")


def _plain(value: Any) -> str:
    return "" if value is None else unicodedata.normalize("NFKC", str(value)).strip()
