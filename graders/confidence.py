"""How sure a score is: how probable it is that a person's grade lies near it, and between what bounds.

The probability is a logistic curve over what makes scores doubtful, fitted to how near people's grades came to scores
that were given without knowing them (Platt 1999, "Probabilistic Outputs for Support Vector Machines").
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from statistics import NormalDist
from typing import Self

from .types import MAX_SCORE

WITHIN_POINTS = 1.5
# What confidence is worth is told by the error among so many that are most confident.
CONFIDENT_SHARE = 0.7
# Share of the gap between the judge and the other signals that widens the likely range.
_GAP_SHARE = 0.25
_RANGE_DEVIATIONS = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True)
class Doubts:
    """What makes a score doubtful, in shares of the scale (0 to 1).

    `deviation` is the standard deviation that the probabilities of the levels leave it, `gap` how far apart the judge
    alone and the other signals are, and `middle` how near it lies to the middle of the scale: 0 at either end, 1 there.
    """

    deviation: float
    gap: float
    middle: float

    @classmethod
    def of(cls, score: float, *, deviation: float, judge_score: float, other_score: float) -> Self:
        """From figures in points of 10."""
        return cls(
            deviation=deviation / MAX_SCORE,
            gap=abs(judge_score - other_score) / MAX_SCORE,
            middle=1 - abs(2 * score / MAX_SCORE - 1),
        )

    @property
    def spread(self) -> float:
        """Standard deviation of the score in points of 10, from the levels' probabilities and the signals' gap."""
        return MAX_SCORE * math.hypot(self.deviation, _GAP_SHARE * self.gap)


@dataclass(frozen=True)
class ConfidenceWeights:
    """The logit of the confidence without any doubt, and what a doubt of 1 takes off it, 0 or more."""

    intercept: float
    deviation: float
    gap: float
    middle: float

    def of(self, doubts: Doubts) -> float:
        """Probability (0 to 1) that a person's grade lies within 1.5 of 10 of the score."""
        weights = (self.deviation, self.gap, self.middle)
        logit = self.intercept - sum(weight * doubt for weight, doubt in zip(weights, astuple(doubts), strict=True))
        return 1 / (1 + math.exp(-max(min(logit, 30.0), -30.0)))


@dataclass(frozen=True)
class ReviewPolicy:
    """Which scores go to a person for doubt.

    Those with a confidence under `below` (0 to 1), and those within `pass_margin` points of `pass_mark` (0 to 10; None
    when nothing hangs on a mark).
    """

    below: float = 0.45
    pass_mark: float | None = None
    pass_margin: float = 0.5

    def is_near_pass_mark(self, score: float) -> bool:
        """Whether a score is so near the mark that the margin may decide."""
        # Scores have one decimal; the margin's own end still counts as near.
        return self.pass_mark is not None and abs(score - self.pass_mark) <= self.pass_margin + 1e-9


def likely_range(score: float, sd: float) -> tuple[float, float]:
    """The 10 % and 90 % points of the score, kept within 0 and 10."""
    reach = _RANGE_DEVIATIONS * sd
    return max(score - reach, 0.0), min(score + reach, MAX_SCORE)
