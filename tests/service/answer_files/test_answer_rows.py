from __future__ import annotations

from typing import Any

import pytest

from vivavoce.rubrics import Bank, Rubric, default_bank
from vivavoce.service.answer_files.answer_rows import BadRowError, RubricChoice, read_entry
from vivavoce.service.answer_files.entries import Entry
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.tables import Row


def _read(**values: Any) -> NewAnswer:
    """A row that names a question of the bank."""
    return read_entry(_entry(**values), RubricChoice(default_bank()))


def _entry(**values: Any) -> Entry:
    return Entry(Row(2, values), values, {})


def _problem(**values: Any) -> BadRowError:
    with pytest.raises(BadRowError) as raised:
        _read(**values)
    return raised.value


@pytest.mark.parametrize(
    ("value", "answer"), [("INT8", "INT8"), (" a ", " a "), (5, "5"), (2.5, "2.5"), (None, ""), ("", "")]
)
def test_text_and_numbers_are_answers(value: Any, answer: str) -> None:
    assert _read(answer=value, question_id="quantization").answer == answer


def test_a_row_without_the_column_is_an_empty_answer() -> None:
    assert _read(question_id="quantization").answer == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (["INT8"], "the answer is a list: write it as text."),
        ({"text": "INT8"}, "the answer is an object"),
        (True, "the answer is true or false"),
        ("nul \x00", "NUL character at position 5"),
        ("half \ud83d", "half a character"),
        ("a" * 20_001, "The answer has 20,001 characters"),
    ],
)
def test_what_is_no_answer_is_named(value: Any, words: str) -> None:
    problem = _problem(answer=value, question_id="quantization")
    assert problem.column == "answer"
    assert words in str(problem)


@pytest.mark.parametrize("question", ["quantization", " quantization ", "13.2"])
def test_a_question_has_an_identifier_or_handbook_number(question: str) -> None:
    assert default_bank().get(question.strip(), "en") == _read(answer="INT8", question_id=question).rubric


@pytest.mark.parametrize(
    ("answer", "language", "spoken"),
    [
        ("INT8", None, "en"),
        ("用更少的比特", None, "zh"),
        ("用更少的比特", "en", "en"),
        ("INT8", " zh ", "zh"),
        ("INT8", "中文", "zh"),
    ],
)
def test_the_language_is_named_or_that_of_the_answer(answer: str, language: str | None, spoken: str) -> None:
    row = _read(answer=answer, question_id="quantization", language=language)
    assert row.rubric.question.language == spoken


@pytest.mark.parametrize("language", ["fr", "Anglais", 7])
def test_another_language_is_refused(language: Any) -> None:
    problem = _problem(answer="INT8", question_id="quantization", language=language)
    assert (problem.column, "use zh or en, or leave it empty" in str(problem)) == ("language", True)


@pytest.mark.parametrize("question", [None, "", "  "])
def test_a_missing_question_is_named(question: str | None) -> None:
    problem = _problem(answer="INT8", question_id=question)
    assert (problem.column, str(problem)) == (
        "question_id",
        "the question is missing: fill it in, or use --question.",
    )


def test_an_unknown_question_is_named() -> None:
    problem = _problem(answer="INT8", question_id="no-such")
    assert (problem.column, "There is no question 'no-such'" in str(problem)) == ("question_id", True)


@pytest.mark.parametrize(("value", "candidate"), [(None, None), ("c-17", "c-17"), (17, "17"), ("", "")])
def test_a_candidate_is_any_short_text(value: Any, candidate: str | None) -> None:
    assert _read(answer="INT8", question_id="quantization", candidate=value).candidate == candidate


@pytest.mark.parametrize("value", ["c" * 201, "c\x00"])
def test_a_candidate_that_cannot_be_kept_is_named(value: str) -> None:
    assert _problem(answer="INT8", question_id="quantization", candidate=value).column == "candidate"


def test_a_rubric_of_ones_own_needs_no_question(rubric: Rubric) -> None:
    entry = _entry(answer="INT8", question_id="no-such")
    assert read_entry(entry, RubricChoice(Bank([]), rubric=rubric)).rubric is rubric


def test_the_option_comes_before_the_column() -> None:
    choice = RubricChoice(default_bank(), question_id="retrieval")
    assert read_entry(_entry(answer="INT8", question_id="no-such"), choice).rubric.question.id == "retrieval"


def test_a_question_can_be_named_by_its_text() -> None:
    text = default_bank().get("quantization", "en").question.text
    assert _read(answer="INT8", question_id=f"3. {text}").rubric.question.id == "quantization"


def test_a_problem_names_the_heading_of_the_file() -> None:
    entry = Entry(Row(2, {}), {"answer": []}, {"answer": "回答"})
    with pytest.raises(BadRowError) as raised:
        read_entry(entry, RubricChoice(default_bank()))
    assert raised.value.column == "回答"


def test_an_answer_without_words_is_to_the_question_in_the_language_of_the_candidate() -> None:
    entry = _entry(answer="-", question_id="quantization")
    new = read_entry(entry, RubricChoice(default_bank()), candidate_language="zh")
    assert (new.rubric.question.language, new.feedback_language) == ("zh", None)


def test_feedback_is_in_the_language_of_the_candidate() -> None:
    entry = _entry(answer="INT8 weights", question_id="quantization")
    new = read_entry(entry, RubricChoice(default_bank()), candidate_language="zh")
    assert (new.rubric.question.language, new.feedback_language) == ("en", "zh")


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"answer": [], "language": "fr", "question_id": "no-such"}, "answer"),
        ({"answer": "\x00", "language": "fr", "candidate": "\x00"}, "answer"),
        ({"answer": "INT8", "language": "fr", "candidate": "\x00"}, "language"),
        ({"answer": "\x00", "candidate": "\x00", "question_id": "no-such"}, "answer"),
        ({"answer": "INT8", "candidate": "\x00", "question_id": "no-such"}, "candidate"),
    ],
)
def test_the_first_of_several_problems_is_named(values: dict[str, Any], column: str) -> None:
    assert _problem(**values).column == column
