from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders.scoring.confidence import (
    ConfidenceWeights,
    ReviewPolicy,
    ReviewShare,
    UncertaintyFeatures,
    likely_range,
)

WEIGHTS = ConfidenceWeights(intercept=3.0, score_sd=10.0, judge_gap=2.0, midscale=1.0)


def _build_features(
    score: float, *, score_sd: float = 1.0, judge: float = 5.0, others: float = 5.0
) -> UncertaintyFeatures:
    return UncertaintyFeatures.from_scores(score, score_sd=score_sd, judge_score=judge, other_score=others)


def test_every_doubt_lowers_the_confidence() -> None:
    sure = WEIGHTS.predict(_build_features(10, score_sd=0))
    assert sure == pytest.approx(1 / (1 + math.exp(-3)))
    doubtful = [_build_features(10), _build_features(10, score_sd=0, judge=9, others=2), _build_features(5, score_sd=0)]
    assert all(0 < WEIGHTS.predict(uncertainty) < sure for uncertainty in doubtful)


def test_both_ends_of_the_scale_are_as_sure_as_each_other() -> None:
    assert WEIGHTS.predict(_build_features(1)) == pytest.approx(WEIGHTS.predict(_build_features(9)))
    assert WEIGHTS.predict(_build_features(1)) > WEIGHTS.predict(_build_features(4))


def test_confidence_stays_a_probability_however_large_the_weights() -> None:
    certain = ConfidenceWeights(intercept=1e6, score_sd=0, judge_gap=0, midscale=0)
    assert 0.999 < certain.predict(_build_features(5)) <= 1


def test_signals_that_disagree_widen_the_spread() -> None:
    assert _build_features(5).score_deviation == pytest.approx(1)
    assert _build_features(5, judge=9, others=1).score_deviation > 2


def test_the_range_stays_on_the_scale() -> None:
    assert likely_range(9.5, 2)[1] == 10
    assert likely_range(0.5, 2)[0] == 0
    assert likely_range(5, 0) == (5, 5)


@pytest.mark.parametrize(
    ("score", "near"), [(5.4, False), (5.5, True), (6.0, True), (6.5, True), (6.6, False), (0.0, False)]
)
def test_the_pass_margin_counts_on_either_side(score: float, near: bool) -> None:
    assert ReviewPolicy(pass_mark=6.0, pass_margin=0.5).is_near_pass_mark(score) is near
    assert not ReviewPolicy(pass_mark=None, pass_margin=10).is_near_pass_mark(score)


@pytest.mark.parametrize(
    "draw",
    [
        lambda chosen: chosen.random(),
        lambda chosen: chosen.random() * 0.15,
        lambda chosen: 0.8 + chosen.random() * 0.2,
        lambda chosen: 1.0 if chosen.random() < 0.4 else chosen.betavariate(2, 5),
        lambda chosen: 0.5,
    ],
    ids=["even", "all doubtful", "all sure", "many settled", "all alike"],
)
def test_a_share_holds_whatever_the_confidences_are(draw: Callable[[random.Random], float]) -> None:
    for seed in range(5):
        sent = _send(ReviewShare(0.2), [draw(random.Random(f"{seed}/{number}")) for number in range(300)])
        assert 0.18 <= len(sent) / 300 <= 0.22


def test_the_least_sure_are_sent() -> None:
    chosen = random.Random(1)
    confidences = [chosen.random() for _ in range(300)]
    sent = _send(ReviewShare(0.2), confidences)
    # All but a few of the first, when little is known of the others.
    assert sum(confidence < 0.25 for confidence in sent) >= 0.9 * len(sent)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nobody_and_everybody_can_be_sent(share: float) -> None:
    confidences = [0.01 * number for number in range(1, 100)]
    assert len(_send(ReviewShare(share), confidences)) == share * len(confidences)


def test_the_policy_of_a_share_keeps_the_pass_mark() -> None:
    assert ReviewShare(0.2, pass_mark=6.0, pass_margin=0.3).now().is_near_pass_mark(6.3)


@pytest.mark.parametrize(("score", "midscale"), [(0, 0), (2.5, 0.5), (5, 1), (7.5, 0.5), (10, 0)])
def test_the_middle_of_the_scale_is_the_least_certain(score: float, midscale: float) -> None:
    assert _build_features(score).midscale == pytest.approx(midscale)


def test_features_are_shares_of_the_scale() -> None:
    features = _build_features(5, score_sd=2.5, judge=2, others=6)
    assert (features.score_sd, features.judge_gap) == (0.25, 0.4)


def test_the_range_holds_four_fifths_of_a_normal_distribution() -> None:
    low, high = likely_range(5, 1)
    assert (low, high) == (pytest.approx(5 - 1.2816, abs=1e-4), pytest.approx(5 + 1.2816, abs=1e-4))


def test_a_fixed_policy_never_moves() -> None:
    policy = ReviewPolicy(below=0.4, pass_mark=6)
    policy.note(0.1, is_low=True)
    assert policy.now() is policy


@pytest.mark.parametrize(("share", "below"), [(0.0, 0.0), (0.2, 0.2), (0.5, 0.6), (1.0, 1.0)])
def test_without_scores_confidences_are_taken_as_even(share: float, below: float) -> None:
    policy = ReviewShare(share).now()
    assert (policy.below, policy.share) == (pytest.approx(below), share)


def test_a_share_forgets_what_is_long_ago() -> None:
    review = ReviewShare(0.3)
    for confidence in (0.1, 0.9):
        for number in range(500):
            review.note(confidence, is_low=number % 10 < 3)
    # Only the last 500 are left, and none of them is near .1.
    assert review.now().below > 0.5


def test_a_correction_sends_twice_the_share_at_most() -> None:
    review = ReviewShare(0.1)
    for number in range(300):
        review.note(number / 300, is_low=False)
    assert review.now().below == pytest.approx(0.2, abs=0.01)


def test_what_was_sent_too_often_is_made_up_for() -> None:
    even, late = ReviewShare(0.2), ReviewShare(0.2)
    for number in range(100):
        even.note(number / 100, is_low=number < 20)
        late.note(number / 100, is_low=number < 30)
    assert late.now().below < even.now().below


@given(st.floats(0, 1), st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_the_bound_of_a_share_is_a_confidence(share: float, scores: list[tuple[float, bool]]) -> None:
    review = ReviewShare(share)
    for confidence, is_low in scores:
        review.note(confidence, is_low=is_low)
    assert 0 <= review.now().below <= 1


def _send(review: ReviewShare, confidences: list[float]) -> list[float]:
    """Those that a policy sends to a person, one after the other."""
    sent = []
    for confidence in confidences:
        is_low = confidence < review.now().below
        review.note(confidence, is_low=is_low)
        sent += [confidence] if is_low else []
    return sent
