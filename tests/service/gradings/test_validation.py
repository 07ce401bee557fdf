from __future__ import annotations

import pytest

from vivavoce.rubrics import Bank
from vivavoce.service.errors import UnknownQuestionError, UnusableAnswer
from vivavoce.service.gradings.validation import (
    MAX_ANSWER_CODE_POINTS,
    MAX_CANDIDATE_CODE_POINTS,
    check_answer,
    check_candidate,
    find_rubric,
)


@pytest.mark.parametrize("answer", ["", " \n", "INT8", "量化 🙂", "a" * MAX_ANSWER_CODE_POINTS])
def test_a_usable_answer_is_returned_unchanged(answer: str) -> None:
    assert check_answer(answer) == answer


@pytest.mark.parametrize("character", ["a", "量", "🙂"])
def test_length_counts_code_points(character: str) -> None:
    assert check_answer(character * MAX_ANSWER_CODE_POINTS)
    with pytest.raises(UnusableAnswer, match="has 20,001 characters, at most 20,000 are graded"):
        check_answer(character * (MAX_ANSWER_CODE_POINTS + 1))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("\x00", "NUL character at position 1"),
        ("量化\x00", "NUL character at position 3"),
        ("ab\ud800", r"half a character \(a lone surrogate\) at position 3"),
        ("\udc00量", r"half a character \(a lone surrogate\) at position 1"),
    ],
)
def test_characters_that_cannot_be_stored_are_located(answer: str, words: str) -> None:
    with pytest.raises(UnusableAnswer, match=f"The answer has .*{words}"):
        check_answer(answer)
    with pytest.raises(UnusableAnswer, match=f"The candidate reference has .*{words}"):
        check_candidate(answer)


def test_a_candidate_reference_is_optional_and_short() -> None:
    assert check_candidate(None) is None
    assert check_candidate("") == ""
    longest = "c" * MAX_CANDIDATE_CODE_POINTS
    assert check_candidate(longest) == longest
    with pytest.raises(UnusableAnswer, match="has 201 characters: use one of at most 200"):
        check_candidate(longest + "c")


@pytest.mark.parametrize(("question_id", "language"), [("nope", "en"), ("quantization", "zh")])
def test_an_unknown_question_is_named(bank: Bank, question_id: str, language: str) -> None:
    with pytest.raises(UnknownQuestionError, match=question_id):
        find_rubric(bank, question_id=question_id, language=language, answer="INT8")
