"""Fits the weights of the confidence to whether people's grades came near scores that were given without them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import accumulate
from statistics import fmean
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.model_selection import PredefinedSplit

from vivavoce.graders.scoring.coefficients import SIGNALS, Coefficients
from vivavoce.graders.scoring.confidence import (
    CONFIDENT_SHARE,
    WITHIN_POINTS,
    ConfidenceWeights,
    UncertaintyFeatures,
    likely_range,
)
from vivavoce.graders.scoring.probabilities import level_probabilities, mean_and_variance
from vivavoce.graders.types import MAX_SCORE
from vivavoce.rubrics import cap_share

from .. import agreement
from .examples import Example, Level
from .model_selection import assign_folds
from .monotone_logit import MonotoneLogit

Floats = npt.NDArray[np.float64]
# The typical spread of score_sd, judge_gap and midscale, so that the ridge treats them alike.
_UNITS = np.asarray([0.08, 0.12, 0.25])
_RIDGE = 0.001
# What the weights before are worth when they are recalibrated.
_PRIOR_GRADES = 10
# Scores have one decimal, so rounding decides nothing.
_SLACK = 1e-6


@dataclass(frozen=True)
class ScoredExample:
    """A score (share of full marks, 0 to 1) given without knowing the grade, its uncertainty, and the grade."""

    dataset: str
    known: float
    score: float
    uncertainty: UncertaintyFeatures

    @property
    def is_near(self) -> bool:
        """Whether the grade lies within 1.5 of 10 points of the score."""
        return abs(self.known - round(self.score, 2)) <= WITHIN_POINTS / MAX_SCORE + _SLACK

    @property
    def is_in_range(self) -> bool:
        """Whether the grade lies in the likely range of the score, as reports round it."""
        low, high = (round(end, 1) for end in likely_range(MAX_SCORE * self.score, self.uncertainty.score_deviation))
        return low - _SLACK <= MAX_SCORE * self.known <= high + _SLACK


@dataclass(frozen=True)
class ConfidenceCalibration:
    """How far the confidence in some scores can be relied on, in shares (0 to 1).

    `near` is the share of scores within 1.5 of 10 of the grade, `said` the mean confidence, `error` its calibration
    error, `in_range` the share of grades in the likely range, of which 80 % should be, `rmse` that of all scores and
    `rmse_confident` that of the 70 % most confident.
    """

    answers: int
    near: float
    said: float
    error: float
    in_range: float
    rmse: float
    rmse_confident: float


def measure_calibration(scored: Sequence[tuple[ScoredExample, float]]) -> ConfidenceCalibration:
    """The figures of some scores, each with its confidence (0 to 1); raises ValueError for none."""
    if not scored:
        raise ValueError("there are no scores")
    grades, scores = [example.known for example, _ in scored], [example.score for example, _ in scored]
    near, confidences = [float(example.is_near) for example, _ in scored], [confidence for _, confidence in scored]
    rmse_confident = agreement.rmse_of_most_confident(grades, scores, confidences, share=CONFIDENT_SHARE)
    return ConfidenceCalibration(
        answers=len(scored),
        near=fmean(near),
        said=fmean(confidences),
        error=cast(float, agreement.calibration_error(confidences, near)),
        in_range=fmean(float(example.is_in_range) for example, _ in scored),
        rmse=cast(float, agreement.rmse(grades, scores)),
        rmse_confident=cast(float, rmse_confident),
    )


def score_examples(examples: Sequence[Example], coefficients: Coefficients) -> Iterator[ScoredExample]:
    """Score the examples that have a grade; those that screening settled have no levels and are left out."""
    for example in examples:
        if example.known is None or not example.levels:
            continue
        score, score_sd = _score_example(example, coefficients, SIGNALS)
        judge, _ = _score_example(example, coefficients, SIGNALS[:1])
        others, _ = _score_example(example, coefficients, SIGNALS[1:])
        uncertainty = UncertaintyFeatures.from_scores(score, score_sd=score_sd, judge_score=judge, other_score=others)
        yield ScoredExample(example.dataset, example.known, score / MAX_SCORE, uncertainty)


def score_out_of_fold(examples: Sequence[Example], model: MonotoneLogit) -> list[ScoredExample]:
    """Score each example by a fit without its fold; the folds are those of the model selection."""
    scored: list[ScoredExample] = []
    for learned, held in PredefinedSplit(assign_folds(examples)).split():
        fitted = model.fit([examples[index] for index in learned]).coefficients_
        scored += score_examples([examples[index] for index in held], fitted)
    return scored


def fit_confidence(scored: Sequence[ScoredExample]) -> ConfidenceWeights:
    """Weights of the least log-loss, each data set weighing the same; more uncertainty never raises the confidence.

    Raises ValueError for no scores.
    """
    if not scored:
        raise ValueError("there is nothing to fit to")
    count = Counter(example.dataset for example in scored)
    weights = np.asarray([1 / count[example.dataset] for example in scored])
    return _fit_weights(
        _stack_features(scored), np.asarray([example.is_near for example in scored], dtype=float), weights
    )


def recalibrate_confidence(confidence: ConfidenceWeights, scored: Sequence[ScoredExample]) -> ConfidenceWeights:
    """Weights fitted to these scores and to what `confidence` predicts for them, which counts like ten more scores.

    Raises ValueError for no scores.
    """
    if not scored:
        raise ValueError("there is nothing to recalibrate with")
    near = [float(example.is_near) for example in scored]
    predicted = [confidence.predict(example.uncertainty) for example in scored]
    weights = np.repeat([1.0, _PRIOR_GRADES / len(scored)], len(scored))
    return _fit_weights(np.tile(_stack_features(scored), (2, 1)), np.asarray(near + predicted), weights)


def _stack_features(scored: Sequence[ScoredExample]) -> Floats:
    return np.asarray([astuple(example.uncertainty) for example in scored])


def _fit_weights(uncertainty: Floats, near: Floats, weights: Floats) -> ConfidenceWeights:
    """Logistic regression; shapes (n, 3), (n,), (n,). `near` are outcomes or probabilities (0 to 1)."""
    uncertainty = uncertainty / _UNITS
    weights = weights / weights.sum()

    def measure_loss(parameters: Floats) -> tuple[float, Floats]:
        logits = parameters[0] - uncertainty @ parameters[1:]
        error = float((weights * (np.logaddexp(0, logits) - near * logits)).sum())
        by_logit = weights * (expit(logits) - near)
        gradient = np.concatenate([[by_logit.sum()], -(by_logit @ uncertainty) + 2 * _RIDGE * parameters[1:]])
        return error + _RIDGE * float((parameters[1:] ** 2).sum()), gradient

    # Each weight is subtracted, so at least 0 means never surer.
    bounds = [(None, None), *[(0, None)] * len(_UNITS)]
    solution = minimize(measure_loss, np.zeros(1 + len(_UNITS)), jac=True, bounds=bounds, method="L-BFGS-B").x
    solution[1:] /= _UNITS
    return ConfidenceWeights(*(round(float(value), 4) for value in solution))


def _score_example(example: Example, coefficients: Coefficients, using: Sequence[str]) -> tuple[float, float]:
    """Score and standard deviation in points of 10, by the signals in `using`."""
    by_criterion: dict[str, list[Level]] = defaultdict(list)
    for level in example.levels:
        by_criterion[level.criterion].append(level)
    mean = variance = 0.0
    gates: list[tuple[float, float]] = []
    for levels in by_criterion.values():
        kind = levels[0].kind
        weights = coefficients.weights_for(kind, example.question, example.language)
        probabilities = level_probabilities([level.signals for level in levels], weights, using=using)
        if kind == "gate":
            gates.append((levels[0].share, probabilities[-1]))
            continue
        gained, gained_variance = mean_and_variance(
            list(accumulate((level.share for level in levels), initial=0.0)), probabilities
        )
        mean += gained
        variance += gained_variance
    total = cap_share(mean, gates, deviation=variance**0.5)
    return MAX_SCORE * total.share, MAX_SCORE * total.deviation
