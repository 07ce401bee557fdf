from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score, mean_squared_error

from vivavoce.evaluation import agreement

Figure = Callable[[list[float], list[float]], float | None]
_SCORES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


def test_correlations_are_those_of_the_textbook() -> None:
    human, machine = [0.0, 0.5, 1.0, 1.0], [0.1, 0.4, 0.7, 0.8]
    # By hand: sums of squares .6875 and .3, sum of products .45.
    assert agreement.pearson(human, machine) == pytest.approx(0.45 / math.sqrt(0.6875 * 0.3))
    # Ranks 1, 2, 3.5, 3.5 and 1, 2, 3, 4.
    assert agreement.spearman(human, machine) == pytest.approx(4.5 / math.sqrt(4.5 * 5))


@pytest.mark.parametrize("figure", [agreement.pearson, agreement.spearman])
@pytest.mark.parametrize(
    ("human", "machine"), [([], []), ([0.5], [0.5]), ([1, 1, 1], [0, 0.5, 1]), ([0, 1], [0.3, 0.3])]
)
def test_a_correlation_of_what_does_not_vary_is_undefined(
    figure: Figure, human: list[float], machine: list[float]
) -> None:
    assert figure(human, machine) is None


def test_errors_and_bias_are_in_shares_of_full_scale() -> None:
    human, machine = [0.0, 1.0, 1.0, 1.0], [0.3, 0.9, 0.9, 0.9]
    assert agreement.rmse(human, machine) == pytest.approx(math.sqrt((0.09 + 0.03) / 4))
    assert agreement.bias(human, machine) == pytest.approx(0.0)
    assert agreement.bias([0.2, 0.4], [0.5, 0.7]) == pytest.approx(0.3)


def test_a_seldom_grade_weighs_as_much_as_a_common_one() -> None:
    human = [0.0] + [1.0] * 99
    always_full = [1.0] * 100
    assert agreement.rmse(human, always_full) == pytest.approx(0.1)
    assert agreement.weighted_rmse(human, always_full) == pytest.approx(math.sqrt(0.5))


def test_knowing_only_hard_questions_is_no_agreement() -> None:
    questions = ["easy"] * 4 + ["hard"] * 4 + ["alone"]
    human = [0.8, 0.9, 1.0, 0.9, 0.1, 0.2, 0.3, 0.2, 0.5]
    by_question = [0.9] * 4 + [0.2] * 4 + [0.0]
    assert agreement.pearson(human, by_question) > 0.8
    assert agreement.within_question(human, by_question, questions) is None
    shifted = [score + (0.3 if question == "hard" else 0) for score, question in zip(human, questions, strict=True)]
    assert agreement.within_question(human, shifted, questions) == pytest.approx(1)


def test_kappa_is_that_of_the_textbook() -> None:
    human, machine = [0.0, 0.5, 1.0, 1.0], [0.0, 0.5, 1.0, 0.5]
    observed = np.mean([0, 0, 0, 1]) / 4
    expected = np.mean([(h - m) ** 2 for h in (0, 1, 2, 2) for m in (0, 1, 2, 1)]) / 4
    assert agreement.quadratic_weighted_kappa(human, machine, levels=3) == pytest.approx(1 - observed / expected)
    assert agreement.quadratic_weighted_kappa([1.0, 1.0], [1.0, 1.0], levels=3) is None
    assert agreement.quadratic_weighted_kappa([0.5, 0.5], [1.0, 1.0], levels=3) == 0


def test_kappa_is_that_of_scikit_learn() -> None:
    chance = np.random.default_rng(5)
    for levels in (2, 3, 11):
        human, machine = chance.integers(0, levels, (2, 200))
        machine = np.where(chance.random(200) < 0.5, human, machine)
        known = cohen_kappa_score(human, machine, weights="quadratic", labels=range(levels))
        shares = (human / (levels - 1), machine / (levels - 1))
        assert agreement.quadratic_weighted_kappa(*shares, levels=levels) == pytest.approx(known)


