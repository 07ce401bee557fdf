"""How sure a score is.

The figures follow from the probabilities of the levels and from how far the signals are apart. They
rank answers by doubt; their calibration against people's grades is still to be measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from .types import MAX_SCORE

WITHIN_POINTS = 1.5
# Share of the gap between the judge and the other signals that counts as doubt.
_GAP_SHARE = 0.25
_RANGE_DEVIATIONS = NormalDist().inv_cdf(0.9)


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


def spread(*, deviation: float, judge_score: float, other_score: float) -> float:
    """Standard deviation of the score, 0 to 10, from the levels' probabilities and the signals' gap."""
    return math.hypot(deviation, _GAP_SHARE * (judge_score - other_score))


def confidence(sd: float) -> float:
    """Probability (0 to 1) that a normal error of that standard deviation stays within 1.5 of 10."""
    if sd <= 0:
        return 1.0
    return 2 * NormalDist(sigma=sd).cdf(WITHIN_POINTS) - 1


def likely_range(score: float, sd: float) -> tuple[float, float]:
    """The 10 % and 90 % points of the score, kept within 0 and 10."""
    reach = _RANGE_DEVIATIONS * sd
    return max(score - reach, 0.0), min(score + reach, MAX_SCORE)
