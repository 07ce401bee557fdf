from __future__ import annotations

import itertools

import pytest

from vivavoce.evaluation.qualification import (
    ABOVE,
    AnswerResult,
    CriterionComparison,
    QuestionResult,
    grade_qualification_answers,
    measure_discrimination,
    measure_language_differences,
    order_pairs,
    reject_mistakes,
)
from vivavoce.graders import JudgeFailure, Panel, UnscoredReason
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import InvalidRubric, Language, Rubric
from vivavoce.rubrics.qualification import IN_ORDER, QUALITIES, Quality

from .builders import LEVELS, build_answers, edit_rubric

ANSWERS = build_answers()


def _panel(*, blind_to: str = "", failing: str = "") -> Panel:
    """A judge that knows every answer's levels, but for one criterion or one answer."""

    def script(answer: str, criterion: str) -> float | JudgeFailure:
        quality = next(quality for quality in LEVELS if quality in answer)
        if quality == failing:
            return JudgeFailure(UnscoredReason.PARSE, "no verdict")
        return 0.0 if criterion == blind_to else 8.0 if LEVELS[quality][criterion] else -8.0

    return scripted_panel(script)


def _question(*answers: AnswerResult, language: Language = "en", name: str = "q") -> QuestionResult:
    return QuestionResult(name, language, "topic", answers)


def _scored(*scores: float | None) -> QuestionResult:
    """An answer of each quality from excellent to wrong, with these scores."""
    pairs = zip(IN_ORDER, scores, strict=True)
    return _question(*(AnswerResult(quality, 0.0, score, ()) for quality, score in pairs))


def test_a_judge_that_knows_the_levels_orders_the_answers(rubric: Rubric) -> None:
    result = grade_qualification_answers(rubric, ANSWERS, _panel())
    assert result.in_order
    assert [answer.grade for answer in result.answers] == [10, 6, 2, 0]
    assert [answer.length for answer in result.answers] == [len(f"{quality} answer") for quality in LEVELS]
    scores = [answer.score or 0.0 for answer in result.answers]
    assert scores == sorted(scores, reverse=True)
    ordered = {row.criterion: row.ordered for row in measure_discrimination([result])}
    # The scripted judge tells reached from not reached, so two levels of three look alike.
    assert (ordered["lower"], ordered["loss"], ordered["wrong"]) == (1, 1, 1)
    assert ordered["methods"] < 1


def test_a_criterion_that_does_not_discriminate_is_named(rubric: Rubric) -> None:
    result = grade_qualification_answers(rubric, ANSWERS, _panel(blind_to="lower"))
    worst = measure_discrimination([result])[0]
    assert (worst.criterion, worst.ordered) == ("lower", 0)


def test_an_answer_without_a_score_is_out_of_order(rubric: Rubric) -> None:
    result = grade_qualification_answers(rubric, ANSWERS, _panel(failing="weak"))
    assert not result.in_order
    assert result.score("weak") is None
    assert [s.unscored_reason for s in result.answers if s.score is None] == [UnscoredReason.PARSE]


@pytest.mark.parametrize(
    ("scores", "in_order"),
    [
        ((9.0, 6.0, 3.0, 0.0), True),
        ((9.0, 6.0, 3.0, 3.0), False),
        ((6.0, 9.0, 3.0, 0.0), False),
        ((9.0, 6.0, None, 0.0), False),
    ],
)
def test_every_step_of_quality_must_rise(scores: tuple[float | None, ...], in_order: bool) -> None:
    assert _scored(*scores).in_order is in_order


def test_the_worst_of_a_quality_must_beat_the_best_below() -> None:
    result = _scored(9.0, 6.0, 3.0, 0.0)
    second = AnswerResult("adequate", 0.0, 2.5, ())
    assert not QuestionResult("q", "en", "t", (*result.answers, second)).in_order


def test_a_quality_has_a_score_when_all_its_answers_have() -> None:
    answers = [AnswerResult("weak", 2.0, score, ()) for score in (1.0, 2.0)]
    assert _question(*answers).score("weak") == 1.5
    assert _question(*answers, AnswerResult("weak", 2.0, None, ())).score("weak") is None
    # Not every question has an empty-handed answer.
    assert _question(*answers).score("empty-handed") is None


def test_pairs_are_counted_by_quality_and_length() -> None:
    answers = [
        AnswerResult("excellent", 10, 8.0, (), length=50),
        AnswerResult("excellent", 10, 3.0, (), style="concise", length=20),
        AnswerResult("wrong", 0, 3.0, (), length=40),
        AnswerResult("empty-handed", 0, None, (), length=90),
    ]
    rows = {(row.better, row.worse): row for row in order_pairs([_question(*answers)])}
    of_wrong, of_empty = rows["excellent", "wrong"], rows["excellent", "empty-handed"]
    assert (of_wrong.right, of_wrong.pairs, of_wrong.shorter_right, of_wrong.shorter) == (1, 2, 0, 1)
    assert (of_empty.right, of_empty.pairs, of_empty.shorter) == (0, 2, 2)
    assert rows["adequate", "weak"].pairs == 0


def test_answers_to_different_questions_are_no_pairs() -> None:
    first = _question(AnswerResult("excellent", 10, 8.0, ()), name="a")
    second = _question(AnswerResult("wrong", 0, 1.0, ()), name="b")
    assert sum(row.pairs for row in order_pairs([first, second])) == 0