def test_calibration_error_is_the_mean_gap_of_bins() -> None:
    predicted = [0.9] * 10 + [0.1] * 10
    observed = [1] * 7 + [0] * 3 + [0] * 10
    assert agreement.calibration_error(predicted, observed, bins=2) == pytest.approx((0.2 + 0.1) / 2)
    honest = np.linspace(0, 1, 2000)
    drawn = np.random.default_rng(1).random(2000) < honest
    assert agreement.calibration_error(honest, drawn) < 0.05


def test_calibration_bins_hold_equally_many_answers() -> None:
    predicted = [0.9, 0.1, 0.5, 0.3, 0.7]
    observed = [1.0, 0.0, 0.5, 0.4, 0.6]
    first, second = agreement.calibration_bins(predicted, observed, bins=2)
    assert (first.count, second.count) == (3, 2)
    assert (first.said, first.came) == (pytest.approx(0.3), pytest.approx(0.3))
    assert (second.said, second.came) == (pytest.approx(0.8), pytest.approx(0.8))
    assert [part.count for part in agreement.calibration_bins([0.2, 0.4], [0, 1])] == [1, 1]
    assert agreement.calibration_bins([], []) == []


def test_bins_weigh_by_their_answers_in_the_calibration_error() -> None:
    chance = np.random.default_rng(4)
    predicted, observed = chance.random(47), chance.random(47)
    bins = agreement.calibration_bins(predicted, observed)
    assert len(bins) == 10
    assert {part.count for part in bins} == {4, 5}
    by_hand = sum(abs(part.said - part.came) * part.count for part in bins) / 47
    assert agreement.calibration_error(predicted, observed) == pytest.approx(by_hand)


def test_of_equal_predictions_the_first_come_into_the_lower_bin() -> None:
    low, high = agreement.calibration_bins([0.5] * 4, [0.0, 0.2, 0.6, 1.0], bins=2)
    assert (low.came, high.came) == (pytest.approx(0.1), pytest.approx(0.8))


def test_the_risk_is_the_error_among_the_most_confident() -> None:
    human, machine = [1.0, 1.0, 1.0, 1.0], [0.6, 1.0, 0.9, 0.2]
    # The least confident first: the curve goes from the answer with 0.9 to all four.
    confidence = [0.3, 0.9, 0.5, 0.1]
    squares = [0.0, 0.01, 0.16, 0.64]
    expected = [math.sqrt(sum(squares[: k + 1]) / (k + 1)) for k in range(4)]
    assert agreement.risk_coverage(human, machine, confidence) == pytest.approx(expected)
    assert agreement.risk_coverage(human, machine, [value * 7 for value in confidence]) == pytest.approx(expected)
    assert agreement.rmse(human, machine) == pytest.approx(expected[-1])
    assert agreement.risk_coverage([], [], []).shape == (0,)


def test_answers_of_the_same_confidence_share_their_error() -> None:
    human, machine = [1.0, 1.0, 1.0], [1.0, 0.8, 0.4]
    # After the first, either of the others may be the second: on average its square is (0.04 + 0.36) / 2.
    curve = agreement.risk_coverage(human, machine, [0.9, 0.5, 0.5])
    assert curve == pytest.approx([0.0, math.sqrt(0.2 / 2), math.sqrt(0.4 / 3)])
    assert agreement.risk_coverage(human, machine, [0.5] * 3) == pytest.approx([math.sqrt(0.4 / 3)] * 3)


_ANSWER = st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.1, 0.5, 0.9]))


@given(st.lists(_ANSWER, min_size=1, max_size=12).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_answers_does_not_change_the_risk(
    both: tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]],
) -> None:
    given, shuffled = (agreement.risk_coverage(*zip(*answers, strict=True)) for answers in both)
    assert given.tolist() == shuffled.tolist()


