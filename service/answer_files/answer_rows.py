"""Reads one answer of a file: its text, its candidate, and the rubric to grade it by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from vivavoce.graders.reading.normal_text import detect_language
from vivavoce.rubrics import Bank, Rubric
from vivavoce.tables import Sentence

from ..errors import ServiceError
from ..gradings import validation
from ..gradings.submission import NewAnswer
from .entries import Entry
from .wide.nearest_questions import QuestionNeighbours
from .wide.question_matching import QuestionFinder

T = TypeVar("T")
_LANGUAGES = {
    "zh": "zh zhcn zhtw zhhk zhhans zhhant cn chinese 中文 汉语 漢語 简体中文 繁體中文".split(),
    "en": "en enus engb english 英文 英语 英語".split(),
}


class BadRowError(Exception):
    """An answer cannot be graded; the message says why and what to do, `column` where."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column
        self.sentence = problem if isinstance(problem, Sentence) else Sentence(problem)


class BadValueError(ValueError):
    """A cell has a value that is not possible; the message says why and what to do."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class RubricChoice:
    """How the rubric of an answer is found: one for all answers, or the bank's, by one question or each row's own."""

    bank: Bank
    rubric: Rubric | None = None
    question_id: str | None = None

    @property
    def is_for_all(self) -> bool:
        """Whether all answers have the same question, so that rows need not name it."""
        return self.rubric is not None or self.question_id is not None


def read_entry(entry: Entry, choice: RubricChoice, *, candidate_language: str | None = None) -> NewAnswer:
    """The answer of an entry, with its rubric; raises BadRowError.

    A question of the bank is taken in the row's language, else in that of the answer. `candidate_language` is that of
    the feedback, and of the question where the answer has no words.
    """
    answer = read_answer(entry)
    language = read_answer_language(entry)
    candidate = read_candidate(entry)
    rubric = choice.rubric or find_rubric(entry, choice, answer, language=language, fallback=candidate_language)
    feedback = candidate_language if candidate_language != rubric.question.language else None
    return NewAnswer(rubric=rubric, answer=answer, candidate=candidate, feedback_language=feedback)


def find_rubric(
    entry: Entry,
    choice: RubricChoice,
    answer: str,
    *,
    language: str | None,
    fallback: str | None,
    detect: Callable[[str], str] = detect_language,
) -> Rubric:
    """The bank's rubric for the question of an entry; raises BadRowError.

    It is in `language`, else in that of the answer, which is `fallback` for an answer without words, unless the
    question has only a rubric in the other one.
    """
    name = choice.question_id or _read_text(entry.cells.get("question_id"))
    detected = detect(answer) if any(map(str.isalpha, answer)) else fallback
    return _find_rubric(entry, choice.bank, name, language=language, answer=answer, detected=detected)


def read_answer_language(entry: Entry) -> str | None:
    """The language that an entry gives for its answer; raises BadRowError."""
    return _read_cell(entry, "language", read_language)


def read_candidate(entry: Entry) -> str | None:
    """The candidate of an entry; raises BadRowError."""
    return _read_cell(entry, "candidate", _check_candidate)


def read_language(value: Any) -> str | None:
    """The language that a cell names, as `zh` or `en`; None for an empty one. Raises ValueError for any other."""
    text = _read_text(value)
    plain = "".join(filter(str.isalnum, text.lower()))
    code = next((code for code, names in _LANGUAGES.items() if plain in names), None)
    if text and code is None:
        sentence = f"there is no language '{text}': use zh or en, or leave it empty."
        raise BadValueError(Sentence(sentence, "unknown_language"))
    return code


def read_answer(entry: Entry) -> str:
    """The text of an entry's answer; raises BadRowError."""
    value = entry.cells.get("answer")
    # An empty cell of Excel is None; it is an empty answer.
    if value is None:
        return ""
    # To Python, true and false are numbers.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        problem = f"the answer is {_describe_type(value)}: write it as text."
        raise BadRowError(entry.name_column("answer"), Sentence(problem, "answer_no_text"))
    return _read_cell(entry, "answer", lambda answer: validation.check_answer(str(answer)))


def _read_cell(entry: Entry, name: str, read: Callable[[Any], T]) -> T:
    try:
        return read(entry.cells.get(name))
    except BadValueError as error:
        raise BadRowError(entry.name_column(name), error.sentence) from None
    except ServiceError as error:
        raise BadRowError(entry.name_column(name), Sentence(str(error), f"{name}_unusable")) from None


def _check_candidate(value: Any) -> str | None:
    return validation.check_candidate(None if value is None else str(value))


def _find_rubric(
    entry: Entry, bank: Bank, name: str, *, language: str | None, answer: str, detected: str | None
) -> Rubric:
    column = entry.name_column("question_id")
    if not name:
        sentence = "the question is missing: fill it in, or use --question."
        raise BadRowError(column, Sentence(sentence, "missing_question"))
    try:
        return validation.find_rubric(bank, question_id=name, language=language, answer=answer, detected=detected)
    except ServiceError as error:
        guess = QuestionFinder.of_bank(bank).find(name)
        if guess and guess.question_id == name:
            raise BadRowError(column, Sentence(str(error), "no_rubric_in_language")) from None
        if guess is None or not guess.is_sure:
            near = QuestionNeighbours.of_bank(bank).describe_nearest(name)
            text = f"{error} Nearest: {near}." if near else str(error)
            raise BadRowError(column, Sentence(text, "unknown_question", near=near)) from None
    try:
        return validation.find_rubric(
            bank, question_id=guess.question_id, language=language, answer=answer, detected=detected
        )
    except ServiceError as error:
        raise BadRowError(column, Sentence(str(error), "no_rubric_in_language")) from None


def _read_text(value: Any) -> str:
    # A question can be number 0.
    return "" if value is None else str(value).strip()


def _describe_type(value: Any) -> str:
    """What a value of JSON is, in the words of someone who edits the file."""
    return {list: "a list", dict: "an object", bool: "true or false"}.get(type(value), type(value).__name__)
