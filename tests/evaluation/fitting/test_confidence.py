from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from vivavoce.evaluation.fitting import Example, Level, MonotoneLogit
from vivavoce.evaluation.fitting.confidence import (
    ScoredExample,
    fit_confidence,
    measure_calibration,
    recalibrate,
    score_examples,
    score_out_of_fold,
)
from vivavoce.evaluation.fitting.examples import levels_of
from vivavoce.graders.pipeline import grade
from vivavoce.graders.scoring.confidence import ConfidenceWeights, UncertaintyFeatures
from vivavoce.graders.testing import HASHING_COEFFICIENTS, scripted_panel
from vivavoce.graders.types import AnswerInput, LevelSignals
from vivavoce.rubrics import default_bank

TRUE = ConfidenceWeights(intercept=2.0, score_sd=8.0, judge_gap=0.0, midscale=1.5)


def _seen(count: int, chance: Callable[[UncertaintyFeatures], float], *, dataset: str = "set") -> list[ScoredExample]:
    """Scores of which so many are near the grade; the others are off by half of the scale."""
    draw = random.Random(5)
    found = []
    for _ in range(count):
        score = draw.random()
        uncertainty = UncertaintyFeatures(
            score_sd=draw.uniform(0, 0.4), judge_gap=draw.random(), midscale=1 - abs(2 * score - 1)
        )
        off = 0.0 if draw.random() < chance(uncertainty) else 0.5 if score < 0.5 else -0.5
        found.append(ScoredExample(dataset, score + off, score, uncertainty))
    return found


def test_the_weights_that_made_the_scores_near_are_found_again() -> None:
    found = fit_confidence(_seen(4000, TRUE.predict))
    assert found.intercept == pytest.approx(2.0, abs=0.4)
    assert found.score_sd == pytest.approx(8.0, abs=1.5)
    assert found.midscale == pytest.approx(1.5, abs=0.4)
    assert found.judge_gap < 0.3
    fresh = _seen(4000, TRUE.predict, dataset="other")
    assert measure_calibration([(one, found.predict(one.uncertainty)) for one in fresh]).error < 0.03


def test_more_doubt_never_makes_surer_even_where_the_grades_say_so() -> None:
    found = fit_confidence(_seen(500, lambda uncertainty: min(1.0, uncertainty.score_sd * 2.5)))
    assert found.score_sd == 0


def test_every_data_set_weighs_the_same() -> None:
    good, bad = _seen(1000, lambda uncertainty: 1.0), _seen(100, lambda uncertainty: 0.0, dataset="small")
    middling = UncertaintyFeatures(score_sd=0.2, judge_gap=0.5, midscale=0.5)
    assert fit_confidence([*good, *bad]).predict(middling) == pytest.approx(0.5, abs=0.05)


def test_few_grades_move_the_mean_a_little_and_many_all_the_way() -> None:
    before = ConfidenceWeights(intercept=0.0, score_sd=0.0, judge_gap=0.0, midscale=0.0)
    uncertainty = UncertaintyFeatures(score_sd=0.2, judge_gap=0.1, midscale=0.5)
    few, many = (
        recalibrate(before, _seen(count, lambda uncertainty: 1.0)).predict(uncertainty) for count in (10, 1000)
    )
    assert few == pytest.approx(0.75, abs=0.01)
    assert many > 0.98
    assert recalibrate(TRUE, _seen(3000, TRUE.predict)).intercept == pytest.approx(TRUE.intercept, abs=0.15)


def test_nothing_can_be_learned_from_nothing() -> None:
    for learn in (fit_confidence, measure_calibration, lambda seen: recalibrate(TRUE, seen)):
        with pytest.raises(ValueError, match="there"):
            learn([])


@pytest.mark.parametrize(("grade_of_person", "near"), [(0.65, True), (0.35, True), (0.66, False), (0.34, False)])
def test_near_is_within_one_and_a_half_points_of_ten(grade_of_person: float, near: bool) -> None:
    # Scores are reported to one decimal of ten.
    assert ScoredExample("set", grade_of_person, 0.5012, UncertaintyFeatures(0.1, 0.1, 1.0)).is_near is near


@pytest.mark.parametrize(("known", "inside"), [(0.37, True), (0.63, True), (0.36, False), (0.64, False)])
def test_the_likely_range_is_the_one_that_reports_give(known: float, inside: bool) -> None:
    seen = ScoredExample("set", known, 0.5, UncertaintyFeatures(score_sd=0.1, judge_gap=0.0, midscale=1.0))
    assert seen.is_in_range is inside
    assert measure_calibration([(seen, 0.5)]).in_range == inside


@pytest.mark.parametrize("question", ["retrieval", "high-availability"])
@pytest.mark.parametrize("gate", [-9.0, 0.5, 9.0])
def test_what_is_looked_at_is_what_grading_reports(question: str, gate: float) -> None:
    rubric = default_bank().get(question, "en")
    panel = scripted_panel(lambda _, criterion: gate if criterion == "fails-over" else 2.0)
    said = "Split the documents, embed the pieces; I ran a small test that compared both options by agreed criteria."
    (report,) = grade([AnswerInput(said)], rubric, panel)
    levels = tuple(level for result in report.criteria for level in levels_of(rubric, result.id, result.signals))
    (seen,) = score_examples([Example("set", question, "en", "1", 0.7, levels)], HASHING_COEFFICIENTS)
    assert round(10 * seen.score, 1) == report.score
    assert HASHING_COEFFICIENTS.confidence_in(seen.uncertainty) == pytest.approx(report.confidence, abs=1e-3)


def test_each_set_is_looked_at_by_what_the_others_taught() -> None:
    def graded(dataset: str, sign: int) -> list[Example]:
        signals = [
            LevelSignals(
                judge=sign * (n % 2 * 4 - 2), verifier=None, similarity_gain=0.0, term_recall=0.3, rouge1_recall=0.3
            )
            for n in range(40)
        ]
        return [
            Example(dataset, f"q{n % 5}", "en", str(n), float(n % 2), (Level("c", "merit", 1.0, found),))
            for n, found in enumerate(signals)
        ]

    seen = score_out_of_fold([*graded("one", 1), *graded("two", 1), *graded("contrary", -1)], MonotoneLogit())
    near = {name: [one.is_near for one in seen if one.dataset == name] for name in ("one", "contrary")}
    assert len(seen) == 120
    assert not any(near["contrary"])
    alone = score_out_of_fold(graded("one", 1), MonotoneLogit())
    assert len(alone) == 40
    assert all(one.is_near for one in alone)
