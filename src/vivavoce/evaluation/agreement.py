"""Figures for how well scores agree with people's grades, each with its source.

Scores are shares of the maximum, 0 to 1: one by a person and one by the machine for each answer. A figure that is
undefined (too few answers, or nothing that varies) is None, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.metrics import root_mean_squared_error

Scores = Sequence[float] | npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
# Grades are rarely finer than tenths.
_BINS = 10
_RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """The ends of a 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """`count` answers with similar predictions: the means of the predictions and of the observations, 0 to 1."""

    said: float
    came: float
    count: int


def pearson(human: Scores, machine: Scores) -> float | None:
    """Pearson's correlation, -1 to 1; None when either side does not vary."""
    # scipy.stats.pearsonr adds a p-value, too slow for 2,000 resamples.
    return float(np.corrcoef(human, machine)[0, 1]) if _both_vary(human, machine) else None


def spearman(human: Scores, machine: Scores) -> float | None:
    """Spearman's rank correlation, -1 to 1; ties share their mean rank. None when either side does not vary."""
    return float(spearmanr(human, machine).statistic) if _both_vary(human, machine) else None


def within_question(human: Scores, machine: Scores, questions: Sequence[Hashable]) -> float | None:
    """Pearson's correlation of the deviations from each question's mean, pooled over the questions, -1 to 1.

    A machine that only knows which questions are hard gets 0. Questions with a single answer are left out. Source: the
    pooled within-group correlation, as in Snedecor and Cochran, Statistical Methods.
    """
    _, group = np.unique(np.asarray([str(question) for question in questions]), return_inverse=True)
    count = np.bincount(group)

    def subtract_means(scores: Scores) -> Floats:
        values = np.asarray(scores, dtype=float)
        return values - (np.bincount(group, weights=values) / count)[group] if len(values) else values

    # A single answer is its question's mean.
    compared = count[group] > 1 if len(group) else np.zeros(0, dtype=bool)
    return pearson(subtract_means(human)[compared], subtract_means(machine)[compared])


def rmse(human: Scores, machine: Scores) -> float | None:
    """Root mean squared error, 0 to 1; None for no answers."""
    return float(root_mean_squared_error(human, machine)) if len(human) else None


def weighted_rmse(human: Scores, machine: Scores, *, bins: int = _BINS) -> float | None:
    """Root mean squared error in which every tenth of the human scale that has answers weighs the same, 0 to 1.

    Giving full marks to everyone is thus no good answer to a set of mostly full marks. None for no answers. Source: the
    weighting of ASAG2024 (Meyer, Breuer and Fürst 2024), where answers weigh by how rare grades like theirs are.
    """
    if not len(human):
        return None
    tenths = score_bins(human, bins=bins)
    return math.sqrt(np.average(_subtract(human, machine) ** 2, weights=1 / np.bincount(tenths)[tenths]))


def score_bins(scores: Scores, *, bins: int = _BINS) -> Indices:
    """The index (0 to bins - 1) of the equal part of the scale in which each score (0 to 1) lies: shape (n,)."""
    # 0.3 * 10 is a little below 3 in floating point.
    indices: Indices = np.minimum((np.asarray(scores, dtype=float) * bins + 1e-9).astype(int), bins - 1)
    return indices


def quadratic_weighted_kappa(human: Scores, machine: Scores, *, levels: int) -> float | None:
    """Cohen's kappa with quadratic weights (Cohen 1968) on a scale of `levels` equal steps, -1 to 1.

    Chance would leave a mean squared difference of both variances plus the squared difference of the means, so the
    table of grades need not be counted. None when all grades of both sides are the same.
    """
    # The same as scikit-learn's cohen_kappa_score, which is too slow for 2,000 resamples.
    first, second = (np.rint(np.asarray(scores, dtype=float) * (levels - 1)) for scores in (human, machine))
    if not len(first) or len(np.union1d(first, second)) < 2:
        return None
    by_chance = first.var() + second.var() + (first.mean() - second.mean()) ** 2
    return float(1 - ((first - second) ** 2).mean() / by_chance)


def bias(human: Scores, machine: Scores) -> float | None:
    """Mean of machine minus human, -1 to 1: above 0 the machine is the more lenient. None for no answers."""
    return float(np.mean(-_subtract(human, machine))) if len(human) else None


