from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import studentized_range

from vivavoce.service.candidates.tiers import Total, assign_tiers, find_margin

COHORTS = 1000


def test_two_candidates_need_the_distance_of_a_single_test() -> None:
    assert find_margin(2) == pytest.approx(1.96, abs=0.001)
    # Tukey's studentised range, which is for parting any two, asks for more.
    assert find_margin(20) < studentized_range.ppf(0.95, 20, np.inf) / np.sqrt(2)


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


def _share_of_parted(group_of: list[int], *, too_narrow: float = 1.0) -> float:
    """The share of 1,000 cohorts in which equal candidates, those of one group, get different tiers.

    There are six questions, and scores err as their ranges say, or by a factor more. Groups are six points apart.
    """
    generator = np.random.default_rng(2026)
    groups = np.array(group_of)
    parted = 0
    for _ in range(COHORTS):
        deviations = generator.uniform(0.4, 2.0, (len(groups), 6))
        scores = 6.0 * groups[:, None] + generator.normal(0, too_narrow * deviations)
        spread = np.sqrt((deviations**2).sum(axis=1)) / 6
        totals = [Total(float(mean), float(sd)) for mean, sd in zip(scores.mean(axis=1), spread, strict=True)]
        tiers = np.array(assign_tiers(totals))
        parted += any(np.ptp(tiers[groups == group]) > 0 for group in np.unique(groups))
    return parted / COHORTS


def test_two_equal_candidates_are_parted_in_at_most_five_of_a_hundred_cohorts() -> None:
    assert _share_of_parted([0, 0, *range(1, 19)]) <= 0.05


def test_neither_are_any_two_if_all_are_equal_or_equal_in_pairs() -> None:
    assert _share_of_parted([0] * 20) <= 0.05
    # The hardest case is at the bound, give or take the chance of 1,000 cohorts.
    in_pairs = _share_of_parted([index // 2 for index in range(20)])
    assert 0.02 < in_pairs <= 0.065


def test_different_candidates_are_told_apart() -> None:
    assert assign_tiers([Total(8.5, 0.4)] * 5 + [Total(5.0, 0.4)] * 5) == [1] * 5 + [2] * 5
