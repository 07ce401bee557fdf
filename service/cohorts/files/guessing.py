"""Guesses which column of a table is what, and says for every column why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vivavoce.rubrics import Bank
from vivavoce.tables import Table, TableError
from vivavoce.tables.headings import find_columns, normalize_heading

from ...answer_files.answer_columns import has_answer_column
from ...answer_files.entries import name_fields
from ...answer_files.wide.layout import AnswerColumn as FoundColumn
from ...answer_files.wide.layout import NamedColumns, WideLayout, sort_columns
from ...answer_files.wide.missing_headings import check_first_answer, check_headings
from ...answer_files.wide.nearest_questions import QuestionNeighbours
from ...answer_files.wide.rows import find_candidate_columns
from ...answer_files.wide.unclear_columns import UnclearColumn
from .faults import Fault, make_fault, trim_value
from .mapping import AnswerColumn, FileMapping

Confidence = Literal["sure", "likely", "unclear", "none"]
Reason = Literal["heading", "similar_heading", "question", "beside_answers", "unclear", "not_known"]
# Headings of ids that their owners chose, whatever the layout.
_OWN_IDS = frozenset(
    map(
        normalize_heading,
        ("external_id", "answer_id", "item_id", "row_id", "record_id", "作答编号", "答案编号", "记录编号", "答卷编号"),
    )
)
# Ids that forms give each submission.
_SUBMISSION_IDS = frozenset(
    map(normalize_heading, ("id", "response id", "respondent id", "submission id", "token", "答卷id", "提交id"))
)
# They change when rows are sorted or taken out.
_ROW_NUMBERS = frozenset(map(normalize_heading, ("序号", "序號", "答题序号", "no.", "row", "#")))


@dataclass(frozen=True)
class ColumnGuess:
    """What a column seems to be: a field of the mapping, a question, or neither; how sure that is, and why."""

    column: str
    field: str | None = None
    question_id: str | None = None
    confidence: Confidence = "none"
    reason: Reason = "not_known"


@dataclass(frozen=True)
class Guess:
    """A guess at the mapping of a table; None where faults leave none."""

    mapping: FileMapping | None
    faults: tuple[Fault, ...] = ()
    columns: Mapping[str, ColumnGuess] = field(default_factory=dict)


def guess_mapping(table: Table, bank: Bank) -> Guess:
    """The mapping that the headings of a table and what stands below them make likely."""
    several = find_columns(table.headings or table.columns, {})
    if len(several.get("answer", ())) > 1 and not has_answer_column(table):
        if not sort_columns(table, bank, NamedColumns())[0].answers:
            return Guess(None, (_name_several("several_answer_columns", table, several["answer"]),))
    elif has_answer_column(table) or "question_id" in name_fields(table):
        return _guess_long(table, several)
    return _guess_wide(table, bank)


def _guess_long(table: Table, several: Mapping[str, Sequence[int]]) -> Guess:
    fields = name_fields(table)
    faults = []
    if "answer" not in fields:
        faults.append(Fault("no_answer_column"))
    if "question_id" not in fields:
        places = several.get("question_id") or several.get("question") or ()
        several_questions = len(places) > 1
        faults.append(
            _name_several("several_question_columns", table, places)
            if several_questions
            else Fault("no_question_column")
        )
    candidate = tuple(filter(None, [fields.get("candidate")]))
    mapping = FileMapping(
        layout="long",
        answer=fields.get("answer"),
        question=fields.get("question_id"),
        candidate=candidate,
        external_id=_find_heading(table, _OWN_IDS),
        identity=_list_identity(table, candidate),
        language=fields.get("language"),
    )
    columns = dict(_describe_fields(table, mapping))
    return Guess(mapping, tuple(faults), columns)


def _guess_wide(table: Table, bank: Bank) -> Guess:
    try:
        check_headings(_NO_FILE, table, bank)
        layout, unclear = sort_columns(table, bank, NamedColumns())
        if not layout.answers and not unclear:
            check_first_answer(_NO_FILE, table, bank)
    except TableError as error:
        return Guess(None, (make_fault(error.sentence),))
    faults = [*_describe_unclear(unclear, bank), *_find_repeated(layout)]
    if not layout.answers and not unclear:
        faults.append(Fault("no_answer_column"))
    candidates = find_candidate_columns(table)
    mapping = FileMapping(
        layout="wide",
        answers=tuple(map(_write_answer, layout.answers)),
        candidate=tuple(dict.fromkeys(candidates.others)),
        name_parts=candidates.parts,
        external_id=_find_heading(table, _OWN_IDS),
        identity=_list_identity(table, (*candidates.parts, *candidates.others)),
        language=table.fields.get("language"),
    )
    columns = {**dict(_describe_fields(table, mapping)), **dict(_describe_questions(layout, unclear))}
    return Guess(mapping, tuple(faults), columns)


_NO_FILE = "the file"


def _name_several(code: str, table: Table, places: Sequence[int]) -> Fault:
    named = ", ".join(f"'{table.columns[place]}'" for place in places if place < len(table.columns))
    return Fault(code, values={"columns": named})


def _find_heading(table: Table, names: frozenset[str]) -> str | None:
    return next((column for column in table.columns if normalize_heading(column) in names), None)


def _list_identity(table: Table, candidate: Sequence[str]) -> tuple[str, ...]:
    # Two forms can number their answers alike, so a number is never enough.
    number = _find_heading(table, _SUBMISSION_IDS)
    columns = dict.fromkeys([*candidate, *([number] if number else [])])
    named = [column for column in columns if normalize_heading(column) not in _ROW_NUMBERS]
    return tuple(named or columns)[:10]


def _describe_fields(table: Table, mapping: FileMapping) -> Iterator[tuple[str, ColumnGuess]]:
    parts = dict(zip(mapping.name_parts, ("given_name", "family_name"), strict=False))
    fields = {
        **dict.fromkeys(mapping.candidate, "candidate"),
        **parts,
        **{
            column: name
            for name, column in (
                ("answer", mapping.answer),
                ("question", mapping.question),
                ("language", mapping.language),
                ("external_id", mapping.external_id),
            )
            if column
        },
    }
    for column, name in fields.items():
        is_own = normalize_heading(column) == normalize_heading(name)
        yield column, ColumnGuess(column, name, confidence="sure" if is_own else "likely", reason="heading")
    for column in set(mapping.identity) - fields.keys():
        yield column, ColumnGuess(column, "identity", confidence="likely", reason="heading")


def _describe_questions(layout: WideLayout, unclear: Sequence[UnclearColumn]) -> Iterator[tuple[str, ColumnGuess]]:
    for column in layout.answers:
        yield column.heading, ColumnGuess(column.heading, "answer", column.question_id, "sure", "question")
        if column.asked_in:
            yield column.asked_in, ColumnGuess(column.asked_in, "question", None, "sure", "question")
    for item in unclear:
        near = item.guess.question_id if item.guess else None
        reason: Reason = "similar_heading" if near else "unclear"
        yield item.heading, ColumnGuess(item.heading, "answer", near, "unclear", reason)
    for heading, why in layout.left_out.items():
        if why == "points, feedback or a key":
            yield heading, ColumnGuess(heading, None, None, "sure", "beside_answers")


def _describe_unclear(columns: Sequence[UnclearColumn], bank: Bank) -> Iterator[Fault]:
    neighbours = QuestionNeighbours.of_bank(bank)
    for column in columns:
        near = column.guess.question_id if column.guess else neighbours.describe_nearest(column.text)
        yield Fault("unclear_question_column", None, column.heading, trim_value(column.text), {"near": near})


def _find_repeated(layout: WideLayout) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for column in layout.answers:
        if column.question_id and column.question_id in seen:
            values = {"other": seen[column.question_id], "question": column.question_id}
            yield Fault("repeated_question", None, column.heading, None, values)
        elif column.question_id:
            seen[column.question_id] = column.heading


def _write_answer(column: FoundColumn) -> AnswerColumn:
    return AnswerColumn(column=column.heading, question_id=column.question_id, asked_in=column.asked_in)
