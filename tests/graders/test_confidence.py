from __future__ import annotations

import pytest

from vivavoce.graders.confidence import ReviewPolicy, confidence, likely_range, spread


def test_confidence_falls_with_the_deviation() -> None:
    found = [confidence(sd) for sd in (0, 0.5, 1, 2, 4)]
    assert found[0] == 1
    assert found == sorted(found, reverse=True)
    assert confidence(1.5) == pytest.approx(0.6827, abs=1e-3)


def test_signals_that_disagree_widen_the_spread() -> None:
    agree = spread(deviation=1, judge_score=5, other_score=5)
    assert agree == 1
    assert spread(deviation=1, judge_score=9, other_score=1) > 2


def test_the_range_stays_on_the_scale() -> None:
    assert likely_range(9.5, 2)[1] == 10
    assert likely_range(0.5, 2)[0] == 0
    assert likely_range(5, 0) == (5, 5)


@pytest.mark.parametrize(
    ("score", "near"), [(5.4, False), (5.5, True), (6.0, True), (6.5, True), (6.6, False), (0.0, False)]
)
def test_a_score_near_the_pass_mark_is_within_the_margin_on_either_side(score: float, near: bool) -> None:
    assert ReviewPolicy(pass_mark=6.0, pass_margin=0.5).is_near_pass_mark(score) is near
    assert not ReviewPolicy(pass_mark=None, pass_margin=10).is_near_pass_mark(score)
