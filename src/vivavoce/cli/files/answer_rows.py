"""Reads one row of a file of answers: its answer, its candidate, and the rubric to grade it by."""

from __future__ import annotations

from typing import Any

from vivavoce.rubrics import Bank, Rubric
from vivavoce.service import validation
from vivavoce.service.errors import ServiceError
from vivavoce.service.submission import NewAnswer

from .tables import Row


class BadRowError(Exception):
    """A row cannot be graded; the message says why and what to do, `column` where."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column


def read_row(row: Row, *, bank: Bank, rubric: Rubric | None, question_id: str | None) -> NewAnswer:
    """The answer in a row, with its rubric; raises BadRowError.

    `rubric` is used for every row if it is given. Else `question_id`, or the row's own, names a question of the bank,
    in the row's language or in that of the answer.
    """
    values = row.values
    answer = _convert_answer(values.get("answer"))
    language = _read_language(values.get("language"))
    _check_answer(answer)
    candidate = _read_candidate(values.get("candidate"))
    if rubric is None:
        name = question_id or _read_text(values.get("question_id"))
        rubric = _find_rubric(bank, name, language=language, answer=answer)
    return NewAnswer(rubric=rubric, answer=answer, candidate=candidate)


def _convert_answer(value: Any) -> str:
    # An empty cell of Excel is None; it is an empty answer.
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    # To Python, true and false are numbers.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRowError("answer", f"the answer is {_describe_type(value)}: write it as text.")
    return str(value)


def _check_answer(answer: str) -> None:
    try:
        validation.check_answer(answer)
    except ServiceError as error:
        raise BadRowError("answer", str(error)) from None


def _read_language(value: Any) -> str | None:
    language = _read_text(value) or None
    if language not in (None, "zh", "en"):
        raise BadRowError("language", f"there is no language '{language}': use zh or en, or leave it empty.")
    return language


def _read_candidate(value: Any) -> str | None:
    try:
        return validation.check_candidate(None if value is None else str(value))
    except ServiceError as error:
        raise BadRowError("candidate", str(error)) from None


def _find_rubric(bank: Bank, question_id: str, *, language: str | None, answer: str) -> Rubric:
    if not question_id:
        raise BadRowError("question_id", "the question is missing: fill it in, or use --question.")
    try:
        return validation.find_rubric(bank, question_id=question_id, language=language, answer=answer)
    except ServiceError as error:
        raise BadRowError("question_id", str(error)) from None


def _read_text(value: Any) -> str:
    return str(value or "").strip()


def _describe_type(value: Any) -> str:
    """What a value of JSON is, in the words of someone who edits the file."""
    return {list: "a list", dict: "an object", bool: "true or false"}.get(type(value), type(value).__name__)
