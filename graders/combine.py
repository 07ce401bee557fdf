"""From three signals to points: how probable each level of each criterion is, and what the sum comes to.

For each level above the lowest, logit P(level reached) is a weighted sum of the judge's log-odds
less those for an answer without content, how much nearer the answer's sentences come to what is asked
for than the question does, and the share of its telling words that they have. The probabilities of the levels
are the differences of those of reaching them (Frank and Hall 2001, "A Simple Approach to Ordinal
Classification"), and points are their expectation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from vivavoce.rubrics import Criterion, Rubric, SignalWeights

from .types import MAX_SCORE, LevelSignals

SIGNALS = ("judge", "embedding", "rouge")
COEFFICIENTS = Path(__file__).parent / "coefficients.yaml"


@dataclass(frozen=True)
class Weights:
    """Intercept and weights of the signals; `means` are what each signal was on average where they were fitted."""

    intercept: float
    weights: Mapping[str, float]
    means: Mapping[str, float]


@dataclass(frozen=True)
class Coefficients:
    """How the signals are weighed: one way for what earns points, another for mistakes."""

    version: str
    merit: Weights
    mistake: Weights

    def of(self, criterion: Criterion) -> Weights:
        """The weights for a criterion's levels."""
        return self.mistake if criterion.kind == "negative" else self.merit


@dataclass(frozen=True)
class Total:
    """The sum over criteria, on 0 to 10, and the standard deviation that the probabilities leave it."""

    score: float
    deviation: float


@cache
def default_coefficients() -> Coefficients:
    """The coefficients that ship with vivavoce."""
    data = yaml.safe_load(COEFFICIENTS.read_text(encoding="utf-8"))
    return Coefficients(version=str(data["version"]), **{name: _weights(data[name]) for name in ("merit", "mistake")})


def level_probabilities(
    signals: Sequence[LevelSignals],
    weights: Weights,
    *,
    using: Sequence[str] = SIGNALS,
    by_hand: SignalWeights | None = None,
) -> tuple[float, ...]:
    """Probability of each level, lowest first, summing to 1.

    `signals` has an entry for each level above the lowest. Signals not named in `using` are held at
    their mean, which shows what the others alone would say. Weights set `by_hand` mix what each signal alone says
    (the linear opinion pool: Stone 1961, "The Opinion Pool") instead of weighing the signals as they were fitted.
    """
    reached = [1.0]
    for level in signals:
        chance = _pooled(level, weights, using, by_hand) if by_hand else _sigmoid(_logit(level, weights, using))
        # To be on a level is to have reached those below it, so the curve may not rise.
        reached.append(min(reached[-1], chance))
    reached.append(0.0)
    return tuple(high - low for high, low in itertools.pairwise(reached))


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
            signals[criterion.id], coefficients.of(criterion), using=using, by_hand=rubric.weights
        )
        for criterion in rubric.criteria
        if criterion.id in signals
    }


def total(rubric: Rubric, probabilities: Mapping[str, Sequence[float]]) -> Total:
    """The score over the criteria that have probabilities.

    Points are expectations; gates cap the sum by their probability of being met. The sum is kept
    within 0 and the rubric's maximum.
    """
    points = variance = 0.0
    allowed = 1.0
    for criterion in rubric.criteria:
        chances = probabilities.get(criterion.id)
        if chances is None:
            continue
        if criterion.kind == "gate":
            allowed *= chances[1] + (1 - chances[1]) * criterion.cap
            continue
        mean = expected_points(criterion, chances)
        points += mean
        variance += sum(
            chance * (level.points - mean) ** 2 for chance, level in zip(chances, criterion.levels, strict=True)
        )
    scale = MAX_SCORE / rubric.max_points
    score = min(max(points * scale, 0.0), MAX_SCORE) * allowed
    return Total(score=score, deviation=math.sqrt(variance) * scale * allowed)


def expected_points(criterion: Criterion, probabilities: Sequence[float]) -> float:
    """Expectation of the points of a criterion."""
    return sum(chance * level.points for chance, level in zip(probabilities, criterion.levels, strict=True))


def contributions(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
) -> dict[str, float]:
    """Points of the score (0 to 10) that each signal added or took, in the order judge, embedding, rouge.

    `baseline` is the score with every signal at its mean; the four sum to the score before rounding.
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
    """The score (0 to 10) that embedding and word overlap alone suggest."""
    return _score_using(rubric, signals, coefficients, ("embedding", "rouge"))


def _score_using(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
    using: Sequence[str],
) -> float:
    return total(rubric, all_probabilities(rubric, signals, coefficients, using=using)).score


def _logit(level: LevelSignals, weights: Weights, using: Sequence[str]) -> float:
    values = {"judge": level.judge, "embedding": level.embedding, "rouge": level.rouge}
    return weights.intercept + sum(
        weights.weights[name] * (values[name] if name in using else weights.means[name]) for name in SIGNALS
    )


def _pooled(level: LevelSignals, weights: Weights, using: Sequence[str], by_hand: SignalWeights) -> float:
    shares: dict[str, float] = by_hand.model_dump()
    alone = {name: _sigmoid(_logit(level, weights, (name,) if name in using else ())) for name in SIGNALS}
    return sum(shares[name] * alone[name] for name in SIGNALS) / sum(shares.values())


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(min(logit, 30.0), -30.0)))


def _weights(data: Mapping[str, Any]) -> Weights:
    return Weights(
        intercept=float(data["intercept"]),
        weights={name: float(data["weights"][name]) for name in SIGNALS},
        means={name: float(data["means"][name]) for name in SIGNALS},
    )
