from __future__ import annotations

from dataclasses import replace

import pytest

from vivavoce.evaluation.fitting import Example, Level, MonotoneLogit
from vivavoce.evaluation.fitting.cross_validation import (
    examples_of_bank,
    leave_one_dataset_out,
    leave_out_questions,
    rescore,
)
from vivavoce.evaluation.fitting.model_selection import LAPSE_RATES, RIDGES, select_model
from vivavoce.evaluation.qualification import AnswerResult, CriterionComparison, QuestionResult, Rejection
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import Language, Rubric, default_bank
from vivavoce.rubrics.qualification import IN_ORDER

QUESTIONS = ("retrieval", "quantization", "distillation", "pruning")


def _signals(value: float) -> LevelSignals:
    return LevelSignals(
        judge=value, verifier=value, similarity_gain=0.01 * value, term_recall=0.1 * value, rouge1_recall=0.2
    )


def _standing(rubric: Rubric, share: float, quality: str) -> AnswerResult:
    """An answer that reaches so much of every criterion, and whose signals say so."""
    rows = []
    for criterion in rubric.criteria:
        top = len(criterion.levels) - 1
        level = 0 if criterion.kind == "negative" else round(share * top)
        signals = tuple(_signals(3.0 if level >= index else -3.0) for index in range(1, top + 1))
        rows.append(CriterionComparison(criterion.id, share, share, level, signals))
    return AnswerResult(quality, 10 * share, 10 * share, tuple(rows))  # type: ignore[arg-type]


def _bank(language: Language) -> list[QuestionResult]:
    found = []
    for question in QUESTIONS:
        rubric = default_bank().get(question, language)
        answers = [_standing(rubric, share, quality) for share, quality in zip((1, 0.5, 0, 0), IN_ORDER, strict=True)]
        found.append(QuestionResult(question, language, rubric.question.topic, tuple(answers)))
    return found


def _rejection(language: Language) -> Rejection:
    rubric = default_bank().get("retrieval", language)
    mistake = next(criterion for criterion in rubric.criteria if criterion.kind == "negative")
    return Rejection("retrieval", language, mistake.id, 0.1, (_signals(-3.0),))


@pytest.fixture(scope="module")
def bank() -> list[Example]:
    found = [*_bank("en"), *_bank("zh")]
    return list(examples_of_bank(found, [_rejection("en"), _rejection("zh")]))


def _graded(dataset: str) -> list[Example]:
    return [
        Example(dataset, f"q{n % 5}", "en", str(n), float(n % 2), (Level("c", "merit", 1.0, _signals(n % 2 * 4 - 2)),))
        for n in range(40)
    ]


def test_the_bank_gives_an_example_for_each_answer_and_rejection(bank: list[Example]) -> None:
    assert len(bank) == 2 * (4 * len(QUESTIONS) + 1)
    assert {example.dataset for example in bank} == {"bank-en", "bank-zh"}
    rejections = [example for example in bank if example.known is None]
    assert all(level.reached is False and level.kind == "mistake" for e in rejections for level in e.levels)
    excellent = next(example for example in bank if example.answer == "excellent")
    assert excellent.known == 1
    assert sum(level.share for level in excellent.levels if level.kind == "merit") == pytest.approx(1)


def test_an_answer_without_a_score_teaches_nothing() -> None:
    (question, *_) = _bank("en")
    unscored = AnswerResult("weak", 2.0, None, ())
    found = list(examples_of_bank([QuestionResult(question.question, "en", "", (unscored,))], []))
    assert found == []


def test_the_report_on_the_bank_leaves_the_question_out(bank: list[Example]) -> None:
    found = leave_out_questions(bank, MonotoneLogit())
    assert found.questions == 2 * len(QUESTIONS)
    # Weak and wrong have the same signals here, so no question is in order.
    assert found.in_order == 0
    assert found.gap == pytest.approx(0, abs=1e-6)
    assert (found.held_against, found.rejections) == (0, 2)
    assert found.area["en", "merit"]["judge"] == 1
    assert found.area["zh", "merit"]["together"] == 1


def _any(examples: object) -> MonotoneLogit:
    return MonotoneLogit()


def test_each_set_is_measured_by_what_the_others_taught(bank: list[Example]) -> None:
    contrary = [Example("contrary", e.question, "en", e.answer, 1 - (e.known or 0), e.levels) for e in _graded("set")]
    found = {each.dataset: each for each in leave_one_dataset_out([*bank, *_graded("set"), *contrary], _any)}
    assert set(found) == {"set", "contrary"}
    assert found["contrary"].alone["judge"] == pytest.approx(-1)
    assert found["contrary"].pearson == pytest.approx(-1)
    assert len(found["set"].known) == len(found["set"].found) == 40


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


def test_the_choice_says_what_every_candidate_came_to(bank: list[Example]) -> None:
    said: list[str] = []
    chosen = select_model([*bank, *_graded("set")], say=said.append)
    assert len(said) == len(RIDGES) * len(LAPSE_RATES)
    assert chosen.ridge in RIDGES
    # What the bank and the set teach is never contradicted.
    assert chosen.lapse_rate == 0


def test_grades_that_contradict_the_signals_are_met_with_lapses(bank: list[Example]) -> None:
    doubtful = [
        replace(example, dataset=name, known=1 - (example.known or 0) if number % 10 < 4 else example.known)
        for name in ("one", "two")
        for number, example in enumerate(_graded(name))
    ]
    assert select_model([*bank, *doubtful]).lapse_rate > 0.1
