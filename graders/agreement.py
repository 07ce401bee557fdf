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


def pearson(human: Scores, machine: Scores) -> float | None:
    """Pearson's correlation, -1 to 1."""
    from scipy.stats import pearsonr

    return float(pearsonr(human, machine).statistic) if _both_vary(human, machine) else None


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
    at = np.minimum((np.asarray(human, dtype=float) * bins + 1e-9).astype(int), bins - 1)
    return math.sqrt(np.mean([squares[at == one].mean() for one in np.unique(at)]))


def quadratic_weighted_kappa(human: Scores, machine: Scores, *, levels: int) -> float | None:
    """Agreement beyond chance on a scale of `levels` equal steps, -1 to 1, far misses counting by their square.

    Source: Cohen 1968. None when all grades of both are the same one.
    """
    from sklearn.metrics import cohen_kappa_score

    first, second = (np.rint(np.asarray(scores, dtype=float) * (levels - 1)).astype(int) for scores in (human, machine))
    if not len(first) or len(np.union1d(first, second)) < 2:
        return None
    return float(cohen_kappa_score(first, second, weights="quadratic", labels=range(levels)))


def bias(human: Scores, machine: Scores) -> float | None:
    """Mean of machine less human, -1 to 1: above 0 the machine is the milder."""
    return float(np.mean(-_differences(human, machine))) if len(human) else None


def calibration_error(said: Scores, came: Scores, *, bins: int = _BINS) -> float | None:
    """How far what was said lies from what came, 0 to 1: the mean over bins of |mean said - mean came|.

    Bins hold equally many answers, by what was said. With probabilities and outcomes (0 or 1) this is the expected
    calibration error (Naeini, Cooper and Hauskrecht 2015; bins of equal mass as in Nguyen and O'Connor 2015).
    """
    if not len(said):
        return None
    order = np.argsort(np.asarray(said, dtype=float), kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [abs(np.mean(np.asarray(said)[part]) - np.mean(np.asarray(came)[part])) * len(part) for part in parts]
    return float(sum(gaps) / len(order))


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
