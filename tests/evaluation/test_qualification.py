from __future__ import annotations

import pytest

from vivavoce.evaluation.qualification import (
    AnswerResult,
    QuestionResult,
    grade_qualification_answers,
    measure_discrimination,
    measure_language_differences,
    order_pairs,
    reject_mistakes,
)
from vivavoce.graders import JudgeFailure, Panel, UnscoredReason
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import QualificationSet, Rubric

from ..rubrics.test_edits import edited
from ..rubrics.test_qualification import LEVELS, document

ANSWERS = QualificationSet.model_validate(document())


def _panel(*, blind_to: str = "", failing: str = "") -> Panel:
    """A judge that knows every answer's levels, but for one criterion or one answer."""

    def script(answer: str, criterion: str) -> float | JudgeFailure:
        quality = next(quality for quality in LEVELS if quality in answer)
        if quality == failing:
            return JudgeFailure(UnscoredReason.PARSE, "no verdict")
        return 0.0 if criterion == blind_to else 8.0 if LEVELS[quality][criterion] else -8.0

    return scripted_panel(script)


def test_a_judge_that_knows_the_levels_brings_the_answers_in_order(rubric: Rubric) -> None:
    found = grade_qualification_answers(rubric, ANSWERS, _panel())
    assert found.in_order
    assert [result.grade for result in found.answers] == [10, 6, 2, 0]
    scores = [result.score or 0.0 for result in found.answers]
    assert scores == sorted(scores, reverse=True)
    ordered = {row.criterion: row.ordered for row in measure_discrimination([found])}
    # The scripted judge tells reached from not reached, no more, so that it leaves two levels of three alike.
    assert (ordered["lower"], ordered["loss"], ordered["wrong"]) == (1, 1, 1)
    assert ordered["methods"] < 1


def test_a_criterion_that_the_judge_cannot_tell_is_named(rubric: Rubric) -> None:
    found = grade_qualification_answers(rubric, ANSWERS, _panel(blind_to="lower"))
    worst = measure_discrimination([found])[0]
    assert (worst.criterion, worst.ordered) == ("lower", 0)


def test_an_answer_without_a_score_is_out_of_order(rubric: Rubric) -> None:
    found = grade_qualification_answers(rubric, ANSWERS, _panel(failing="weak"))
    assert not found.in_order
    assert found.score("weak") is None
    assert [s.unscored_reason for s in found.answers if s.score is None] == [UnscoredReason.PARSE]


def test_pairs_are_counted_by_quality_and_apart_where_the_better_answer_is_the_shorter_one() -> None:
    found = [
        AnswerResult("excellent", 10, 8.0, (), length=50),
        AnswerResult("excellent", 10, 3.0, (), style="concise", length=20),
        AnswerResult("wrong", 0, 3.0, (), length=40),
        AnswerResult("empty-handed", 0, None, (), length=90),
    ]
    rows = {(row.better, row.worse): row for row in order_pairs([QuestionResult("q", "en", "t", tuple(found))])}
    of_wrong, of_empty = rows["excellent", "wrong"], rows["excellent", "empty-handed"]
    assert (of_wrong.right, of_wrong.pairs, of_wrong.shorter_right, of_wrong.shorter) == (1, 2, 0, 1)
    assert (of_empty.right, of_empty.pairs, of_empty.shorter) == (0, 2, 2)
    assert rows["adequate", "weak"].pairs == 0


def test_answers_of_other_lengths_do_not_count_for_the_order_of_four(rubric: Rubric) -> None:
    answers = document()["answers"]
    answers.append({**answers[0], "level": "weak", "style": "verbose", "en": "excellent words"})
    assert grade_qualification_answers(
        rubric, QualificationSet.model_validate(document(answers=answers)), _panel()
    ).in_order


def test_equal_scores_are_not_in_order(rubric: Rubric) -> None:
    assert not grade_qualification_answers(rubric, ANSWERS, scripted_panel(lambda _, __: 2.0)).in_order


def test_the_languages_are_compared_answer_by_answer(rubric: Rubric) -> None:
    chinese = edited(rubric, "question", "language", value="zh")
    both: list[QuestionResult] = [grade_qualification_answers(one, ANSWERS, _panel()) for one in (rubric, chinese)]
    gaps = measure_language_differences(both)
    assert {quality: len(own) for quality, own in gaps.items() if own} == dict.fromkeys(LEVELS, 1)
    english = both[0].score("excellent") or 0.0
    assert gaps["excellent"] == [pytest.approx(((both[1].score("excellent") or 0.0) - english) / 10)]
    assert all(own == [] for own in measure_language_differences(both[:1]).values())


@pytest.mark.parametrize(
    ("language", "claim", "rejected"),
    [
        ("en", "The answer claims that pigs fly.", "people sometimes say that pigs fly, which is wrong"),
        ("zh", "回答声称猪会飞。", "有人说猪会飞，这是不对的"),
    ],
)
def test_a_mistake_that_is_named_to_be_rejected_is_asked_about(
    rubric: Rubric, language: str, claim: str, rejected: str
) -> None:
    index = [criterion.id for criterion in rubric.criteria].index("wrong")
    claiming = edited(rubric, "criteria", index, "statement", value=claim)
    claiming = edited(claiming, "question", "language", value=language)
    said: list[str] = []

    def script(answer: str, criterion: str) -> float:
        said.append(answer)
        return -8.0

    (found,) = reject_mistakes(claiming, ANSWERS, scripted_panel(script))
    assert (found.criterion, len(said)) == ("wrong", 1)
    assert rejected in said[0]
    assert found.held_against is not None
    assert found.held_against < 0.1


def test_a_mistake_that_claims_nothing_cannot_be_rejected(rubric: Rubric) -> None:
    index = [criterion.id for criterion in rubric.criteria].index("wrong")
    without = edited(rubric, "criteria", index, "statement", value="The answer insults the interviewer.")
    assert reject_mistakes(without, ANSWERS, scripted_panel()) == []