def test_a_share_of_the_most_confident_is_rounded_up_to_whole_answers() -> None:
    human, machine = [1.0] * 4, [1.0, 0.9, 0.6, 0.2]
    confidence = [0.9, 0.8, 0.7, 0.6]

    def error(share: float) -> float | None:
        return agreement.rmse_of_most_confident(human, machine, confidence, share=share)

    assert error(0.01) == error(0.25) == 0.0
    assert error(0.5) == pytest.approx(math.sqrt(0.01 / 2))
    assert error(0.7) == error(0.75) == pytest.approx(math.sqrt(0.17 / 3))
    assert error(1) == pytest.approx(agreement.rmse(human, machine))
    # 7 of 100, though .07 * 100 is more than 7 in floating point.
    machine = [1.0] * 7 + [0.0] * 93
    assert agreement.rmse_of_most_confident([1.0] * 100, machine, range(100, 0, -1), share=0.07) == 0.0
    assert agreement.rmse_of_most_confident([], [], [], share=0.7) is None


@pytest.mark.parametrize("share", [0, -0.1, 1.1, math.nan])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="not above 0 and at most 1"):
        agreement.rmse_of_most_confident([1.0], [1.0], [1.0], share=share)


def test_an_interval_holds_the_figure_and_follows_the_seed() -> None:
    chance = np.random.default_rng(3)
    human = chance.random(200)
    machine = human + chance.normal(0, 0.3, 200)

    def figure(drawn: npt.NDArray[np.intp]) -> float | None:
        return agreement.pearson(human[drawn], machine[drawn])

    interval = agreement.bootstrap(figure, 200, seed=5)
    assert interval == agreement.bootstrap(figure, 200, seed=5)
    assert interval
    assert interval.low < agreement.pearson(human, machine) < interval.high
    assert interval.high - interval.low < 0.25


def test_the_bootstrap_is_scipy_s_where_that_is_defined() -> None:
    values = np.random.default_rng(2).random(40)
    interval = agreement.bootstrap(lambda drawn: float(values[drawn].mean()), 40, seed=5)
    known = stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    assert interval
    assert (interval.low, interval.high) == pytest.approx((known.low, known.high), abs=1e-12)


@pytest.mark.parametrize(("undefined", "is_defined"), [(0, True), (900, True), (1000, False), (2000, False)])
def test_resamples_without_a_figure_are_left_out(undefined: int, is_defined: bool) -> None:
    calls = iter(range(2000))

    def figure(_: npt.NDArray[np.intp]) -> float | None:
        return None if next(calls) < undefined else 0.5

    interval = agreement.bootstrap(figure, 10, seed=5)
    assert interval == (agreement.Interval(0.5, 0.5) if is_defined else None)


def test_no_answers_have_no_interval() -> None:
    assert agreement.bootstrap(lambda drawn: 1.0, 0, seed=5) is None
    assert agreement.bootstrap(lambda drawn: float(drawn.mean()), 1, seed=5) == agreement.Interval(0.0, 0.0)


@given(_SCORES)
def test_no_figure_leaves_its_range(pairs: list[tuple[float, float]]) -> None:
    human, machine = zip(*pairs, strict=True)
    for value in (agreement.pearson(human, machine), agreement.spearman(human, machine)):
        assert value is None or -1 - 1e-9 <= value <= 1 + 1e-9
    for value in (
        agreement.rmse(human, machine),
        agreement.weighted_rmse(human, machine),
        agreement.calibration_error(machine, human),
    ):
        assert value is not None
        assert 0 <= value <= 1


@pytest.mark.parametrize(
    "figure", [agreement.rmse, agreement.weighted_rmse, agreement.bias, agreement.calibration_error]
)
def test_no_answers_have_no_figure(figure: Figure) -> None:
    assert figure([], []) is None


