from __future__ import annotations

import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from vivavoce.service.analyses.statistics import (
    Figure,
    correlate,
    find_t_quantile,
    mean_with_interval,
    weighted_kappa,
)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 30, 1000])
def test_the_quantile_is_students(degrees: int) -> None:
    assert find_t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=0.002)


def test_a_mean_has_students_interval() -> None:
    # Mean 3, standard deviation sqrt(2.5), n 5: 3 ± 2.776 · .7071
    assert mean_with_interval([1, 2, 3, 4, 5]) == Figure(
        3.0, pytest.approx(1.037, abs=0.003), pytest.approx(4.963, abs=0.003)
    )  # type: ignore[arg-type]
    assert mean_with_interval([7.5]) == Figure(7.5)
    assert mean_with_interval([]) == Figure(None, undefined="too_few")


def test_a_correlation_has_fishers_interval() -> None:
    first, second = [1.0, 2, 3, 4, 5, 6], [2.0, 1, 4, 3, 6, 4]
    expected = stats.pearsonr(first, second)
    interval = expected.confidence_interval()
    found = correlate(first, second)
    assert (found.value, found.low, found.high) == pytest.approx((expected.statistic, *interval), abs=0.0001)


def test_undefined_figures_are_not_zero() -> None:
    assert correlate([1, 2], [1, 2]) == Figure(None, undefined="too_few")
    assert correlate([1, 2, 3], [4, 4, 4]) == Figure(None, undefined="no_variance")
    assert weighted_kappa([1, 2], [1, 2]) == Figure(None, undefined="too_few")
    assert weighted_kappa([2, 2, 2], [2, 2, 2]) == Figure(None, undefined="no_variance")


def test_kappa_is_that_of_cohen() -> None:
    first, second = [0, 1, 2, 2, 1, 0, 2, 1], [0, 1, 1, 2, 1, 1, 2, 0]
    found = weighted_kappa(first, second)
    assert found.value == pytest.approx(cohen_kappa_score(first, second, weights="quadratic"), abs=0.0001)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high  # type: ignore[operator]
    assert weighted_kappa([0, 1, 2], [0, 1, 2]).value == 1.0
