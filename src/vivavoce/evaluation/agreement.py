"""How well scores agree with people's: the figures that `viva bench` prints, each with its source.

Scores are shares of the maximum, 0 to 1, one of a person and one of a machine for each answer. A figure that is
undefined on what it is given (too few answers, nothing that varies) is None, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = Sequence[float] | npt.NDArray[np.float64]
# Grades are seldom finer than tenths, and a bin needs answers to have a mean.
_BINS = 10
_RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A range that holds the figure in 95 of 100 samples like this one."""

    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """`count` answers of about the same score: the means of what was said and of what came, 0 to 1."""

    said: float
    came: float
    count: int


def pearson(human: Scores, machine: Scores) -> float | None:
    """Pearson's correlation, -1 to 1."""
    return float(np.corrcoef(human, machine)[0, 1]) if _both_vary(human, machine) else None


def spearman(human: Scores, machine: Scores) -> float | None:
    """Spearman's rank correlation, -1 to 1; ties share their mean rank."""
    from scipy.stats import spearmanr

    return float(spearmanr(human, machine).statistic) if _both_vary(human, machine) else None


def within_question(human: Scores, machine: Scores, questions: Sequence[Hashable]) -> float | None:
    """Pearson's correlation of what is left when each question's own mean is taken off, pooled over questions.

    A machine that only knows which questions are hard has 0 here. Source: the pooled within-group correlation, as in
    Snedecor and Cochran, Statistical Methods.
    """
    _, group = np.unique(np.asarray([str(question) for question in questions]), return_inverse=True)
    count = np.bincount(group)

    def centred(scores: Scores) -> npt.NDArray[np.float64]:
        values = np.asarray(scores, dtype=float)
        return values - (np.bincount(group, weights=values) / count)[group] if len(values) else values

    kept = count[group] > 1 if len(group) else np.zeros(0, dtype=bool)
    return pearson(centred(human)[kept], centred(machine)[kept])


def rmse(human: Scores, machine: Scores) -> float | None:
    """Root of the mean squared difference, 0 to 1."""
    return math.sqrt(np.mean(_differences(human, machine) ** 2)) if len(human) else None


def weighted_rmse(human: Scores, machine: Scores, *, bins: int = _BINS) -> float | None:
    """The same with every tenth of the human scale weighing as much as any other that has answers, 0 to 1.

    A set of mostly full marks is not won by giving full marks. Source: the weighting of ASAG2024 (Meyer, Breuer and
    Fürst 2024), where answers weigh by how seldom grades like theirs are.
    """
    if not len(human):
        return None
    squares = _differences(human, machine) ** 2
    at = score_bins(human, bins=bins)
    return math.sqrt(np.mean([squares[at == one].mean() for one in np.unique(at)]))


def score_bins(scores: Scores, *, bins: int = _BINS) -> npt.NDArray[np.intp]:
    """Which of so many equal parts of the scale each score (0 to 1) lies in, from 0: shape (n,)."""
    found: npt.NDArray[np.intp] = np.minimum((np.asarray(scores, dtype=float) * bins + 1e-9).astype(int), bins - 1)
    return found


def quadratic_weighted_kappa(human: Scores, machine: Scores, *, levels: int) -> float | None:
    """Agreement beyond chance on a scale of `levels` equal steps, -1 to 1, far misses counting by their square.

    Source: Cohen 1968. The table of grades need not be counted: the mean squared difference that chance would leave is
    both variances and the squared difference of the means. None when all grades of both are the same one.
    """
    first, second = (np.rint(np.asarray(scores, dtype=float) * (levels - 1)) for scores in (human, machine))
    if not len(first) or len(np.union1d(first, second)) < 2:
        return None
    by_chance = first.var() + second.var() + (first.mean() - second.mean()) ** 2
    return float(1 - ((first - second) ** 2).mean() / by_chance)


def bias(human: Scores, machine: Scores) -> float | None:
    """Mean of machine less human, -1 to 1: above 0 the machine is the milder."""
    return float(np.mean(-_differences(human, machine))) if len(human) else None