def test_each_order_of_qualities_is_asked_for_once() -> None:
    assert len(set(ABOVE)) == len(ABOVE)
    order: dict[Quality, int] = {quality: index for index, quality in enumerate(QUALITIES)}
    assert all(order[better] < order[worse] for better, worse in ABOVE)
    left_out = set(itertools.combinations(QUALITIES, 2)) - set(ABOVE)
    assert left_out == {("wrong", "empty-handed"), ("weak", "empty-handed")}


def test_answers_of_other_lengths_do_not_count_for_the_order(rubric: Rubric) -> None:
    verbose = {
        "level": "weak",
        "style": "verbose",
        "criteria": LEVELS["excellent"],
        "en": "excellent words",
        "zh": "好",
    }
    result = grade_qualification_answers(rubric, build_answers(verbose), _panel())
    assert result.in_order
    assert result.answers[-1].style == "verbose"


def test_equal_scores_are_not_in_order(rubric: Rubric) -> None:
    assert not grade_qualification_answers(rubric, ANSWERS, scripted_panel(lambda _, __: 2.0)).in_order


def test_levels_of_another_rubric_are_refused(rubric: Rubric) -> None:
    other = {"level": "weak", "criteria": {**LEVELS["weak"], "methods": 7}, "en": "weak", "zh": "弱"}
    with pytest.raises(InvalidRubric, match="'methods' has levels 0 to 2"):
        grade_qualification_answers(rubric, build_answers(other), _panel())


def _comparison(writer: float, machine: float | None, name: str = "c") -> CriterionComparison:
    return CriterionComparison(name, writer, machine, 0, ())


def test_discrimination_counts_pairs_with_different_levels() -> None:
    def answer(*comparisons: CriterionComparison) -> AnswerResult:
        return AnswerResult("weak", 0.0, 0.0, comparisons)

    answers = [
        answer(_comparison(1.0, 0.9), _comparison(0.5, 0.2, "same")),
        answer(_comparison(0.5, 0.4), _comparison(0.5, 0.9, "same")),
        answer(_comparison(0.0, 0.6)),
        answer(_comparison(0.0, None)),
    ]
    # Three pairs have a verdict: 1 over .5 and over 0 come out right, .5 over 0 does not.
    (row,) = measure_discrimination([_question(*answers)])
    assert (row.criterion, row.ordered) == ("c", pytest.approx(2 / 3))


def test_the_worst_criterion_comes_first() -> None:
    def question(name: str, machine: float) -> QuestionResult:
        answers = [
            AnswerResult("weak", 0, 0, (_comparison(1.0, machine),)),
            AnswerResult("weak", 0, 0, (_comparison(0.0, 0.5),)),
        ]
        return _question(*answers, name=name)

    rows = measure_discrimination([question("good", 0.9), question("bad", 0.1)])
    assert [(row.question, row.ordered) for row in rows] == [("bad", 0), ("good", 1)]


def test_the_languages_are_compared_answer_by_answer(rubric: Rubric) -> None:
    chinese = edit_rubric(rubric, "question", "language", value="zh")
    both = [grade_qualification_answers(version, ANSWERS, _panel()) for version in (rubric, chinese)]
    differences = measure_language_differences(both)
    assert {quality: len(values) for quality, values in differences.items() if values} == dict.fromkeys(LEVELS, 1)
    english = both[0].score("excellent") or 0.0
    assert differences["excellent"] == [pytest.approx(((both[1].score("excellent") or 0.0) - english) / 10)]
    assert all(values == [] for values in measure_language_differences(both[:1]).values())


def test_an_answer_unscored_in_one_language_is_not_compared() -> None:
    english = _question(AnswerResult("weak", 0, 4.0, ()), AnswerResult("weak", 0, 2.0, ()))
    chinese = _question(AnswerResult("weak", 0, None, ()), AnswerResult("weak", 0, 3.0, ()), language="zh")
    assert measure_language_differences([chinese, english])["weak"] == [pytest.approx(0.1)]


@pytest.mark.parametrize(("log_odds", "held_against"), [(-8.0, False), (8.0, True)])
def test_a_rejected_mistake_is_asked_about_alone(rubric: Rubric, log_odds: float, held_against: bool) -> None:
    index = [criterion.id for criterion in rubric.criteria].index("wrong")
    claiming = edit_rubric(rubric, "criteria", index, "statement", value="The answer claims that pigs fly.")
    asked: list[tuple[str, str]] = []

    def script(answer: str, criterion: str) -> float:
        asked.append((answer, criterion))
        return log_odds

    (rejection,) = reject_mistakes(claiming, ANSWERS, scripted_panel(script))
    assert [criterion for _, criterion in asked] == ["wrong"]
    assert "people sometimes say that pigs fly, which is wrong" in asked[0][0]
    assert (rejection.criterion, rejection.language, len(rejection.signals)) == ("wrong", "en", 1)
    assert rejection.held_against is not None
    assert (rejection.held_against > 0.5) is held_against


def test_a_rejection_without_a_verdict_counts_neither_way(rubric: Rubric) -> None:
    index = [criterion.id for criterion in rubric.criteria].index("wrong")
    claiming = edit_rubric(rubric, "criteria", index, "statement", value="The answer claims that pigs fly.")
    panel = scripted_panel(lambda _, __: JudgeFailure(UnscoredReason.PARSE, "no verdict"))
    (rejection,) = reject_mistakes(claiming, ANSWERS, panel)
    assert (rejection.held_against, rejection.signals) == (None, ())
