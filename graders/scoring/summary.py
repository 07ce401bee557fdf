"""Computes all figures of a report from the signals of its criteria; plain arithmetic, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vivavoce.rubrics import Rubric

from ..types import Flag, LevelSignals
from . import confidence
from .coefficients import Coefficients
from .confidence import ReviewPolicy
from .probabilities import (
    all_probabilities,
    compute_contributions,
    compute_score,
    score_from_signal,
    score_without_judge,
)

# Points of 10 by which judge and other signals disagree.
_DISAGREEMENT = 5.0


@dataclass(frozen=True)
class Summary:
    """The figures of a report over the criteria that were judged, before rounding.

    `score`, `score_min`, `score_max`, `judge_score` and `other_score` (all signals but the judge) are 0 to 10,
    `coverage` and `confidence` 0 to 1. `confidence_in_nothing` would be the confidence if the score were 0.
    `probabilities` and `contributions` are as in a report.
    """

    probabilities: Mapping[str, tuple[float, ...]]
    score: float
    score_min: float
    score_max: float
    coverage: float
    confidence: float
    confidence_in_nothing: float
    judge_score: float
    other_score: float
    contributions: Mapping[str, float]

    def list_flags(self, review: ReviewPolicy) -> list[Flag]:
        """The flags that follow from these figures under a review policy."""
        flags = [Flag.SIGNALS_DISAGREE] if abs(self.judge_score - self.other_score) >= _DISAGREEMENT else []
        if self.confidence < review.below:
            flags.append(Flag.LOW_CONFIDENCE)
        # The mark is compared with the score that people see.
        if review.is_near_pass_mark(round(self.score, 1)):
            flags.append(Flag.NEAR_PASS_MARK)
        return flags


def compute_summary(
    rubric: Rubric,
    levels: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
    *,
    masked_share: float = 0.0,
) -> Summary:
    """Compute the figures for the criteria in `levels`, which has an entry for each level above the lowest.

    `masked_share` (0 to 1) of the answer's content was masked: the score stands, its range and confidence show doubt.

    Raises ValueError if the confidence of the coefficients is not fitted.
    """
    probabilities = all_probabilities(rubric, levels, coefficients)
    expected = compute_score(rubric, probabilities)
    judge_score = score_from_signal(rubric, levels, coefficients, "judge")
    other_score = score_without_judge(rubric, levels, coefficients)
    uncertainty = confidence.UncertaintyFeatures.from_scores(
        expected.score, score_sd=expected.deviation, judge_score=judge_score, other_score=other_score
    )
    combiner = coefficients.for_question(rubric.question.id)
    low, high = _bound_score(rubric, probabilities, uncertainty.score_deviation)
    return Summary(
        probabilities=probabilities,
        score=expected.score,
        score_min=low,
        score_max=confidence.raise_upper_end(high, masked_share),
        coverage=_compute_coverage(rubric, probabilities),
        confidence=confidence.doubt_masked(combiner.confidence_in(uncertainty), masked_share),
        confidence_in_nothing=confidence.doubt_masked(
            combiner.confidence_in(replace(uncertainty, midscale=0.0)), masked_share
        ),
        judge_score=judge_score,
        other_score=other_score,
        contributions=compute_contributions(rubric, levels, coefficients),
    )


def _bound_score(rubric: Rubric, probabilities: Mapping[str, Sequence[float]], sd: float) -> tuple[float, float]:
    """Bounds of the score (0 to 10): unjudged criteria at their worst and best, judged ones in their likely range."""
    worst, best = dict(probabilities), dict(probabilities)
    for criterion in rubric.criteria:
        if criterion.id not in probabilities:
            lowest = (1.0,) + (0.0,) * (len(criterion.levels) - 1)
            worst[criterion.id], best[criterion.id] = lowest, lowest[::-1]
            # Reaching the highest level of a mistake is the worst case.
            if criterion.kind == "negative":
                worst[criterion.id], best[criterion.id] = lowest[::-1], lowest
    low, _ = confidence.likely_range(compute_score(rubric, worst).score, sd)
    _, high = confidence.likely_range(compute_score(rubric, best).score, sd)
    return low, high


def _compute_coverage(rubric: Rubric, probabilities: Mapping[str, Sequence[float]]) -> float:
    """Share (0 to 1) of the rubric's points, gained or lost, that was judged."""
    # An unjudged gate must lower the coverage, though without points.
    weights = {criterion.id: abs(criterion.points) or 1.0 for criterion in rubric.criteria}
    return sum(weights[name] for name in probabilities) / sum(weights.values())
