from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivavoce.graders import Flag
from vivavoce.graders.scoring.confidence import ConfidenceWeights, ReviewPolicy
from vivavoce.graders.scoring.summary import Summary, compute_summary
from vivavoce.graders.testing import HASHING_COEFFICIENTS
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import Rubric

GATE = {"id": "gate", "kind": "gate", "title": "t", "statement": "s", "cap": 0.5}
ALL = ("lower", "methods", "loss", "wrong")
FIGURES = Summary(
    probabilities={},
    score=6.0,
    score_min=5.0,
    score_max=7.0,
    coverage=1.0,
    confidence=0.5,
    confidence_in_nothing=0.5,
    judge_score=6.0,
    other_score=6.0,
    contributions={},
)


def _signals(rubric: Rubric, *names: str, judge: float = 0.5) -> dict[str, list[LevelSignals]]:
    level = LevelSignals(judge=judge, verifier=0.0, similarity_gain=0.1, term_recall=0.3, rouge1_recall=0.3)
    return {c.id: [level] * (len(c.levels) - 1) for c in rubric.criteria if c.id in names}


def _summarise(rubric: Rubric, *names: str, judge: float = 0.5) -> Summary:
    return compute_summary(rubric, _signals(rubric, *names, judge=judge), HASHING_COEFFICIENTS)


@pytest.mark.parametrize(
    ("names", "coverage"),
    [(ALL, 1.0), (ALL[:3], 10 / 12), (("lower",), 4 / 12), (("wrong",), 2 / 12), ((), 0.0)],
)
def test_coverage_is_the_share_of_points_judged(rubric: Rubric, names: tuple[str, ...], coverage: float) -> None:
    assert _summarise(rubric, *names).coverage == pytest.approx(coverage)


def test_an_unjudged_gate_lowers_the_coverage(rubric: Rubric) -> None:
    data = rubric.model_dump(mode="json")
    gated = Rubric.model_validate({**data, "criteria": [*data["criteria"], GATE]})
    assert _summarise(gated, *ALL).coverage == pytest.approx(12 / 13)
    assert _summarise(gated, *ALL, "gate").coverage == 1


def test_without_any_verdict_everything_is_possible(rubric: Rubric) -> None:
    figures = _summarise(rubric)
    assert (figures.score, figures.score_min, figures.score_max) == (0, 0, 10)
    assert figures.probabilities == {}


def test_an_unjudged_mistake_can_only_cost_points(rubric: Rubric) -> None:
    judged, partial = _summarise(rubric, *ALL, judge=9.0), _summarise(rubric, "lower", "methods", "loss", judge=9.0)
    assert partial.score > judged.score
    # At worst it was made and costs its 2 points; at best nothing changes.
    assert partial.score_min <= partial.score - 2
    assert partial.score_max - partial.score < judged.score_max - judged.score + 2


def test_an_unjudged_merit_can_only_earn_points(rubric: Rubric) -> None:
    partial = _summarise(rubric, "methods", "loss", "wrong", judge=0.0)
    whole = _summarise(rubric, *ALL, judge=0.0)
    assert partial.score < whole.score
    assert partial.score_max - partial.score >= 4


def test_an_unjudged_gate_may_cap_everything(rubric: Rubric) -> None:
    data = rubric.model_dump(mode="json")
    gated = Rubric.model_validate({**data, "criteria": [*data["criteria"], GATE]})
    figures = _summarise(gated, *ALL, judge=9.0)
    assert figures.score_min <= 5
    assert figures.score > 6


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(judge=st.floats(-12, 12), names=st.sets(st.sampled_from(ALL)))
def test_the_range_holds_the_score(rubric: Rubric, judge: float, names: set[str]) -> None:
    figures = _summarise(rubric, *names, judge=judge)
    assert 0 <= figures.score_min <= figures.score <= figures.score_max <= 10
    assert 0 <= figures.confidence <= figures.confidence_in_nothing <= 1
    assert set(figures.probabilities) == names


def test_contributions_are_those_of_the_score(rubric: Rubric) -> None:
    figures = _summarise(rubric, *ALL, judge=4.0)
    assert sum(figures.contributions.values()) == pytest.approx(figures.score, abs=0.01)
    assert figures.contributions["judge"] > 0


def test_judge_and_other_signals_have_scores_of_their_own(rubric: Rubric) -> None:
    sure, doubting = _summarise(rubric, "lower", judge=9.0), _summarise(rubric, "lower", judge=-9.0)
    assert sure.judge_score > doubting.judge_score
    assert sure.other_score == doubting.other_score


def test_confidence_is_that_of_the_questions_own_weights(rubric: Rubric) -> None:
    certain = ConfidenceWeights(intercept=20.0, score_sd=0.0, judge_gap=0.0, midscale=0.0)
    own_weights = replace(HASHING_COEFFICIENTS.general, confidence=certain)
    coefficients = replace(HASHING_COEFFICIENTS, questions={rubric.question.id: own_weights})
    assert compute_summary(rubric, _signals(rubric, *ALL), coefficients).confidence > 0.999
    assert _summarise(rubric, *ALL).confidence < 0.99


def test_unfitted_confidence_is_an_error(rubric: Rubric) -> None:
    unfitted = replace(HASHING_COEFFICIENTS, confidence=None)
    with pytest.raises(ValueError, match="no confidence yet"):
        compute_summary(rubric, _signals(rubric, *ALL), unfitted)


@pytest.mark.parametrize(
    ("judge", "other", "is_flagged"), [(8.0, 3.0, True), (3.0, 8.0, True), (7.9, 3.0, False), (5.0, 5.0, False)]
)
def test_signals_disagree_from_half_of_the_scale(judge: float, other: float, is_flagged: bool) -> None:
    figures = replace(FIGURES, judge_score=judge, other_score=other)
    assert (Flag.SIGNALS_DISAGREE in figures.list_flags(ReviewPolicy(below=0.0))) is is_flagged


@pytest.mark.parametrize(("confidence", "is_low"), [(0.49, True), (0.5, False), (0.51, False)])
def test_confidence_under_the_bound_is_low(confidence: float, is_low: bool) -> None:
    figures = replace(FIGURES, confidence=confidence)
    assert (Flag.LOW_CONFIDENCE in figures.list_flags(ReviewPolicy(below=0.5))) is is_low


def test_the_pass_mark_is_compared_with_the_rounded_score() -> None:
    review = ReviewPolicy(below=0.0, pass_mark=6.0, pass_margin=0.5)
    assert replace(FIGURES, score=6.549).list_flags(review) == [Flag.NEAR_PASS_MARK]
    assert replace(FIGURES, score=6.551).list_flags(review) == []
