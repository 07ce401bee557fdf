"""How sure a score is: how probable it is that a person's grade lies near it, and between what bounds.

The probability is a logistic curve over what makes scores doubtful, fitted to how near people's grades came to scores
that were given without knowing them (Platt 1999, "Probabilistic Outputs for Support Vector Machines").
"""

from __future__ import annotations

import bisect
import math
import threading
from collections import deque
from dataclasses import astuple, dataclass
from statistics import NormalDist
from typing import Self

from ..types import MAX_SCORE

WITHIN_POINTS = 1.5
# What confidence is worth is told by the error among so many that are most confident.
CONFIDENT_SHARE = 0.7
# Share of the gap between the judge and the other signals that widens the likely range.
_GAP_SHARE = 0.25
_RANGE_DEVIATIONS = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True)
class UncertaintyFeatures:
    """What makes a score doubtful, in shares of the scale (0 to 1).

    `score_sd` is the standard deviation of the score given the probabilities of the levels, `judge_gap` the distance
    between the judge's score and that of the other signals, `midscale` how near the score is to the middle of the
    scale: 0 at either end, 1 in the middle.
    """

    score_sd: float
    judge_gap: float
    midscale: float

    @classmethod
    def from_scores(cls, score: float, *, score_sd: float, judge_score: float, other_score: float) -> Self:
        """From figures in points of 10."""
        return cls(
            score_sd=score_sd / MAX_SCORE,
            judge_gap=abs(judge_score - other_score) / MAX_SCORE,
            midscale=1 - abs(2 * score / MAX_SCORE - 1),
        )

    @property
    def score_deviation(self) -> float:
        """Standard deviation of the score in points of 10, from the levels' probabilities and the signals' gap."""
        return MAX_SCORE * math.hypot(self.score_sd, _GAP_SHARE * self.judge_gap)


@dataclass(frozen=True)
class ConfidenceWeights:
    """The logit of the confidence without any doubt, and what a doubt of 1 takes off it, 0 or more."""

    intercept: float
    score_sd: float
    judge_gap: float
    midscale: float

    def predict(self, uncertainty: UncertaintyFeatures) -> float:
        """Probability (0 to 1) that a person's grade lies within 1.5 of 10 of the score."""
        weights = (self.score_sd, self.judge_gap, self.midscale)
        logit = self.intercept - sum(
            weight * doubt for weight, doubt in zip(weights, astuple(uncertainty), strict=True)
        )
        return 1 / (1 + math.exp(-max(min(logit, 30.0), -30.0)))


@dataclass(frozen=True)
class ReviewPolicy:
    """Which scores go to a person for doubt.

    Those with a confidence under `below` (0 to 1), and those within `pass_margin` points of `pass_mark` (0 to 10; None
    when nothing hangs on a mark).
    """

    below: float = 0.2
    pass_mark: float | None = None
    pass_margin: float = 0.5
    # The share (0 to 1) that `below` was chosen for, None for a bound that was set.
    share: float | None = None

    def is_near_pass_mark(self, score: float) -> bool:
        """Whether a score is so near the mark that the margin may decide."""
        # Scores have one decimal; the margin's own end still counts as near.
        return self.pass_mark is not None and abs(score - self.pass_mark) <= self.pass_margin + 1e-9

    def now(self) -> ReviewPolicy:
        """The policy for the next score."""
        return self

    def note(self, confidence: float, *, is_low: bool) -> None:
        """Hear of the confidence of a score and whether it was too low; this policy stays as it is."""


class ReviewShare:
    """Sends a share of the scores to a person, those of the lowest confidence: a policy that moves with what it saw.

    The bound is the quantile of the last confidences that has that share below it. Before any is seen they are taken to
    be spread evenly over 0 to 1, which counts as much as a few scores. What was sent too much or too little so far is
    made up for, so that the share holds for every set of some hundred answers, whatever its confidences. Safe to use
    from several threads.
    """

    _REMEMBERED = 500
    _EVEN = 5
    # Within so many scores a share that is off is brought back.
    _CATCH_UP = 30

    def __init__(self, share: float, *, pass_mark: float | None = None, pass_margin: float = 0.5) -> None:
        self._share = share
        self._pass_mark = pass_mark
        self._pass_margin = pass_margin
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, bool]] = deque(maxlen=self._REMEMBERED)

    def now(self) -> ReviewPolicy:
        """The policy for the next score."""
        with self._lock:
            due = self._share * len(self._seen) - sum(is_low for _, is_low in self._seen)
            confidences = [confidence for confidence, _ in self._seen]
        even = [(place + 0.5) / self._EVEN for place in range(self._EVEN)]
        ordered = sorted(confidences + even)
        share = min(max(self._share + due / self._CATCH_UP, 0.0), 2 * self._share, 1.0)
        place = math.ceil(share * len(ordered))
        if 0 < place < len(ordered):
            # Midway between the last one that would be sent and the next that is surer.
            low = ordered[place - 1]
            above = bisect.bisect_right(ordered, low)
            below = round((low + (ordered[above] if above < len(ordered) else 1.0)) / 2, 4)
        else:
            below = 1.0 if place else 0.0
        return ReviewPolicy(below, self._pass_mark, self._pass_margin, self._share)

    def note(self, confidence: float, *, is_low: bool) -> None:
        """Hear of the confidence of a score and whether it was too low."""
        with self._lock:
            self._seen.append((confidence, is_low))


def likely_range(score: float, sd: float) -> tuple[float, float]:
    """The 10 % and 90 % points of the score, kept within 0 and 10."""
    reach = _RANGE_DEVIATIONS * sd
    return max(score - reach, 0.0), min(score + reach, MAX_SCORE)
