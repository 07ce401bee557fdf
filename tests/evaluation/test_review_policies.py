from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.evaluation import agreement
from vivavoce.evaluation.review_policies import LEAST_CERTAIN, compare_policies
from vivavoce.graders.scoring.confidence import ReviewPolicy


def test_the_least_certain_are_sent_and_the_setting_named() -> None:
    confidence = np.arange(10) / 10
    human = np.array([1.0, 1.0, *[0.5] * 8])
    machine = np.array([0.0, 0.9, *[0.5] * 8])
    rows = compare_policies(human, machine, confidence, review=ReviewPolicy())
    nothing, first, second, _, near = rows
    assert (nothing["share"], nothing["rmse_kept"], nothing["below"]) == (0, agreement.rmse(human, machine), None)
    assert (first["policy"], first["share"], first["below"]) == ("the least certain 10%", 0.1, 0.1)
    assert (nothing["wrong_side"], first["wrong_side"]) == (0.1, 0)
    assert (second["share"], second["rmse_kept"]) == (0.2, 0)
    assert (near["policy"], near["share"]) == ("within 0.5 of 6", 0)


def test_ties_with_the_last_one_are_sent_too() -> None:
    scores = np.full(10, 0.5)
    confidence = np.array([0.2] * 4 + [0.8] * 6)
    rows = compare_policies(scores, scores, confidence, review=ReviewPolicy(pass_mark=5.2))
    assert [row["share"] for row in rows] == [0, 0.4, 0.4, 0.4, 1]
    everybody = compare_policies(scores, scores, scores, review=ReviewPolicy())[1]
    assert (everybody["share"], everybody["rmse_kept"]) == (1, None)


def test_no_answers_have_no_figures() -> None:
    none = np.zeros(0)
    for row in compare_policies(none, none, none, review=ReviewPolicy()):
        assert (row["share"], row["rmse_kept"], row["wrong_side"]) == (None, None, None)


@pytest.mark.parametrize(
    ("human", "machine", "is_wrong"),
    [(0.6, 0.6, 0), (0.6, 0.599, 1), (0.599, 0.601, 1), (1.0, 0.7, 0), (0.1 + 0.2 + 0.3, 0.6, 0)],
)
def test_an_answer_passes_from_the_mark_on(human: float, machine: float, is_wrong: float) -> None:
    nothing, *_ = compare_policies(np.array([human]), np.array([machine]), np.array([0.5]), review=ReviewPolicy())
    assert nothing["wrong_side"] == is_wrong


@pytest.mark.parametrize(
    ("score", "is_sent"), [(0.649, True), (0.65, True), (0.656, False), (0.55, True), (0.54, False)]
)
def test_scores_within_the_margin_are_sent(score: float, is_sent: bool) -> None:
    near = compare_policies(np.array([0.6]), np.array([score]), np.array([0.5]), review=ReviewPolicy())[-1]
    assert near["share"] == float(is_sent)


def test_mark_and_margin_are_those_of_the_settings() -> None:
    scores = np.array([0.3, 0.45, 0.6])
    review = ReviewPolicy(pass_mark=4, pass_margin=1)
    near = compare_policies(scores, scores, scores, review=review)[-1]
    assert near["policy"] == "within 1 of 4"
    assert near["share"] == pytest.approx(2 / 3)


TENTHS = [
    integers.map(lambda tenth: tenth / 10) for integers in (st.integers(0, 10), st.integers(0, 10), st.integers(0, 9))
]


@given(st.lists(st.tuples(*TENTHS), min_size=1, max_size=40))
def test_the_named_setting_sends_at_least_the_share(answers: list[tuple[float, float, float]]) -> None:
    human, machine, confidence = (np.array(column) for column in zip(*answers, strict=True))
    rows = compare_policies(human, machine, confidence, review=ReviewPolicy())
    for share, row in zip(LEAST_CERTAIN, rows[1:-1], strict=True):
        assert row["share"] >= share - 1e-9
        assert row["share"] == np.mean(confidence < row["below"])
        assert row["wrong_side"] <= rows[0]["wrong_side"]
