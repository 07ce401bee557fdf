"""All figures of a report from the signals of its criteria: arithmetic, and no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vivavoce.rubrics import Rubric

from ..types import Flag, LevelSignals
from . import confidence
from .coefficients import Coefficients
from .confidence import ReviewPolicy
from .probabilities import all_probabilities, contributions, score_of, score_without_judge, total

# The signals disagree when judge and overlap are this many points of 10 apart.
_DISAGREEMENT = 5.0


@dataclass(frozen=True)
class Summary:
    """Score, range and the rest over the criteria that were judged; points are of 10, before rounding.

    `probabilities` and `contributions` are as in a report. `confidence_in_nothing` would be the confidence if the score
    were 0 after all.
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
        """The flags that follow from these figures."""
        found = [Flag.SIGNALS_DISAGREE] if abs(self.judge_score - self.other_score) >= _DISAGREEMENT else []
        if self.confidence < review.below:
            found.append(Flag.LOW_CONFIDENCE)
        if review.is_near_pass_mark(round(self.score, 1)):
            found.append(Flag.NEAR_PASS_MARK)
        return found


def summarise(rubric: Rubric, levels: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients) -> Summary:
    """The figures for the criteria in `levels`, which has an entry for each level of one above its lowest."""
    probabilities = all_probabilities(rubric, levels, coefficients)
    summed = total(rubric, probabilities)
    judge_score = score_of(rubric, levels, coefficients, "judge")
    other_score = score_without_judge(rubric, levels, coefficients)
    uncertainty = confidence.UncertaintyFeatures.from_scores(
        summed.score, score_sd=summed.deviation, judge_score=judge_score, other_score=other_score
    )
    sure = coefficients.for_question(rubric.question.id).confidence_in
    low, high = _bounds(rubric, probabilities, uncertainty.score_deviation)
    return Summary(
        probabilities=probabilities,
        score=summed.score,
        score_min=low,
        score_max=high,
        coverage=_coverage(rubric, probabilities),
        confidence=sure(uncertainty),
        confidence_in_nothing=sure(replace(uncertainty, midscale=0.0)),
        judge_score=judge_score,
        other_score=other_score,
        contributions=contributions(rubric, levels, coefficients),
    )


def _bounds(rubric: Rubric, probabilities: Mapping[str, Sequence[float]], sd: float) -> tuple[float, float]:
    """What the score could be: unjudged criteria at their worst and best, judged ones in their likely range."""
    worst, best = dict(probabilities), dict(probabilities)
    for criterion in rubric.criteria:
        if criterion.id not in probabilities:
            lowest = (1.0,) + (0.0,) * (len(criterion.levels) - 1)
            worst[criterion.id], best[criterion.id] = lowest, lowest[::-1]
            if criterion.kind == "negative":
                worst[criterion.id], best[criterion.id] = lowest[::-1], lowest
    low, _ = confidence.likely_range(total(rubric, worst).score, sd)
    _, high = confidence.likely_range(total(rubric, best).score, sd)
    return low, high


def _coverage(rubric: Rubric, probabilities: Mapping[str, Sequence[float]]) -> float:
    """Share (0 to 1) of the rubric's points, gained or lost, that was judged."""
    weights = {criterion.id: abs(criterion.points) or 1.0 for criterion in rubric.criteria}
    return sum(weights[name] for name in probabilities) / sum(weights.values())
