from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import studentized_range

from vivavoce.service.candidates.tiers import Total, assign_tiers, find_range_quantile

COHORTS = 1000


@pytest.mark.parametrize("count", [2, 3, 10, 50, 400])
def test_the_quantile_is_that_of_the_studentised_range(count: int) -> None:
    assert find_range_quantile(count, 0.05) == pytest.approx(studentized_range.ppf(0.95, count, np.inf), abs=0.002)


def test_totals_that_may_be_equal_share_a_tier_and_others_do_not() -> None:
    assert assign_tiers([Total(9.0, 0.2), Total(8.9, 0.2), Total(4.0, 0.2)]) == [1, 1, 2]
    assert assign_tiers([Total(4.0, 0.2), Total(9.0, 0.2)]) == [2, 1]
    assert assign_tiers([]) == []
    assert assign_tiers([Total(5.0, 1.0)]) == [1]


def test_candidates_between_two_join_them() -> None:
    ends = [Total(8.0, 0.5), Total(5.0, 0.5)]
    assert assign_tiers(ends) == [1, 2]
    assert assign_tiers([*ends, Total(6.5, 0.5)]) == [1, 1, 1]


def test_a_wide_range_below_reaches_over_those_between() -> None:
    assert assign_tiers([Total(9.0, 0.1), Total(6.0, 0.1), Total(5.9, 2.0)]) == [1, 1, 1]


def test_known_totals_are_apart_if_they_differ() -> None:
    assert assign_tiers([Total(7.0, 0.0), Total(7.0, 0.0), Total(6.9, 0.0)]) == [1, 1, 2]


def test_order_of_the_totals_changes_no_tier() -> None:
    generator = np.random.default_rng(3)
    totals = [Total(float(mean), 0.3) for mean in generator.uniform(0, 10, 40)]
    tiers = assign_tiers(totals)
    order = generator.permutation(40)
    assert [tiers[index] for index in order] == assign_tiers([totals[index] for index in order])


def test_equal_candidates_are_parted_in_at_most_five_of_a_hundred_cohorts() -> None:
    """1,000 cohorts of 20 candidates and 6 questions, whose scores err as their ranges say."""
    generator = np.random.default_rng(2026)
    parted_cohorts = np.zeros(2)
    # All of a cohort are equal, which is the hardest case; then two of 20.
    for case in (0, 1):
        for _ in range(COHORTS):
            truth = np.full(20, 6.0) if case == 0 else generator.uniform(2, 9, 20)
            truth[1] = truth[0]
            deviations = generator.uniform(0.4, 2.0, (20, 6))
            scores = truth[:, None] + generator.normal(0, deviations)
            spread = np.sqrt((deviations**2).sum(axis=1)) / 6
            tiers = assign_tiers(
                [Total(float(mean), float(sd)) for mean, sd in zip(scores.mean(axis=1), spread, strict=True)]
            )
            parted_cohorts[case] += (len(set(tiers)) > 1) if case == 0 else (tiers[0] != tiers[1])
    assert (parted_cohorts / COHORTS <= 0.05).all()


def test_different_candidates_are_told_apart() -> None:
    assert assign_tiers([Total(8.5, 0.4)] * 5 + [Total(5.0, 0.4)] * 5) == [1] * 5 + [2] * 5
