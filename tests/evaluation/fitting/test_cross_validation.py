from __future__ import annotations

from dataclasses import replace

import pytest

from vivavoce.evaluation.fitting import Example, MonotoneLogit
from vivavoce.evaluation.fitting.cross_validation import (
    examples_of_bank,
    leave_one_dataset_out,
    leave_out_questions,
    rescore,
)
from vivavoce.evaluation.qualification import AnswerResult, CriterionComparison, QuestionResult, Rejection
from vivavoce.rubrics import Language, Rubric, default_bank
from vivavoce.rubrics.qualification import IN_ORDER

from ..builders import build_example, build_signals

QUESTIONS = ("retrieval", "quantization", "distillation", "pruning")


def _result(rubric: Rubric, share: float, quality: str) -> AnswerResult:
    """An answer that reaches so much of every criterion, and whose signals say so."""
    rows = []
    for criterion in rubric.criteria:
        top = len(criterion.levels) - 1
        level = 0 if criterion.kind == "negative" else round(share * top)
        signals = tuple(build_signals(3.0 if level >= index else -3.0) for index in range(1, top + 1))
        rows.append(CriterionComparison(criterion.id, share, share, level, signals))
    return AnswerResult(quality, 10 * share, 10 * share, tuple(rows))  # type: ignore[arg-type]


def _bank(language: Language) -> list[QuestionResult]:
    results = []
    for question in QUESTIONS:
        rubric = default_bank().get(question, language)
        answers = [_result(rubric, share, quality) for share, quality in zip((1, 0.5, 0, 0), IN_ORDER, strict=True)]
        results.append(QuestionResult(question, language, rubric.question.topic, tuple(answers)))
    return results


def _rejection(language: Language) -> Rejection:
    rubric = default_bank().get("retrieval", language)
    mistake = next(criterion for criterion in rubric.criteria if criterion.kind == "negative")
    return Rejection("retrieval", language, mistake.id, 0.1, (build_signals(-3.0),))


@pytest.fixture(scope="module")
def bank() -> list[Example]:
    results = [*_bank("en"), *_bank("zh")]
    return list(examples_of_bank(results, [_rejection("en"), _rejection("zh")]))


def _graded(dataset: str) -> list[Example]:
    return [build_example(number, dataset=dataset) for number in range(40)]


def test_each_answer_and_rejection_is_an_example(bank: list[Example]) -> None:
    assert len(bank) == 2 * (4 * len(QUESTIONS) + 1)
    assert {example.dataset for example in bank} == {"bank-en", "bank-zh"}
    rejections = [example for example in bank if example.known is None]
    assert all(level.reached is False and level.kind == "mistake" for e in rejections for level in e.levels)
    assert {example.answer for example in rejections} == {
        f"rejection-{level.criterion}" for example in rejections for level in example.levels
    }
    excellent = next(example for example in bank if example.answer == "excellent")
    assert excellent.known == 1
    assert sum(level.share for level in excellent.levels if level.kind == "merit") == pytest.approx(1)


def test_an_answer_without_a_score_teaches_nothing() -> None:
    (question, *_) = _bank("en")
    weak = [AnswerResult("weak", 2.0, score, ()) for score in (1.0, None, 3.0)]
    results = [QuestionResult(question.question, "en", "", tuple(weak))]
    # The third keeps its number, for it names an answer in a file.
    assert [example.answer for example in examples_of_bank(results, [])] == ["weak", "weak/3"]


def test_the_bank_is_measured_without_the_question(bank: list[Example]) -> None:
    figures = leave_out_questions(bank, MonotoneLogit())
    assert figures.questions == 2 * len(QUESTIONS)
    # Weak and wrong have the same signals here, so no question is in order.
    assert figures.in_order == 0
    assert figures.gap == pytest.approx(0, abs=1e-6)
    assert (figures.held_against, figures.rejections) == (0, 2)
    assert figures.area["en", "merit"]["judge"] == 1
    assert figures.area["zh", "merit"]["together"] == 1
    # ROUGE-1 is the same for all levels.
    assert figures.area["en", "merit"]["rouge1_recall"] == 0.5
    pairs = {(row.better, row.worse): (row.right, row.pairs) for row in figures.pairs}
    assert pairs["excellent", "weak"] == (8, 8)
    assert pairs["weak", "wrong"] == (0, 8)
    assert figures.sure.answers == 2 * 4 * len(QUESTIONS)


def test_a_question_with_a_missing_answer_has_no_order(bank: list[Example]) -> None:
    without = [e for e in bank if (e.question, e.language, e.answer) != ("retrieval", "en", "weak")]
    assert leave_out_questions(without, MonotoneLogit()).questions == 2 * len(QUESTIONS) - 1


def _any(examples: object) -> MonotoneLogit:
    return MonotoneLogit()


def test_each_set_is_measured_by_what_the_others_taught(bank: list[Example]) -> None:
    contrary = [replace(example, dataset="contrary", known=1 - (example.known or 0)) for example in _graded("set")]
    held_out = {
        figures.dataset: figures for figures in leave_one_dataset_out([*bank, *_graded("set"), *contrary], _any)
    }
    assert set(held_out) == {"set", "contrary"}
    assert held_out["contrary"].alone["judge"] == pytest.approx(-1)
    assert held_out["contrary"].pearson == pytest.approx(-1)
    assert len(held_out["set"].known) == len(held_out["set"].found) == 40


def test_a_set_is_not_among_those_that_its_model_sees() -> None:
    seen: list[set[str]] = []

    def model_for(examples: object) -> MonotoneLogit:
        seen.append({example.dataset for example in examples})  # type: ignore[attr-defined]
        return MonotoneLogit()

    sets = [example for name in ("one", "two", "three") for example in _graded(name)]
    assert [figures.dataset for figures in leave_one_dataset_out(sets, model_for)] == ["one", "three", "two"]
    assert seen == [{"two", "three"}, {"one", "two"}, {"one", "three"}]


def test_scores_are_those_of_grading(bank: list[Example]) -> None:
    fitted = MonotoneLogit().fit(bank).coefficients_
    scores = {
        e.answer: rescore(e, fitted)
        for e in bank
        if e.question == "retrieval" and e.language == "en" and e.known is not None
    }
    assert scores["excellent"] > scores["adequate"] > scores["wrong"]
    settled = Example("bank-en", "retrieval", "en", "wrong", 0.0, ())
    assert rescore(settled, fitted) == 0
