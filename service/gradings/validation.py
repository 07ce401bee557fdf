"""Checks of a submission before it is stored, the same for HTTP and for files."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from vivavoce.graders.reading.normal_text import detect_language
from vivavoce.rubrics import Bank, Language, Rubric, UnknownQuestion

from ..errors import UnknownQuestionError, UnusableAnswer, UnusableRequest

MAX_ANSWER_CODE_POINTS = 20_000
# As long as the column that keeps it.
MAX_CANDIDATE_CODE_POINTS = 200


def check_answer(answer: str) -> str:
    """Returns the answer unchanged.

    Raises UnusableAnswer if it has more than 20,000 code points, or characters that no database can store.
    """
    if len(answer) > MAX_ANSWER_CODE_POINTS:
        raise UnusableAnswer(
            f"The answer has {len(answer):,} characters, at most {MAX_ANSWER_CODE_POINTS:,} are graded: "
            "shorten it or split it by question.",
            pointer="/answer",
        )
    return check_characters(answer, what="answer", pointer="/answer")


def check_candidate(candidate: str | None) -> str | None:
    """Returns the candidate reference unchanged.

    Raises UnusableAnswer if it has more than 200 code points, or characters that no database can store.
    """
    if candidate is None:
        return None
    if len(candidate) > MAX_CANDIDATE_CODE_POINTS:
        raise UnusableAnswer(
            f"The candidate reference has {len(candidate):,} characters: "
            f"use one of at most {MAX_CANDIDATE_CODE_POINTS}.",
            pointer="/candidate",
        )
    return check_characters(candidate, what="candidate reference", pointer="/candidate")


def find_rubric(
    bank: Bank, *, question_id: str, language: str | None, answer: str, detected: str | None = None
) -> Rubric:
    """Returns the bank's rubric for a question in `language`.

    Without `language` it is that of the answer, which is `detected` if that is known already, unless the question has
    only a rubric in the other one. Raises UnknownQuestionError if there is none.
    """
    chosen = cast(Language, language or detected or detect_language(answer))
    try:
        return bank.get(question_id, chosen)
    except UnknownQuestion as error:
        other: Language = "en" if chosen == "zh" else "zh"
        with suppress(UnknownQuestion):
            if language is None:
                return bank.get(question_id, other)
        raise UnknownQuestionError(str(error), pointer="/question_id") from None


def check_characters(value: str, *, what: str, pointer: str | None = None) -> str:
    """Returns a text unchanged; raises UnusableAnswer, naming `what`, if no database can store its characters.

    `pointer` is the JSON pointer of the text in the body of a request.
    """
    # PostgreSQL stores no NUL in text.
    if (position := value.find("\x00")) >= 0:
        raise UnusableAnswer(
            f"The {what} has a NUL character at position {position + 1}: remove it and send it again.", pointer=pointer
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        # JSON escapes can spell a lone surrogate, which is not a character.
        raise UnusableAnswer(
            f"The {what} has half a character (a lone surrogate) at position {error.start + 1}: "
            "send it as proper UTF-8.",
            pointer=pointer,
        ) from None
    return value


def check_language(rubric: Rubric, language: str | None) -> Rubric:
    """Returns the rubric unchanged; raises UnusableRequest if a request names another language than its own."""
    written = rubric.question.language
    if language not in (None, written):
        raise UnusableRequest(
            f"'language' is {language}, but the rubric is in {written}: leave 'language' out, it is for the bank.",
            pointer="/language",
        )
    return rubric
