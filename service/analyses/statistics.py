"""Figures with their intervals; a figure that is undefined has a reason, and is never 0.

All intervals are 95 % intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

UndefinedReason = Literal["too_few", "no_variance", "no_points", "no_other_question", "no_other_criterion"]
MIN_PAIRS = 3
"""Pairs from which agreement and correlation are computed."""
_QUANTILE = 0.975
_NORMAL = NormalDist().inv_cdf(_QUANTILE)
_RESAMPLES = 1000
# Fixed, so that equal data give equal intervals.
_SEED = 20260101
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A figure with the ends of its interval; all are None if it is undefined, and `undefined` says why.

    A figure may be defined while its interval needs more data.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: UndefinedReason | None = None


def mean_with_interval(values: Sequence[float]) -> Figure:
    """The mean of values and its interval by Student's t distribution (Student 1908); the interval needs two values."""
    if not values:
        return Figure(None, undefined="too_few")
    mean = float(np.mean(values))
    if len(values) < 2:
        return _round(mean)
    reach = find_t_quantile(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return _round(mean, mean - reach, mean + reach)


def correlate(first: Sequence[float], second: Sequence[float]) -> Figure:
    """Pearson's correlation, -1 to 1, with its interval by Fisher's z (1921) from four pairs on."""
    if len(first) < MIN_PAIRS:
        return Figure(None, undefined="too_few")
    if not (_varies(first) and _varies(second)):
        return Figure(None, undefined="no_variance")
    value = float(np.clip(np.corrcoef(first, second)[0, 1], -1.0, 1.0))
    if len(first) < 4 or abs(value) > 1 - 1e-12:
        return _round(value)
    reach = _NORMAL / math.sqrt(len(first) - 3)
    return _round(value, math.tanh(math.atanh(value) - reach), math.tanh(math.atanh(value) + reach))


def weighted_kappa(first: Sequence[int], second: Sequence[int]) -> Figure:
    """Cohen's kappa with quadratic weights (Cohen 1968) of two ratings in whole numbers, -1 to 1.

    The interval has the 2.5 and 97.5 % quantiles of 1,000 resamples (Efron 1979); resamples without any variance are
    left out.
    """
    if len(first) < MIN_PAIRS:
        return Figure(None, undefined="too_few")
    pairs = np.array([first, second], dtype=float)
    if np.ptp(pairs) == 0:
        return Figure(None, undefined="no_variance")
    chosen = np.random.default_rng(_SEED).integers(0, len(first), size=(_RESAMPLES, len(first)))
    resampled = _compute_kappas(pairs[0][chosen], pairs[1][chosen])
    low, high = np.nanquantile(resampled, [1 - _QUANTILE, _QUANTILE])
    return _round(float(_compute_kappas(pairs[:1], pairs[1:])[0]), float(low), float(high))


def find_t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t distribution with 1 degree of freedom or more, right to three digits.

    From three degrees on by the expansion in Abramowitz and Stegun 1964, 26.7.5.
    """
    if degrees == 1:
        return math.tan(math.pi * (_QUANTILE - 0.5))
    if degrees == 2:
        tails = 2 * _QUANTILE - 1
        return tails * math.sqrt(2 / (1 - tails**2))
    z = _NORMAL
    terms: tuple[float, ...] = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / degrees**power for power, term in enumerate(terms, start=1))


def _compute_kappas(first: Floats, second: Floats) -> Floats:
    """Kappa of each row; NaN where nothing varies."""
    observed = ((first - second) ** 2).mean(axis=1)
    by_chance = first.var(axis=1) + second.var(axis=1) + (first.mean(axis=1) - second.mean(axis=1)) ** 2
    kappas: Floats = 1 - np.divide(observed, by_chance, out=np.full_like(observed, np.nan), where=by_chance > 0)
    return kappas


def _varies(values: Sequence[float]) -> bool:
    return float(np.ptp(values)) > 1e-9


def _round(value: float, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(round(value, 4), None if low is None else round(low, 4), None if high is None else round(high, 4))
