"""Finds the answers in a table: in one column, or in a column for each question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vivavoce.rubrics import Bank
from vivavoce.tables import Table, TableError, require_fields
from vivavoce.tables.heading_rows import FindQuestion
from vivavoce.tables.headings import find_columns

from .answer_rows import RubricChoice
from .entries import Entry, list_entries, name_fields
from .wide.layout import RESPONSE, NamedColumns, WideLayout, find_answer_columns
from .wide.missing_headings import check_first_answer, check_headings
from .wide.question_matching import QuestionFinder, fold_heading
from .wide.rows import list_wide_entries
from .wide.unclear_columns import shorten

ADDED = ("question_id", "answer")
# Shorter cells are names, marks and choices.
_TEXT_LENGTH = 25


@dataclass(frozen=True)
class AnswerSource:
    """The answers of a table. `layout` is that of a wide table, and None for one with a column of answers."""

    entries: tuple[Entry, ...]
    layout: WideLayout | None = None

    @property
    def added(self) -> Sequence[str]:
        """The columns that the results have and the table lacks."""
        return ADDED if self.layout else ()


def find_answers(
    path: Path,
    table: Table,
    choice: RubricChoice,
    *,
    question_columns: NamedColumns | None = None,
    answer_column: str | None = None,
) -> AnswerSource:
    """The answers of a table; the user may have named `question_columns` or the one `answer_column`.

    Raises TableError if there are none, or it is not clear what they answer.
    """
    if not table.columns and not table.problems:
        raise TableError(f"{path} has no answers: write 'answer' with a text for each.")
    fields = name_fields(table)
    is_wide = question_columns is not None or not has_answer_column(table, answer_column)
    if not is_wide or "question_id" in fields:
        needs_question = not choice.is_for_all and "question_id" not in fields
        require_fields(path, table, ["answer", "question_id"] if needs_question else ["answer"])
        return AnswerSource(tuple(list_entries(table)))
    if choice.is_for_all:
        if question_columns is None and find_columns(table.headings or table.columns, {}).get("answer"):
            # Several columns may have the answers.
            require_fields(path, table, ["answer"])
        check_first_answer(path, table, choice.bank)
        raise TableError(_refuse_one_question(path, table, is_named=question_columns is not None))
    return _read_wide(path, table, choice.bank, question_columns or NamedColumns())


def make_question_finder(bank: Bank, named_headings: Iterable[str] = ()) -> FindQuestion:
    """A function that names the question that a heading asks: one of the bank, or one that the user named."""
    finder = QuestionFinder.of_bank(bank)
    named = {fold_heading(heading): heading for heading in named_headings}

    def find_question(text: str) -> str | None:
        return (named and named.get(fold_heading(text))) or finder.find_by_name(text)

    return find_question


def has_answer_column(table: Table, answer_column: str | None = None) -> bool:
    """Whether one column has all answers; "Response 1" is one of several in an export of Moodle."""
    heading = name_fields(table).get("answer")
    return heading is not None and (answer_column is not None or RESPONSE.match(heading) is None)


def _read_wide(path: Path, table: Table, bank: Bank, named: NamedColumns) -> AnswerSource:
    if not named.questions:
        check_headings(path, table, bank)
    layout = find_answer_columns(table, bank, named)
    if not layout.answers:
        if find_columns(table.headings or table.columns, {}).get("answer"):
            # Several columns may have the answers.
            require_fields(path, table, ["answer"])
        check_first_answer(path, table, bank)
        headings = ", ".join(f"'{shorten(column)}'" for column in table.columns[:12]) or "none"
        raise TableError(
            f"{path} has no column 'answer', and no heading is a question of the bank (its columns: {headings}): name "
            "the answers with --answer-column HEADING, or with --question-columns 'HEADING=question_id'."
        )
    return AnswerSource(tuple(list_wide_entries(table, layout)), layout)


def _refuse_one_question(path: Path, table: Table, *, is_named: bool) -> str:
    if is_named:
        return "--question-columns excludes --question and --rubric: they are one question for all answers."
    lengths = {
        name: max((len(str(row.values.get(name) or "")) for row in table.rows), default=0) for name in table.columns
    }
    texts = [name for name, length in lengths.items() if length >= _TEXT_LENGTH] or list(table.columns)
    headings = ", ".join(f"'{shorten(name)}'" for name in texts[:6])
    return (
        f"{path} has no column 'answer': name the one that --question or --rubric grades with --answer-column HEADING "
        f"(columns with text: {headings}), or leave the option out to grade a column for each question."
    )
