"""The rows of a table: a row an answer, or a row a candidate with columns for each question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from vivavoce.rubrics import Language
from vivavoce.service.exports.answers import Answer, AnswerReader
from vivavoce.service.exports.columns import CANDIDATE_COLUMNS, Column, PlacedColumn, place_columns
from vivavoce.service.exports.fields import read_criteria, read_fields
from vivavoce.service.exports.options import ExportOptions

Rubrics = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Layout:
    """The columns of a file and the rows below them."""

    columns: Sequence[PlacedColumn]
    rows: Iterator[list[Any]]


def build_layout(reader: AnswerReader, options: ExportOptions, rubrics: Rubrics) -> Layout:
    """The table of an export."""
    columns = options.choose_columns()
    if options.layout == "wide":
        return _build_wide(reader, columns, options.language, rubrics)
    count = max((len(rubric["criteria"]) for rubric in rubrics.values()), default=0)
    placed = place_columns(columns, language=options.language, criteria=count)
    rows = (_read_cells(answer, placed, options.language, rubrics) for answer in reader.read_answers())
    return Layout(placed, rows)


def _build_wide(reader: AnswerReader, columns: list[Column], language: Language, rubrics: Rubrics) -> Layout:
    counts: dict[str, int] = {}
    for key in reader.keys:
        count = len(rubrics[key.rubric_version_id]["criteria"])
        counts[key.question_id] = max(count, counts.get(key.question_id, 0))
    # The candidate stands once, in front.
    of_question = [column for column in columns if column.key not in ("candidate", "question_id")]
    placed = {
        question_id: place_columns(of_question, language=language, criteria=count, question_id=question_id)
        for question_id, count in sorted(counts.items())
    }
    first = [PlacedColumn(column, language) for column in CANDIDATE_COLUMNS]
    names = [*first, *(column for some in placed.values() for column in some)]
    return Layout(names, _read_wide_rows(reader.read_answers(), placed, language, rubrics))


def _read_wide_rows(
    answers: Iterable[Answer],
    placed: Mapping[str, Sequence[PlacedColumn]],
    language: Language,
    rubrics: Rubrics,
) -> Iterator[list[Any]]:
    for group in _group_by_row(answers):
        scored = sum(read_fields(answer, language)["final_score"] is not None for answer in group.values())
        row: list[Any] = [next(iter(group.values())).stored.candidate, len(group), scored]
        for question_id, columns in placed.items():
            answer = group.get(question_id)
            row += [None] * len(columns) if answer is None else _read_cells(answer, columns, language, rubrics)
        yield row


def _group_by_row(answers: Iterable[Answer]) -> Iterator[dict[str, Answer]]:
    """The answers of each row by their question: a second answer to a question gets a row of its own."""
    for candidate, group in groupby(answers, key=lambda answer: answer.stored.candidate):
        rows: list[dict[str, Answer]] = []
        for answer in group:
            question_id = answer.stored.question_id
            # Nobody knows whether answers without a candidate belong together.
            row = None if candidate is None else next((row for row in rows if question_id not in row), None)
            if row is None:
                rows.append(row := {})
            row[question_id] = answer
        yield from rows


def _read_cells(answer: Answer, columns: Sequence[PlacedColumn], language: Language, rubrics: Rubrics) -> list[Any]:
    fields = read_fields(answer, language)
    criteria = read_criteria(answer, rubrics[answer.stored.rubric_version_id])
    return [_read_cell(column, fields, criteria) for column in columns]


def _read_cell(column: PlacedColumn, fields: Mapping[str, Any], criteria: Sequence[Mapping[str, Any]]) -> Any:
    if column.position is None:
        return fields.get(column.column.key)
    return criteria[column.position - 1].get(column.column.key) if column.position <= len(criteria) else None
