"""Checks every answer of a table: what can be graded becomes a new item, and all that is wrong is named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from vivavoce.graders.reading.normal_text import detect_language
from vivavoce.rubrics import Bank, Rubric
from vivavoce.tables import BadCell, Sentence, Table
from vivavoce.tables.headings import is_blank

from ...answer_files import answer_rows
from ...answer_files.answer_rows import BadRowError, RubricChoice
from ...answer_files.candidate_languages import choose_languages
from ...answer_files.entries import CellProblems, Entry
from ...answer_files.wide.rows import NO_ANSWERS, NOT_ASKED
from .entries import list_mapped_entries
from .faults import Fault, make_fault, trim_value
from .identity import MAX_ID_CODE_POINTS, IdMaker, find_lost_zeros, is_damaged, write_id
from .mapping import FileMapping

T = TypeVar("T")
_LONGEST_METADATA = 500
_ROWS_NAMED = 5


@dataclass(frozen=True)
class ReadItem:
    """An answer that can be graded, as plain values; `row` is its row in the file, from 1 with the heading."""

    external_id: str
    row: int
    question_id: str
    language: str
    answer: str
    candidate: str | None
    feedback_language: str | None
    metadata: dict[str, str] | None


@dataclass
class Checked:
    """The items of a table, and everything that is wrong with it. Rows with an error have no item."""

    items: list[ReadItem] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def check_rows(table: Table, mapping: FileMapping, bank: Bank) -> Checked:
    """The items of a table by a mapping that fits it."""
    entries = list_mapped_entries(table, mapping, bank)
    checker = _RowChecker(table, mapping, bank, entries)
    checked = Checked(faults=list(_check_columns(table, mapping)))
    for entry, language in zip(entries, choose_languages(entries, checker.detect_language), strict=True):
        if not entry.skipped:
            item, faults = checker.check(entry, language)
            checked.faults += faults
            checked.items += [item] if item else []
    read = {row.line for row in table.rows}
    checked.faults += [_describe_cell(bad, None) for bad in table.problems if bad.line not in read]
    checked.faults += checker.list_duplicates()
    checked.faults += _count_skipped(entries)
    # A fault of a wide row is found with each of its answers.
    unique: dict[tuple[str, int | None, str | None], Fault] = {}
    for fault in checked.faults:
        unique.setdefault((fault.code, fault.row, fault.column), fault)
    checked.faults = sorted(unique.values(), key=lambda fault: fault.row or 0)
    bad_rows = {fault.row for fault in checked.faults if fault.level == "error"}
    checked.items = [] if None in bad_rows else [item for item in checked.items if item.row not in bad_rows]
    return checked


class _RowChecker:
    """Checks the entries of one table, one after the other."""

    def __init__(self, table: Table, mapping: FileMapping, bank: Bank, entries: Sequence[Entry]) -> None:
        self._mapping, self._choice = mapping, RubricChoice(bank)
        self._cells = CellProblems(table.problems, table.bad_cells, entries)
        identity = mapping.identity or (*mapping.name_parts, *mapping.candidate)
        self._ids, self._is_from_workbook = IdMaker(identity), table.sheet is not None
        self._rows: dict[str, dict[int, str]] = defaultdict(dict)
        # Each answer is looked at twice.
        self.detect_language = cache(detect_language)

    def check(self, entry: Entry, feedback: str | None) -> tuple[ReadItem | None, list[Fault]]:
        """The item of an entry, None if it has an error; and all that is wrong."""
        faults = [_describe_cell(bad, entry) for bad in self._cells.find_all(entry)]
        answer = _try(answer_rows.read_answer, entry, faults)
        language = _try(answer_rows.read_answer_language, entry, faults)
        candidate = _try(answer_rows.read_candidate, entry, faults)
        faults += self._check_values(entry)
        rubric = None
        if answer is not None:
            rubric = _try(
                lambda entry: answer_rows.find_rubric(
                    entry,
                    self._choice,
                    answer,
                    language=language,
                    fallback=feedback,
                    detect=self.detect_language,
                ),
                entry,
                faults,
            )
        if answer is None or rubric is None:
            return None, faults
        external_id, id_faults = self._read_id(entry, rubric.question.id, answer)
        faults += id_faults
        if not any(fault.column == entry.name_column("answer") for fault in faults):
            faults += self._warn(entry, answer, rubric, language)
        if external_id is None:
            return None, faults
        item = ReadItem(
            external_id,
            entry.row.line,
            rubric.question.id,
            rubric.question.language,
            answer,
            candidate,
            feedback if feedback != rubric.question.language else None,
            self._read_metadata(entry),
        )
        return item, faults

    def _check_values(self, entry: Entry) -> Iterator[Fault]:
        """Faults of the columns that are no answers."""
        named = (self._mapping.external_id, *self._mapping.candidate, *self._mapping.identity)
        for column in dict.fromkeys(filter(None, named)):
            value = entry.row.values.get(column)
            if is_damaged(value):
                yield Fault("damaged_number", entry.row.line, column, trim_value(value))
        for column in self._mapping.metadata:
            if len(write_id(entry.row.values.get(column))) > _LONGEST_METADATA:
                yield Fault("metadata_too_long", entry.row.line, column, trim_value(entry.row.values.get(column)))

    def _read_id(self, entry: Entry, question_id: str, answer: str) -> tuple[str | None, list[Fault]]:
        column, line = self._mapping.external_id, entry.row.line
        if column is None:
            external_id, is_known = self._ids.make_id(entry.row.values, question_id=question_id, answer=answer)
            if is_known:
                self._rows[external_id][line] = entry.name_column("question_id")
            return external_id, []
        own = write_id(entry.row.values.get(column))
        external_id = f"{own}:{question_id}" if own and self._mapping.layout == "wide" else own
        if not own:
            return None, [Fault("missing_id", line, column)]
        if len(external_id) > MAX_ID_CODE_POINTS:
            return None, [Fault("id_too_long", line, column, trim_value(own))]
        self._rows[external_id][line] = column
        return external_id, []

    def _warn(self, entry: Entry, answer: str, rubric: Rubric, language: str | None) -> Iterator[Fault]:
        column, line, written = entry.name_column("answer"), entry.row.line, rubric.question.language
        if language is None and any(map(str.isalpha, answer)) and self.detect_language(answer) != written:
            yield Fault("rubric_in_other_language", line, column, values={"language": written})
        if is_blank(answer):
            yield Fault("empty_answer", line, column)
        elif self._is_from_workbook and _is_date(answer):
            yield Fault("date_as_answer", line, column, trim_value(answer))

    def _read_metadata(self, entry: Entry) -> dict[str, str] | None:
        texts = {column: write_id(entry.row.values.get(column)) for column in self._mapping.metadata}
        return {column: text for column, text in texts.items() if text} or None

    def list_duplicates(self) -> Iterator[Fault]:
        """A fault for each row whose id another row has, too."""
        own = self._mapping.external_id
        for external_id, rows in self._rows.items():
            for line, column in rows.items() if len(rows) > 1 else ():
                others = [str(other) for other in rows if other != line]
                more = ", …" if len(others) > _ROWS_NAMED else ""
                value = trim_value(external_id) if own else None
                values = {"rows": ", ".join(others[:_ROWS_NAMED]) + more}
                yield Fault("duplicate_id" if own else "duplicate_answer", line, column, value, values)


def _try(read: Callable[[Entry], T], entry: Entry, faults: list[Fault]) -> T | None:
    """What a function reads from an entry; None with a fault if it cannot."""
    try:
        return read(entry)
    except BadRowError as error:
        asked = entry.row.values.get(error.column)
        faults.append(make_fault(error.sentence, row=entry.row.line, column=error.column, value=asked))
        return None


def _describe_cell(bad: BadCell, entry: Entry | None) -> Fault:
    sentence = bad.problem if isinstance(bad.problem, Sentence) else Sentence(bad.problem)
    value = entry.row.values.get(bad.column) if entry else " ".join(bad.unread[0]) if bad.unread else None
    column = None if bad.column == "?" else bad.column
    return make_fault(sentence, row=bad.line, column=column, value=value)


def _check_columns(table: Table, mapping: FileMapping) -> Iterator[Fault]:
    for column in dict.fromkeys(filter(None, (mapping.external_id, *mapping.identity, *mapping.candidate))):
        if find_lost_zeros([row.values.get(column) for row in table.rows]):
            yield Fault("zeros_lost", None, column)


def _count_skipped(entries: Sequence[Entry]) -> Iterator[Fault]:
    counts = Counter(entry.skipped for entry in entries if entry.skipped)
    if counts[NO_ANSWERS]:
        yield Fault("rows_without_answers", values={"count": counts[NO_ANSWERS]})
    if counts[NOT_ASKED]:
        yield Fault("questions_not_asked", values={"count": counts[NOT_ASKED]})


def _is_date(answer: str) -> bool:
    text: Any = answer.strip()
    return len(text) in (10, 19) and text[:4].isdigit() and text[4:5] == "-" and text[7:8] == "-"
