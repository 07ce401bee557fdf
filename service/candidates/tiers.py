"""Tiers: candidates whose totals may be equal share one, so that a difference between tiers is never chance alone.

A tier ends only where everybody above it differs from everybody below: where each of these pairs lies further apart
than a two-sided test at the level 2 · `error_share` / n allows, for n candidates. Then the share of cohorts in which
any two equal candidates are parted is at most `error_share`. For let g candidates be equal, in a circle. If a tier ends
between some of them, then so it does between at least two of the g neighbours in the circle (between the only two, if g
is 2), and these differ. By Markov's inequality the probability is at most g / 2 times the level, and by Bonferroni's
the sum over all groups of equals is at most n / 2 times the level (Bonferroni 1936, "Teoria statistica delle classi e
calcolo delle probabilità").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

ERROR_SHARE = 0.05
"""Share of cohorts in which any two candidates who are equal may be put into different tiers."""
# Equal totals may differ in their last digits.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Total:
    """A total (0 to 10) and its standard deviation, in points of 10."""

    mean: float
    deviation: float


def assign_tiers(totals: Sequence[Total], *, error_share: float = ERROR_SHARE) -> list[int]:
    """Returns the tier of each total, from 1 for the highest.

    Differences of totals are taken as normal, with the sum of both variances. If all deviations are right, then in a
    share of at most `error_share` (above 0, below 1) of the cohorts any two of equal expectation get different tiers.
    """
    if not totals:
        return []
    order = sorted(range(len(totals)), key=lambda index: -totals[index].mean)
    means = np.array([totals[index].mean for index in order])
    variances = np.array([totals[index].deviation ** 2 for index in order])
    margin = find_margin(len(totals), error_share)
    tiers = [0] * len(totals)
    tier, furthest = 1, 0
    for place, index in enumerate(order):
        if place > furthest:
            tier += 1
        tiers[index] = tier
        reach = margin * np.sqrt(variances[place] + variances[place:]) + _ROUNDING
        alike = np.flatnonzero(means[place] - means[place:] <= reach)
        furthest = max(furthest, place + int(alike[-1]))
    return tiers


def find_margin(count: int, error_share: float = ERROR_SHARE) -> float:
    """The number of standard deviations of their difference by which two of `count` totals must differ."""
    return NormalDist().inv_cdf(1 - error_share / max(count, 2))