def calibration_bins(predicted: Scores, observed: Scores, *, bins: int = _BINS) -> list[Bin]:
    """Bins of `predicted` beside `observed`, both of shape (n,): min(bins, n) bins, the lowest predictions first.

    Bins hold the same number of answers, give or take one (equal mass, as in Nguyen and O'Connor 2015). Of equal
    predictions, the first given go into the lower bin.
    """
    # scikit-learn's calibration_curve takes only outcomes of 0 or 1; grades lie between.
    order = np.argsort(np.asarray(predicted, dtype=float), kind="stable")
    parts = np.array_split(order, min(bins, len(order))) if len(order) else []
    return [
        Bin(float(np.mean(np.asarray(predicted)[part])), float(np.mean(np.asarray(observed)[part])), len(part))
        for part in parts
    ]


def calibration_error(predicted: Scores, observed: Scores, *, bins: int = _BINS) -> float | None:
    """Mean distance between prediction and observation over `calibration_bins`, by their counts, 0 to 1.

    With probabilities and outcomes (0 or 1) this is the expected calibration error (Naeini, Cooper and Hauskrecht
    2015), with bins of equal mass. None for no answers.
    """
    if not len(predicted):
        return None
    binned = calibration_bins(predicted, observed, bins=bins)
    return sum(abs(part.said - part.came) * part.count for part in binned) / len(predicted)


def risk_coverage(human: Scores, machine: Scores, confidence: Scores) -> Floats:
    """RMSE (0 to 1) among the k most confident answers, for k = 1 to n: shape (n,), like all arguments.

    Only the order of the confidences matters, not their unit. Answers with equal confidence each count with their mean
    squared error, the expectation over their possible orders, so the order in which answers are given changes nothing.
    Source: the risk-coverage curve of El-Yaniv and Wiener 2010, On the Foundations of Noise-free Selective
    Classification; the risk here is the root mean squared error.
    """
    squares = _subtract(human, machine) ** 2
    doubt = -np.asarray(confidence, dtype=float)
    # By error, too: sums in another order differ in the last digits.
    order = np.lexsort((squares, doubt))
    _, tied, count = np.unique(doubt[order], return_inverse=True, return_counts=True)
    expected = (np.bincount(tied, weights=squares[order]) / count)[tied]
    curve: Floats = np.sqrt(np.cumsum(expected) / np.arange(1, len(order) + 1))
    return curve


def rmse_of_most_confident(human: Scores, machine: Scores, confidence: Scores, *, share: float) -> float | None:
    """RMSE (0 to 1) among the most confident answers that make up `share` of all: a point of `risk_coverage`.

    A fraction of an answer counts as a whole one. None for no answers. Raises ValueError unless 0 < share <= 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} is not above 0 and at most 1")
    curve = risk_coverage(human, machine, confidence)
    # .07 of 100 is a little more than 7 in floating point.
    return float(curve[max(math.ceil(share * len(curve) - 1e-9), 1) - 1]) if len(curve) else None


def bootstrap(figure: Callable[[Indices], float | None], count: int, *, seed: int) -> Interval | None:
    """The 95 % interval of a figure of `count` answers; `figure` is called with the indices that were drawn.

    Source: the percentile bootstrap (Efron 1979), 2,000 resamples, the same for the same seed. Resamples for which the
    figure is undefined are left out; None when they are more than half.
    """
    generator = np.random.default_rng(seed)
    # scipy.stats.bootstrap has no interval if a single resample is undefined.
    values = [figure(generator.integers(0, count, count)) for _ in range(_RESAMPLES)] if count else []
    defined = [value for value in values if value is not None]
    if len(defined) * 2 <= len(values):
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(float(low), float(high))


def _subtract(human: Scores, machine: Scores) -> Floats:
    differences: Floats = np.asarray(human, dtype=float) - np.asarray(machine, dtype=float)
    return differences


def _both_vary(first: Scores, second: Scores) -> bool:
    # Equal numbers may differ in their last digits.
    return len(first) > 1 and all(float(np.ptp(np.asarray(scores, dtype=float))) > 1e-9 for scores in (first, second))