def test_pearson_and_spearman_are_those_of_scipy() -> None:
    chance = np.random.default_rng(6)
    human = chance.integers(0, 5, 60) / 4
    machine = np.clip(human + chance.normal(0, 0.3, 60), 0, 1)
    assert agreement.pearson(human, machine) == pytest.approx(stats.pearsonr(human, machine).statistic, abs=1e-12)
    ranks = stats.pearsonr(stats.rankdata(human), stats.rankdata(machine)).statistic
    assert agreement.spearman(human, machine) == pytest.approx(ranks, abs=1e-12)


def test_last_digits_are_no_variation() -> None:
    assert agreement.pearson([0.3, 0.1 + 0.2], [0.0, 1.0]) is None
    assert agreement.pearson([0.3, 0.3 + 1e-6], [0.0, 1.0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("score", "index"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.3, 3), (0.7, 7), (0.8999, 8), (0.9, 9), (1.0, 9)]
)
def test_a_score_lies_in_the_tenth_that_it_begins(score: float, index: int) -> None:
    assert agreement.score_bins([score]).tolist() == [index]


def test_halves_of_the_scale_have_two_bins() -> None:
    assert agreement.score_bins([0.0, 0.49, 0.5, 1.0], bins=2).tolist() == [0, 0, 1, 1]


def test_the_weighted_error_is_the_mean_over_tenths_with_answers() -> None:
    human, machine = [0.0, 0.05, 0.55, 1.0, 1.0], [0.2, 0.05, 0.95, 1.0, 0.9]
    by_tenth = [(0.04 + 0) / 2, 0.16, (0 + 0.01) / 2]
    assert agreement.weighted_rmse(human, machine) == pytest.approx(math.sqrt(sum(by_tenth) / 3))


@given(_SCORES)
def test_one_bin_gives_the_plain_error(pairs: list[tuple[float, float]]) -> None:
    human, machine = zip(*pairs, strict=True)
    assert agreement.rmse(human, machine) == pytest.approx(math.sqrt(mean_squared_error(human, machine)))
    assert agreement.weighted_rmse(human, machine, bins=1) == pytest.approx(agreement.rmse(human, machine), abs=1e-9)


@given(_SCORES)
def test_exchanging_people_and_machine_turns_the_bias_round(pairs: list[tuple[float, float]]) -> None:
    human, machine = zip(*pairs, strict=True)
    assert agreement.bias(human, machine) == pytest.approx(-agreement.bias(machine, human))
    kappas = [agreement.quadratic_weighted_kappa(*sides, levels=6) for sides in ((human, machine), (machine, human))]
    assert kappas[0] == (None if kappas[1] is None else pytest.approx(kappas[1]))


@pytest.mark.parametrize(("machine", "kappa"), [([0.24, 0.26, 0.74, 0.76], 1.0), ([0.26, 0.3, 0.7, 0.74], 0.0)])
def test_kappa_rounds_scores_to_the_nearest_level(machine: list[float], kappa: float) -> None:
    assert agreement.quadratic_weighted_kappa([0.0, 0.5, 0.5, 1.0], machine, levels=3) == pytest.approx(kappa)


def test_a_far_miss_costs_more_than_two_near_ones() -> None:
    human = [0.0, 0.0, 0.5, 1.0, 1.0]
    near = agreement.quadratic_weighted_kappa(human, [0.5, 0.5, 0.5, 1.0, 1.0], levels=3)
    far = agreement.quadratic_weighted_kappa(human, [1.0, 0.0, 0.5, 1.0, 1.0], levels=3)
    assert near > far


def test_questions_of_one_answer_say_nothing_within_questions() -> None:
    assert agreement.within_question([0.1, 0.9], [0.1, 0.9], ["a", "b"]) is None
    assert agreement.within_question([], [], []) is None
    # The same identifier in two data sets is two questions.
    questions = [("one", 1), ("one", 1), ("two", 1), ("two", 1)]
    human, machine = [0.0, 0.2, 0.8, 1.0], [0.5, 0.7, 0.1, 0.3]
    assert agreement.within_question(human, machine, questions) == pytest.approx(1)
