"""From signals to points: the probability of each level of each criterion, and the expected score.

For each level above the lowest, logit P(level reached) is a weighted sum of the features in `LevelSignals`. A lapse
rate keeps every probability away from 0 and 1, since people now and then disagree with the clearest signals (Wichmann
and Hill 2001, "The psychometric function I"). The probabilities of the levels are the differences of those of reaching
them (Frank and Hall 2001, "A Simple Approach to Ordinal Classification"), and points are their expectation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vivavoce.rubrics import Rubric, SignalWeights, total_share

from ..types import MAX_SCORE, LevelSignals
from .coefficients import PARTS, SIGNALS, Coefficients, Weights

# Beyond this logit exp() gains nothing and may overflow.
_MAX_LOGIT = 30.0


@dataclass(frozen=True)
class ExpectedScore:
    """The expected score, 0 to 10, and its standard deviation in points of 10, given the levels' probabilities."""

    score: float
    deviation: float


def level_probabilities(
    signals: Sequence[LevelSignals],
    weights: Weights,
    *,
    using: Sequence[str] = SIGNALS,
    manual_weights: SignalWeights | None = None,
) -> tuple[float, ...]:
    """Probability of each level of a criterion, lowest first, summing to 1.

    `signals` has an entry for each level above the lowest. A signal that is not in `using` is held at its mean, so that
    only the others count. `manual_weights` replace the fitted weights: they average the probabilities that each signal
    alone gives (linear opinion pool: Stone 1961, "The Opinion Pool").
    """
    probabilities = [
        _pool_signals(level, weights, using, manual_weights)
        if manual_weights
        else _combine_signals(level, weights, using)
        for level in signals
    ]
    reached = [1.0, *_make_non_increasing(probabilities), 0.0]
    return tuple(high - low for high, low in itertools.pairwise(reached))


def _make_non_increasing(probabilities: Sequence[float]) -> list[float]:
    """A curve that never rises, midway between the highest such curve below the given one and the lowest above it.

    An answer on a level has reached all levels below it. Still, the judge denies "exactly one" of an answer that has
    two, which is evidence against neither level.
    """
    below = itertools.accumulate(probabilities, min)
    above = reversed(list(itertools.accumulate(reversed(probabilities), max)))
    return [(low + high) / 2 for low, high in zip(below, above, strict=True)]


def all_probabilities(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
    *,
    using: Sequence[str] = SIGNALS,
) -> dict[str, tuple[float, ...]]:
    """`level_probabilities` of every criterion that has signals, by its identifier."""
    return {
        criterion.id: level_probabilities(
            signals[criterion.id],
            coefficients.for_criterion(criterion, rubric.question),
            using=using,
            manual_weights=rubric.weights,
        )
        for criterion in rubric.criteria
        if criterion.id in signals
    }


def compute_score(rubric: Rubric, probabilities: Mapping[str, Sequence[float]]) -> ExpectedScore:
    """The expected score over the criteria in `probabilities`; the others count 0, and their gates cap nothing.

    A gate is met with the probability of its highest level (see `rubrics.total_share`).
    """
    points: dict[str, float] = {}
    gates_met: dict[str, float] = {}
    variance = 0.0
    for criterion in rubric.criteria:
        levels = probabilities.get(criterion.id)
        if levels is None:
            continue
        if criterion.kind == "gate":
            gates_met[criterion.id] = levels[-1]
            continue
        mean, criterion_variance = mean_and_variance([level.points for level in criterion.levels], levels)
        points[criterion.id] = mean
        # Criteria are taken as independent, so variances add up.
        variance += criterion_variance
    total = total_share(rubric, points, gates_met, deviation=math.sqrt(variance))
    return ExpectedScore(score=MAX_SCORE * total.share, deviation=MAX_SCORE * total.deviation)


def mean_and_variance(points: Sequence[float], probabilities: Sequence[float]) -> tuple[float, float]:
    """Expectation and variance of a criterion's points, given the points and probabilities of its levels."""
    mean = sum(chance * worth for chance, worth in zip(probabilities, points, strict=True))
    return mean, sum(chance * (worth - mean) ** 2 for chance, worth in zip(probabilities, points, strict=True))


def compute_contributions(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
) -> dict[str, float]:
    """Points of the score (of 10) that each signal added or took away, in the order of SIGNALS.

    `baseline` is the score with every signal at its mean. All entries sum to the score, up to rounding.
    """
    points: dict[str, float] = {}
    before = _score_using(rubric, signals, coefficients, ())
    points["baseline"] = before
    # In order: what signals share goes to the earlier one.
    for count, name in enumerate(SIGNALS, start=1):
        after = _score_using(rubric, signals, coefficients, SIGNALS[:count])
        points[name] = after - before
        before = after
    return {name: round(value, 3) for name, value in points.items()}


def score_from_signal(
    rubric: Rubric, signals: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients, name: str
) -> float:
    """The score (0 to 10) from one signal of SIGNALS alone, with the others at their means."""
    return _score_using(rubric, signals, coefficients, (name,))


def score_without_judge(
    rubric: Rubric, signals: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients
) -> float:
    """The score (0 to 10) from all signals but the judge, which is held at its mean."""
    return _score_using(rubric, signals, coefficients, SIGNALS[1:])


def _score_using(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
    using: Sequence[str],
) -> float:
    return compute_score(rubric, all_probabilities(rubric, signals, coefficients, using=using)).score


def _compute_logit(level: LevelSignals, weights: Weights, using: Sequence[str]) -> float:
    logit = weights.intercept
    for signal, features in PARTS.items():
        for name in features:
            value = getattr(level, name) if signal in using else weights.means[name]
            # A verifier that was not asked counts as average.
            logit += weights.weights[name] * (weights.means[name] if value is None else value)
    return logit


def _combine_signals(level: LevelSignals, weights: Weights, using: Sequence[str]) -> float:
    """Probability (0 to 1) that a level is reached, by the fitted weights."""
    return weights.with_lapses(_apply_sigmoid(_compute_logit(level, weights, using)))


def _pool_signals(level: LevelSignals, weights: Weights, using: Sequence[str], manual_weights: SignalWeights) -> float:
    """Probability (0 to 1) that a level is reached: the weighted mean of what each signal alone gives."""
    shares: dict[str, float] = manual_weights.model_dump()
    alone = {name: _combine_signals(level, weights, (name,) if name in using else ()) for name in shares}
    return sum(share * alone[name] for name, share in shares.items()) / sum(shares.values())


def _apply_sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(min(logit, _MAX_LOGIT), -_MAX_LOGIT)))
