"""From four signals to points: how probable each level of each criterion is, and what the sum comes to.

For each level above the lowest, logit P(level reached) is a weighted sum of what the graders found (`LevelSignals`),
less a lapse: people's word is now and then another, whatever was found, so that no probability comes nearer to 0 or 1
than this share (the lapse rate of Wichmann and Hill 2001, "The psychometric function I"). The probabilities of the
levels are the differences of those of reaching them (Frank and Hall 2001, "A Simple Approach to Ordinal
Classification"), and points are their expectation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vivavoce.rubrics import Rubric, SignalWeights, total_share

from ..types import MAX_SCORE, LevelSignals
from .coefficients import PARTS, SIGNALS, Coefficients, Weights


@dataclass(frozen=True)
class Total:
    """The sum over criteria, on 0 to 10, and the standard deviation that the probabilities leave it."""

    score: float
    deviation: float


def level_probabilities(
    signals: Sequence[LevelSignals],
    weights: Weights,
    *,
    using: Sequence[str] = SIGNALS,
    manual_weights: SignalWeights | None = None,
) -> tuple[float, ...]:
    """Probability of each level, lowest first, summing to 1.

    `signals` has an entry for each level above the lowest. Signals not named in `using` are held at
    their mean, which shows what the others alone would say. `manual_weights` average the probability that each signal
    alone gives (linear opinion pool: Stone 1961, "The Opinion Pool") instead of using the fitted weights.
    """
    found = [
        _pooled(level, weights, using, manual_weights) if manual_weights else _alone(level, weights, using)
        for level in signals
    ]
    reached = [1.0, *_falling(found), 0.0]
    return tuple(high - low for high, low in itertools.pairwise(reached))


def _falling(chances: Sequence[float]) -> list[float]:
    """A curve that never rises, midway between the highest such curve below and the lowest above.

    To be on a level is to have reached those below it; and a lower level's "exactly one" is denied of an answer that
    has two, which speaks against neither.
    """
    below = itertools.accumulate(chances, min)
    above = reversed(list(itertools.accumulate(reversed(chances), max)))
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


def total(rubric: Rubric, probabilities: Mapping[str, Sequence[float]]) -> Total:
    """The score over the criteria that have probabilities.

    Points are expectations; a gate holds with the probability of its highest level (see `rubrics.total_share`).
    """
    points: dict[str, float] = {}
    gates_met: dict[str, float] = {}
    variance = 0.0
    for criterion in rubric.criteria:
        chances = probabilities.get(criterion.id)
        if chances is None:
            continue
        if criterion.kind == "gate":
            gates_met[criterion.id] = chances[-1]
            continue
        mean, spread = moments([level.points for level in criterion.levels], chances)
        points[criterion.id] = mean
        variance += spread
    share = total_share(rubric, points, gates_met, deviation=math.sqrt(variance))
    return Total(score=MAX_SCORE * share.share, deviation=MAX_SCORE * share.deviation)


def moments(points: Sequence[float], probabilities: Sequence[float]) -> tuple[float, float]:
    """Expectation and variance of the points of a criterion whose levels have these points and probabilities."""
    mean = sum(chance * worth for chance, worth in zip(probabilities, points, strict=True))
    return mean, sum(chance * (worth - mean) ** 2 for chance, worth in zip(probabilities, points, strict=True))


def contributions(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
) -> dict[str, float]:
    """Points of the score (0 to 10) that each signal added or took, in the order of SIGNALS.

    `baseline` is the score with every signal at its mean; all of them sum to the score before rounding.
    """
    found: dict[str, float] = {}
    before = _score_using(rubric, signals, coefficients, ())
    found["baseline"] = before
    for count, name in enumerate(SIGNALS, start=1):
        after = _score_using(rubric, signals, coefficients, SIGNALS[:count])
        found[name] = after - before
        before = after
    return {name: round(value, 3) for name, value in found.items()}


def score_of(
    rubric: Rubric, signals: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients, name: str
) -> float:
    """The score (0 to 10) that one signal alone suggests, the others being as they are on average."""
    return _score_using(rubric, signals, coefficients, (name,))


def score_without_judge(
    rubric: Rubric, signals: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients
) -> float:
    """The score (0 to 10) that all signals but the judge suggest."""
    return _score_using(rubric, signals, coefficients, SIGNALS[1:])


def _score_using(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
    using: Sequence[str],
) -> float:
    return total(rubric, all_probabilities(rubric, signals, coefficients, using=using)).score


def _logit(level: LevelSignals, weights: Weights, using: Sequence[str]) -> float:
    found = weights.intercept
    for signal, features in PARTS.items():
        for name in features:
            value = getattr(level, name) if signal in using else weights.means[name]
            found += weights.weights[name] * (weights.means[name] if value is None else value)
    return found


def _alone(level: LevelSignals, weights: Weights, using: Sequence[str]) -> float:
    return weights.with_lapses(_sigmoid(_logit(level, weights, using)))


def _pooled(level: LevelSignals, weights: Weights, using: Sequence[str], manual_weights: SignalWeights) -> float:
    shares: dict[str, float] = manual_weights.model_dump()
    alone = {name: _alone(level, weights, (name,) if name in using else ()) for name in shares}
    return sum(share * alone[name] for name, share in shares.items()) / sum(shares.values())


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(min(logit, 30.0), -30.0)))
