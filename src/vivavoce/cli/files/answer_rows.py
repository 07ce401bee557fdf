"""Reads one row of a file of answers: its answer, its candidate, and the rubric to grade it by."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vivavoce.rubrics import Bank, Rubric
from vivavoce.service import validation
from vivavoce.service.errors import ServiceError
from vivavoce.service.submission import NewAnswer
from vivavoce.tables import Row, Table

_FIELDS = ("answer", "candidate", "question_id", "language")
_LANGUAGES = {
    "zh": (
        "zh",
        "zhcn",
        "zhtw",
        "zhhk",
        "zhhans",
        "zhhant",
        "cn",
        "chinese",
        "中文",
        "汉语",
        "漢語",
        "简体中文",
        "繁體中文",
    ),
    "en": ("en", "enus", "engb", "english", "英文", "英语", "英語"),
}


class BadRowError(Exception):
    """A row cannot be graded; the message says why and what to do, `column` where."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column


def name_fields(table: Table) -> dict[str, str]:
    """The heading of each field of an answer; a question without a column of identifiers is named by its column."""
    fields = {**{name: name for name in _FIELDS if name in table.columns}, **table.fields}
    if "question" in fields:
        fields.setdefault("question_id", fields["question"])
    return fields


def read_row(
    row: Row,
    *,
    bank: Bank,
    rubric: Rubric | None,
    question_id: str | None,
    fields: Mapping[str, str] = MappingProxyType({}),
) -> NewAnswer:
    """The answer in a row, with its rubric; raises BadRowError.

    `fields` has the headings of our fields that have other names. `rubric` is used for every row if it is given. Else
    `question_id`, or the row's own, names a question of the bank, in the row's language or in that of the answer.
    """
    values = {field: row.values.get(fields.get(field, field)) for field in _FIELDS}
    try:
        answer = _convert_answer(values.get("answer"))
        language = _read_language(values.get("language"))
        _check_answer(answer)
        candidate = _read_candidate(values.get("candidate"))
        if rubric is None:
            name = question_id or _read_text(values.get("question_id"))
            rubric = _find_rubric(bank, name, language=language, answer=answer)
    except BadRowError as error:
        # Users know the column by the heading in their file.
        raise BadRowError(fields.get(error.column, error.column), str(error)) from None
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
    language = _read_text(value)
    plain = "".join(character for character in language.lower() if character.isalnum())
    code = next((code for code, names in _LANGUAGES.items() if plain in names), None)
    if plain and code is None:
        raise BadRowError("language", f"there is no language '{language}': use zh or en, or leave it empty.")
    return code


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
    # A question can be number 0.
    return "" if value is None else str(value).strip()


def _describe_type(value: Any) -> str:
    """What a value of JSON is, in the words of someone who edits the file."""
    return {list: "a list", dict: "an object", bool: "true or false"}.get(type(value), type(value).__name__)
