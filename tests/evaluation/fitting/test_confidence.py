from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from vivavoce.evaluation.fitting import Example, MonotoneLogit
from vivavoce.evaluation.fitting.confidence import (
    ScoredExample,
    fit_confidence,
    measure_calibration,
    recalibrate_confidence,
    score_examples,
    score_out_of_fold,
)
from vivavoce.evaluation.fitting.examples import levels_of
from vivavoce.graders.pipeline import grade
from vivavoce.graders.scoring.confidence import ConfidenceWeights, UncertaintyFeatures
from vivavoce.graders.testing import HASHING_COEFFICIENTS, scripted_panel
from vivavoce.graders.types import AnswerInput
from vivavoce.rubrics import default_bank

from ..builders import build_example

TRUE = ConfidenceWeights(intercept=2.0, score_sd=8.0, judge_gap=0.0, midscale=1.5)


def _score(count: int, chance: Callable[[UncertaintyFeatures], float], *, dataset: str = "set") -> list[ScoredExample]:
    """Scores that are near the grade by chance; the others are off by half of the scale."""
    draw = random.Random(5)
    scored = []
    for _ in range(count):
        score = draw.random()
        uncertainty = UncertaintyFeatures(
            score_sd=draw.uniform(0, 0.4), judge_gap=draw.random(), midscale=1 - abs(2 * score - 1)
        )
        off = 0.0 if draw.random() < chance(uncertainty) else 0.5 if score < 0.5 else -0.5
        scored.append(ScoredExample(dataset, score + off, score, uncertainty))
    return scored


def test_the_weights_behind_the_scores_are_recovered() -> None:
    fitted = fit_confidence(_score(4000, TRUE.predict))
    assert fitted.intercept == pytest.approx(2.0, abs=0.4)
    assert fitted.score_sd == pytest.approx(8.0, abs=1.5)
    assert fitted.midscale == pytest.approx(1.5, abs=0.4)
    assert fitted.judge_gap < 0.3
    fresh = _score(4000, TRUE.predict, dataset="other")
    assert measure_calibration([(example, fitted.predict(example.uncertainty)) for example in fresh]).error < 0.03


def test_more_uncertainty_never_raises_the_confidence() -> None:
    # Here it is the uncertain scores that are near.
    fitted = fit_confidence(_score(500, lambda uncertainty: min(1.0, uncertainty.score_sd * 2.5)))
    assert fitted.score_sd == 0


def test_every_data_set_weighs_the_same() -> None:
    good, bad = _score(1000, lambda uncertainty: 1.0), _score(100, lambda uncertainty: 0.0, dataset="small")
    middling = UncertaintyFeatures(score_sd=0.2, judge_gap=0.5, midscale=0.5)
    assert fit_confidence([*good, *bad]).predict(middling) == pytest.approx(0.5, abs=0.05)


def test_few_grades_move_the_confidence_less_than_many() -> None:
    before = ConfidenceWeights(intercept=0.0, score_sd=0.0, judge_gap=0.0, midscale=0.0)
    uncertainty = UncertaintyFeatures(score_sd=0.2, judge_gap=0.1, midscale=0.5)
    few, many = (
        recalibrate_confidence(before, _score(count, lambda uncertainty: 1.0)).predict(uncertainty)
        for count in (10, 1000)
    )
    assert few == pytest.approx(0.75, abs=0.01)
    assert many > 0.98
    assert recalibrate_confidence(TRUE, _score(3000, TRUE.predict)).intercept == pytest.approx(TRUE.intercept, abs=0.15)


def test_nothing_can_be_learned_from_nothing() -> None:
    for learn in (fit_confidence, measure_calibration, lambda scored: recalibrate_confidence(TRUE, scored)):
        with pytest.raises(ValueError, match="there"):
            learn([])


@pytest.mark.parametrize(("grade_of_person", "is_near"), [(0.65, True), (0.35, True), (0.66, False), (0.34, False)])
def test_near_is_within_one_and_a_half_points_of_ten(grade_of_person: float, is_near: bool) -> None:
    # Scores are reported to one decimal of ten.
    assert ScoredExample("set", grade_of_person, 0.5012, UncertaintyFeatures(0.1, 0.1, 1.0)).is_near is is_near


@pytest.mark.parametrize(("target", "is_inside"), [(0.37, True), (0.63, True), (0.36, False), (0.64, False)])
def test_the_likely_range_is_that_of_reports(target: float, is_inside: bool) -> None:
    scored = ScoredExample("set", target, 0.5, UncertaintyFeatures(score_sd=0.1, judge_gap=0.0, midscale=1.0))
    assert scored.is_in_range is is_inside
    assert measure_calibration([(scored, 0.5)]).in_range == is_inside


def test_figures_of_a_calibration_are_shares() -> None:
    sure, unsure = (UncertaintyFeatures(score_sd=sd, judge_gap=0.0, midscale=1.0) for sd in (0.0, 0.4))
    scored = [
        (ScoredExample("set", 0.5, 0.5, sure), 0.9),
        (ScoredExample("set", 0.6, 0.5, sure), 0.7),
        (ScoredExample("set", 1.0, 0.5, unsure), 0.2),
    ]
    figures = measure_calibration(scored)
    assert (figures.answers, figures.near, figures.said) == (3, pytest.approx(2 / 3), pytest.approx(0.6))
    # Each is a bin of its own: off by .1, .3 and .2.
    assert figures.error == pytest.approx(0.2)
    assert figures.in_range == pytest.approx(2 / 3)
    assert figures.rmse == pytest.approx(((0.01 + 0.25) / 3) ** 0.5)
    # 70 % of three answers are all of them.
    assert figures.rmse_confident == figures.rmse


@pytest.mark.parametrize("question", ["retrieval", "high-availability"])
@pytest.mark.parametrize("gate", [-9.0, 0.5, 9.0])
def test_examples_are_scored_as_in_grading(question: str, gate: float) -> None:
    rubric = default_bank().get(question, "en")
    panel = scripted_panel(lambda _, criterion: gate if criterion == "fails-over" else 2.0)
    answer = "Split the documents, embed the pieces; I ran a small test that compared both options by agreed criteria."
    (report,) = grade([AnswerInput(answer)], rubric, panel)
    levels = tuple(level for result in report.criteria for level in levels_of(rubric, result.id, result.signals))
    (scored,) = score_examples([Example("set", question, "en", "1", 0.7, levels)], HASHING_COEFFICIENTS)
    assert round(10 * scored.score, 1) == report.score
    assert HASHING_COEFFICIENTS.confidence_in(scored.uncertainty) == pytest.approx(report.confidence, abs=1e-3)


def test_what_screening_settled_and_what_has_no_grade_is_left_out() -> None:
    settled = replace(build_example(1), levels=())
    ungraded = replace(build_example(1), known=None)
    assert list(score_examples([settled, ungraded], HASHING_COEFFICIENTS)) == []


def _contradict(examples: list[Example]) -> list[Example]:
    return [replace(example, dataset="contrary", known=1 - (example.known or 0)) for example in examples]


def test_each_set_is_scored_by_what_the_others_taught() -> None:
    sets = {name: [build_example(number, dataset=name) for number in range(40)] for name in ("one", "two")}
    scored = score_out_of_fold([*sets["one"], *sets["two"], *_contradict(sets["one"])], MonotoneLogit())
    near = {name: [example.is_near for example in scored if example.dataset == name] for name in ("one", "contrary")}
    assert len(scored) == 120
    assert not any(near["contrary"])
    alone = score_out_of_fold(sets["one"], MonotoneLogit())
    assert len(alone) == 40
    assert all(example.is_near for example in alone)
