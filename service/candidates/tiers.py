"""Tiers: candidates whose totals may be equal share one, so that a difference between tiers is never chance alone.

Two candidates differ if their totals lie further apart than the pairwise intervals of Tukey and Kramer allow, which
hold for all pairs at once (Tukey 1953, "The Problem of Multiple Comparisons"; Kramer 1956, "Extension of Multiple Range
Tests to Group Means with Unequal Numbers of Replications"; Hayter 1984, "A Proof of the Conjecture that the
Tukey-Kramer Multiple Comparisons Procedure is Conservative", for unequal variances). A tier ends only where everybody
above it differs from everybody below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

ERROR_SHARE = 0.05
"""Share of cohorts in which any two candidates who are equal may be put into different tiers."""
# Steps of the integral; four digits of the quantile are right.
_STEPS = 400
_REACH = 8.0
# Equal totals may differ in their last digits.
_ROUNDING = 1e-9
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Total:
    """A total (0 to 10) and its standard deviation, in points of 10."""

    mean: float
    deviation: float


def assign_tiers(totals: Sequence[Total], *, error_share: float = ERROR_SHARE) -> list[int]:
    """Returns the tier of each total, from 1 for the highest.

    Totals are taken as normal and independent of each other. If all deviations are right, then in a share of at most
    `error_share` (above 0, below 1) of the cohorts any two of equal expectation get different tiers.
    """
    if not totals:
        return []
    order = sorted(range(len(totals)), key=lambda index: -totals[index].mean)
    means = np.array([totals[index].mean for index in order])
    variances = np.array([totals[index].deviation ** 2 for index in order])
    factor = find_range_quantile(len(totals), error_share) / math.sqrt(2)
    tiers = [0] * len(totals)
    tier, furthest = 1, 0
    for place, index in enumerate(order):
        if place > furthest:
            tier += 1
        tiers[index] = tier
        margins = factor * np.sqrt(variances[place] + variances[place:]) + _ROUNDING
        alike = np.flatnonzero(means[place] - means[place:] <= margins)
        furthest = max(furthest, place + int(alike[-1]))
    return tiers


@lru_cache(maxsize=256)
def find_range_quantile(count: int, error_share: float) -> float:
    """The value that the range of `count` independent standard normal values exceeds with this probability.

    This is the studentised range with known variances, by bisection; 0 for a single value.
    """
    if count < 2:
        return 0.0
    low, high = 0.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        if _probability_of_range(middle, count) < 1 - error_share:
            low = middle
        else:
            high = middle
    return high


def _probability_of_range(width: float, count: int) -> float:
    """The probability that `count` standard normal values lie within `width` of each other (midpoint rule)."""
    step = 2 * _REACH / _STEPS
    highest = (-_REACH + step * (index + 0.5) for index in range(_STEPS))
    return (
        count
        * step
        * sum(
            _NORMAL.pdf(value) * (_NORMAL.cdf(value) - _NORMAL.cdf(value - width)) ** (count - 1) for value in highest
        )
    )
