from __future__ import annotations

import pytest

from vivavoce.evaluation.rejected_mistakes import write_rejecting_answers
from vivavoce.rubrics import Language, Rubric, default_bank, load_qualifications

from .builders import build_answers, edit_rubric

ANSWERS = build_answers()


def _with_mistake(rubric: Rubric, statement: str, language: Language = "en") -> Rubric:
    index = [criterion.id for criterion in rubric.criteria].index("wrong")
    return edit_rubric(
        edit_rubric(rubric, "criteria", index, "statement", value=statement), "question", "language", value=language
    )


@pytest.mark.parametrize(
    ("language", "statement", "rejected"),
    [
        ("en", "The answer claims that pigs fly.", "excellent answer By the way, people sometimes say that pigs fly,"),
        ("en", "The answer claims as a certainty that pigs fly", "say that pigs fly, which is wrong."),
        ("en", "The answer states that pigs\nfly and sing.", "say that pigs\nfly and sing, which is wrong."),
        ("zh", "回答声称猪会飞。", "excellent回答顺便说一句，有人说猪会飞，这是不对的。"),
        ("zh", "回答认为猪会飞", "有人说猪会飞，这是不对的。"),
    ],
)
def test_the_claim_is_taken_from_the_statement(
    rubric: Rubric, language: Language, statement: str, rejected: str
) -> None:
    ((criterion, answer),) = write_rejecting_answers(_with_mistake(rubric, statement, language), ANSWERS)
    assert criterion.id == "wrong"
    assert rejected in answer


@pytest.mark.parametrize("statement", ["The answer insults the interviewer.", "It claims that pigs fly.", "回答很短。"])
def test_a_statement_without_a_claim_gives_no_answer(rubric: Rubric, statement: str) -> None:
    assert list(write_rejecting_answers(_with_mistake(rubric, statement), ANSWERS)) == []


def test_what_earns_points_is_never_rejected(rubric: Rubric) -> None:
    claiming = edit_rubric(rubric, "criteria", 0, "statement", value="The answer says that INT8 is small.")
    named = [criterion.id for criterion, _ in write_rejecting_answers(claiming, ANSWERS)]
    assert named == ["wrong"]


def test_most_mistakes_of_the_bank_can_be_rejected() -> None:
    sets = load_qualifications()
    counts = {"en": 0, "zh": 0}
    for rubric in default_bank():
        if rubric.question.id in sets:
            rejecting = write_rejecting_answers(rubric, sets[rubric.question.id])
            counts[rubric.question.language] += len(list(rejecting))
    assert min(counts.values()) > 80
    assert abs(counts["en"] - counts["zh"]) <= 1