def calibration_bins(said: Scores, came: Scores, *, bins: int = _BINS) -> list[Bin]:
    """What was said beside what came, for `said` and `came` of shape (n,): min(bins, n) bins, the lowest said first.

    Bins hold equally many answers, to one, by what was said (equal mass, as in Nguyen and O'Connor 2015). Of answers
    about which the same was said, those that are given first come into the lower bin. No answers have no bins.
    """
    order = np.argsort(np.asarray(said, dtype=float), kind="stable")
    parts = np.array_split(order, min(bins, len(order))) if len(order) else []
    return [
        Bin(float(np.mean(np.asarray(said)[part])), float(np.mean(np.asarray(came)[part])), len(part)) for part in parts
    ]


def calibration_error(said: Scores, came: Scores, *, bins: int = _BINS) -> float | None:
    """How far what was said lies from what came, 0 to 1: the mean over `calibration_bins` of |mean said - mean came|.

    With probabilities and outcomes (0 or 1) this is the expected calibration error (Naeini, Cooper and Hauskrecht
    2015), with bins of equal mass.
    """
    if not len(said):
        return None
    return sum(abs(one.said - one.came) * one.count for one in calibration_bins(said, came, bins=bins)) / len(said)


def risk_coverage(human: Scores, machine: Scores, confidence: Scores) -> npt.NDArray[np.float64]:
    """RMSE, 0 to 1, among the k most confident answers, for k = 1 to n: shape (n,), as are all that it is given.

    Only the order of the confidences counts, not their unit. Each of several answers with the same confidence has the
    mean squared error of all of them, which is what to expect when chance says who is first; so the order in which
    answers are given changes nothing. No answers have an empty curve. Source: the risk-coverage curve of El-Yaniv and
    Wiener 2010, On the Foundations of Noise-free Selective Classification; the risk here is the root of the mean
    squared error.
    """
    squares = _differences(human, machine) ** 2
    doubt = -np.asarray(confidence, dtype=float)
    # By error, too: a sum in another order would differ in its last digits.
    order = np.lexsort((squares, doubt))
    _, tied, count = np.unique(doubt[order], return_inverse=True, return_counts=True)
    expected = (np.bincount(tied, weights=squares[order]) / count)[tied]
    curve: npt.NDArray[np.float64] = np.sqrt(np.cumsum(expected) / np.arange(1, len(order) + 1))
    return curve


def rmse_of_most_confident(human: Scores, machine: Scores, confidence: Scores, *, share: float) -> float | None:
    """RMSE, 0 to 1, among the most confident answers that make up `share` of all: a point of `risk_coverage`.

    The share is above 0 and at most 1, else ValueError is raised; a part of an answer is rounded up to the whole. None
    for no answers.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} is not above 0 and at most 1")
    curve = risk_coverage(human, machine, confidence)
    # .07 of 100 is a little more than 7 in floating point.
    return float(curve[max(math.ceil(share * len(curve) - 1e-9), 1) - 1]) if len(curve) else None


def bootstrap(figure: Callable[[npt.NDArray[np.intp]], float | None], count: int, *, seed: int) -> Interval | None:
    """The interval of a figure of `count` answers, which is given the indices of those drawn.

    Source: the percentile bootstrap (Efron 1979), 2,000 resamples, the same for the same seed. None when the figure is
    undefined on more than half of them.
    """
    chance = np.random.default_rng(seed)
    found = [figure(chance.integers(0, count, count)) for _ in range(_RESAMPLES)] if count else []
    defined = [value for value in found if value is not None]
    if len(defined) * 2 <= len(found):
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(float(low), float(high))


def _differences(human: Scores, machine: Scores) -> npt.NDArray[np.float64]:
    difference: npt.NDArray[np.float64] = np.asarray(human, dtype=float) - np.asarray(machine, dtype=float)
    return difference


def _both_vary(first: Scores, second: Scores) -> bool:
    # Rounding makes numbers that are the same differ in their last digits.
    return len(first) > 1 and all(float(np.ptp(np.asarray(scores, dtype=float))) > 1e-9 for scores in (first, second))
