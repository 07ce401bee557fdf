"""From three signals to points: how probable each level of each criterion is, and what the sum comes to.

For each level above the lowest, logit P(level reached) is a weighted sum of what the judge earned
the answer over an empty one, how much nearer the answer's sentences come to the expected points than
the question does, and how many of the points' telling words it has. The probabilities of the levels
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

import yaml

from vivavoce.rubrics import Criterion, Rubric

from .types import MAX_SCORE, LevelSignals

SIGNALS = ("judge", "embedding", "rouge")
COEFFICIENTS = Path(__file__).parent / "coefficients.yaml"


@dataclass(frozen=True)
class Coefficients:
    """Weights of the signals; `means` are what each signal was on average where they were fitted.

    Criteria without expected points of their own, the negative ones above all, are decided by the
    judge alone, with `negative_intercept`: a mistake must be plain before it costs points.
    """

    version: str
    intercept: float
    weights: Mapping[str, float]
    means: Mapping[str, float]
    negative_intercept: float


@dataclass(frozen=True)
class Total:
    """The sum over criteria, on 0 to 10, and the standard deviation that the probabilities leave it."""

    score: float
    deviation: float


@cache
def default_coefficients() -> Coefficients:
    """The coefficients that ship with vivavoce."""
    data = yaml.safe_load(COEFFICIENTS.read_text(encoding="utf-8"))
    return Coefficients(
        version=str(data["version"]),
        intercept=float(data["intercept"]),
        weights={name: float(data["weights"][name]) for name in SIGNALS},
        means={name: float(data["means"][name]) for name in SIGNALS},
        negative_intercept=float(data["negative_intercept"]),
    )


def level_probabilities(
    signals: Sequence[LevelSignals],
    coefficients: Coefficients,
    *,
    using: Sequence[str] = SIGNALS,
) -> tuple[float, ...]:
    """Probability of each level, lowest first, summing to 1.

    `signals` has an entry for each level above the lowest. Signals not named in `using` are held at
    their mean, which shows what the others alone would say.
    """
    reached = [1.0]
    for level in signals:
        # To be on a level is to have reached those below it, so the curve may not rise.
        reached.append(min(reached[-1], _sigmoid(_logit(level, coefficients, using))))
    reached.append(0.0)
    return tuple(high - low for high, low in itertools.pairwise(reached))


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


def score_without_judge(
    rubric: Rubric, signals: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients
) -> float:
    """The score (0 to 10) that embedding and word overlap alone suggest."""
    return _score_using(rubric, signals, coefficients, ("embedding", "rouge"))


def score_of_judge(rubric: Rubric, signals: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients) -> float:
    """The score (0 to 10) that the judge alone suggests."""
    return _score_using(rubric, signals, coefficients, ("judge",))


def _score_using(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
    using: Sequence[str],
) -> float:
    probabilities = {name: level_probabilities(levels, coefficients, using=using) for name, levels in signals.items()}
    return total(rubric, probabilities).score


def _logit(level: LevelSignals, coefficients: Coefficients, using: Sequence[str]) -> float:
    values = {"judge": level.judge, "embedding": level.embedding, "rouge": level.rouge}
    if level.embedding is None:
        judge = level.judge if "judge" in using else coefficients.means["judge"]
        return coefficients.negative_intercept + coefficients.weights["judge"] * judge
    logit = coefficients.intercept
    for name in SIGNALS:
        value = values[name] if name in using else None
        logit += coefficients.weights[name] * (coefficients.means[name] if value is None else value)
    return logit


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(min(logit, 30.0), -30.0)))
