"""Confidence: the estimated probability that a person's grade lies near the score, and the score's likely range.

The probability is a logistic function of features that make scores uncertain, fitted to how near people's grades came
to out-of-fold scores (Platt 1999, "Probabilistic Outputs for Support Vector Machines").
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
# Evaluations report the error among these most confident scores.
CONFIDENT_SHARE = 0.7
# How much of the judge's gap widens the range.
_GAP_SHARE = 0.25
# Of a score whose answer was masked in part, whatever the rest says.
_MOST_CONFIDENCE_IF_MASKED = 0.5
_RANGE_DEVIATIONS = NormalDist().inv_cdf(0.9)
# Beyond this logit exp() gains nothing and may overflow.
_MAX_LOGIT = 30.0


@dataclass(frozen=True)
class UncertaintyFeatures:
    """What makes a score uncertain, each as a share of the scale (0 to 1).

    `score_sd` is the standard deviation of the score given the probabilities of the levels, `judge_gap` the distance
    between the judge's score and that of the other signals. `midscale` is 0 for a score at either end of the scale and
    1 in the middle.
    """

    score_sd: float
    judge_gap: float
    midscale: float

    @classmethod
    def from_scores(cls, score: float, *, score_sd: float, judge_score: float, other_score: float) -> Self:
        """The features of a score; all arguments are in points of 10."""
        return cls(
            score_sd=score_sd / MAX_SCORE,
            judge_gap=abs(judge_score - other_score) / MAX_SCORE,
            midscale=1 - abs(2 * score / MAX_SCORE - 1),
        )

    @property
    def score_deviation(self) -> float:
        """Standard deviation of the score in points of 10, from the levels' probabilities and the judge's gap."""
        return MAX_SCORE * math.hypot(self.score_sd, _GAP_SHARE * self.judge_gap)


@dataclass(frozen=True)
class ConfidenceWeights:
    """A logistic regression: `intercept` is the logit (natural logarithm) of the confidence if all features are 0.

    The other fields, 0 or more, are subtracted per unit of the feature of the same name.
    """

    intercept: float
    score_sd: float
    judge_gap: float
    midscale: float

    def predict(self, uncertainty: UncertaintyFeatures) -> float:
        """Probability (0 to 1) that a person's grade lies within 1.5 points of 10 of the score."""
        weights = (self.score_sd, self.judge_gap, self.midscale)
        logit = self.intercept - sum(
            weight * feature for weight, feature in zip(weights, astuple(uncertainty), strict=True)
        )
        return 1 / (1 + math.exp(-max(min(logit, _MAX_LOGIT), -_MAX_LOGIT)))


@dataclass(frozen=True)
class ReviewPolicy:
    """Which scores a person reviews: those with a low confidence, and those near the pass mark.

    A confidence under `below` (0 to 1) is low. A score is near the mark within `pass_margin` points of `pass_mark`
    (0 to 10; None if there is no mark).
    """

    below: float = 0.2
    pass_mark: float | None = None
    pass_margin: float = 0.5
    # The share (0 to 1) behind `below`; None if fixed.
    share: float | None = None

    def is_near_pass_mark(self, score: float) -> bool:
        """Whether a score (0 to 10) lies within the margin of the pass mark, both ends included."""
        # Allow for the rounding of the difference.
        return self.pass_mark is not None and abs(score - self.pass_mark) <= self.pass_margin + 1e-9

    def now(self) -> ReviewPolicy:
        """The policy for the next score: this one."""
        return self

    def note(self, confidence: float, *, is_low: bool) -> None:
        """Record the confidence of a score; a fixed policy ignores it."""


class ReviewShare:
    """Sends the share of scores with the lowest confidence to a person, with a bound that adapts to the scores so far.

    The bound is the quantile of the last confidences that has that share below it. A few pseudo-observations, spread
    evenly over 0 to 1, stand in until enough scores are recorded. Deviations from the share so far are corrected over
    the next scores, so that it holds for every few hundred answers, whatever their confidences. Thread-safe.
    """

    _REMEMBERED = 500
    # Number of pseudo-observations.
    _EVEN = 5
    # A deviation is corrected over about this many scores.
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
        even = [(index + 0.5) / self._EVEN for index in range(self._EVEN)]
        # At most twice the share: a correction must not flood reviewers.
        share = min(max(self._share + due / self._CATCH_UP, 0.0), 2 * self._share, 1.0)
        below = _find_bound(sorted(confidences + even), share)
        return ReviewPolicy(below, self._pass_mark, self._pass_margin, self._share)

    def note(self, confidence: float, *, is_low: bool) -> None:
        """Record the confidence (0 to 1) of a score, and whether it was under the bound."""
        with self._lock:
            self._seen.append((confidence, is_low))


def _find_bound(ordered: list[float], share: float) -> float:
    """A bound that has about `share` (0 to 1) of the ascending confidences below it."""
    count = math.ceil(share * len(ordered))
    if count == 0:
        return 0.0
    if count == len(ordered):
        return 1.0
    # Midway to the next higher value, so ties stay together.
    low = ordered[count - 1]
    above = bisect.bisect_right(ordered, low)
    return round((low + (ordered[above] if above < len(ordered) else 1.0)) / 2, 4)


def likely_range(score: float, sd: float) -> tuple[float, float]:
    """The 10 % and 90 % quantiles of a normal distribution around the score, clipped to 0 and 10."""
    reach = _RANGE_DEVIATIONS * sd
    return max(score - reach, 0.0), min(score + reach, MAX_SCORE)


def doubt_masked(confidence: float, masked_share: float) -> float:
    """The confidence (0 to 1) after this share of the content (0 to 1) was masked; unchanged if none was."""
    return min(confidence, _MOST_CONFIDENCE_IF_MASKED) * (1 - masked_share) if masked_share else confidence


def raise_upper_end(score_max: float, masked_share: float) -> float:
    """The upper end of the range (0 to 10) that leaves room for what the masked share of the content may be worth."""
    return score_max + masked_share * (MAX_SCORE - score_max)
