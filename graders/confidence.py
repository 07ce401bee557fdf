"""How sure a score is.

The figures follow from the probabilities of the levels and from how far the signals are apart. They
rank answers by doubt; their calibration against people's grades is still to be measured.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from .types import MAX_SCORE

WITHIN_POINTS = 1.5
# Share of the gap between the judge and the other signals that counts as doubt.
_GAP_SHARE = 0.25
_RANGE_DEVIATIONS = NormalDist().inv_cdf(0.9)


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
