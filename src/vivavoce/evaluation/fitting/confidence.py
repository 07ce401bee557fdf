"""The weights of the confidence, fitted to how near people's grades came to scores that were given without them."""

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

# About how widely deviation, gap and middle spread: the ridge holds their weights alike.
_UNITS = np.asarray([0.08, 0.12, 0.25])
_RIDGE = 0.001
_PRIOR_GRADES = 10
# Scores have one decimal.
_SLACK = 1e-6


@dataclass(frozen=True)
class ScoredExample:
    """A score (share of full marks, 0 to 1) that was given without knowing the grade, its doubts, and the grade."""

    dataset: str
    known: float
    score: float
    uncertainty: UncertaintyFeatures

    @property
    def is_near(self) -> bool:
        """Whether the grade lies within 1.5 of 10 of the score."""
        return abs(self.known - round(self.score, 2)) <= WITHIN_POINTS / MAX_SCORE + _SLACK

    @property
    def is_in_range(self) -> bool:
        """Whether the grade lies in the likely range of the score."""
        low, high = (round(end, 1) for end in likely_range(MAX_SCORE * self.score, self.uncertainty.score_deviation))
        return low - _SLACK <= MAX_SCORE * self.known <= high + _SLACK


@dataclass(frozen=True)
class ConfidenceCalibration:
    """How far the confidence in some scores can be relied on, in shares (0 to 1).

    `near` is the share of scores that people's grades come near, `said` the mean confidence, `error` its calibration
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


def measure_calibration(sure: Sequence[tuple[ScoredExample, float]]) -> ConfidenceCalibration:
    """The figures of some scores with their confidence; raises ValueError for none."""
    if not sure:
        raise ValueError("there are no scores")
    known, scores = [seen.known for seen, _ in sure], [seen.score for seen, _ in sure]
    near, said = [float(seen.is_near) for seen, _ in sure], [confidence for _, confidence in sure]
    return ConfidenceCalibration(
        answers=len(sure),
        near=fmean(near),
        said=fmean(said),
        error=cast(float, agreement.calibration_error(said, near)),
        in_range=fmean(float(seen.is_in_range) for seen, _ in sure),
        rmse=cast(float, agreement.rmse(known, scores)),
        rmse_confident=cast(float, agreement.rmse_of_most_confident(known, scores, said, share=CONFIDENT_SHARE)),
    )


def score_examples(examples: Sequence[Example], coefficients: Coefficients) -> Iterator[ScoredExample]:
    """The examples with a grade, scored; what a fact settled has no levels, and is left out."""
    for example in examples:
        if example.known is None or not example.levels:
            continue
        score, score_sd = _score(example, coefficients, SIGNALS)
        judge, _ = _score(example, coefficients, SIGNALS[:1])
        others, _ = _score(example, coefficients, SIGNALS[1:])
        uncertainty = UncertaintyFeatures.from_scores(score, score_sd=score_sd, judge_score=judge, other_score=others)
        yield ScoredExample(example.dataset, example.known, score / MAX_SCORE, uncertainty)


def score_out_of_fold(examples: Sequence[Example], model: MonotoneLogit) -> list[ScoredExample]:
    """The examples scored by what is fitted without them, fold by fold as the model was chosen."""
    seen: list[ScoredExample] = []
    for learned, held in PredefinedSplit(assign_folds(examples)).split():
        fitted = model.fit([examples[index] for index in learned]).coefficients_
        seen += score_examples([examples[index] for index in held], fitted)
    return seen


def fit_confidence(seen: Sequence[ScoredExample]) -> ConfidenceWeights:
    """Weights of the least log-loss, each data set weighing the same; no doubt makes surer.

    Raises ValueError for no scores.
    """
    if not seen:
        raise ValueError("there is nothing to fit to")
    count = Counter(one.dataset for one in seen)
    weighs = np.asarray([1 / count[one.dataset] for one in seen])
    return _fit(_stack_features(seen), np.asarray([one.is_near for one in seen], dtype=float), weighs)


def _stack_features(seen: Sequence[ScoredExample]) -> npt.NDArray[np.float64]:
    return np.asarray([astuple(one.uncertainty) for one in seen])


def _fit(
    uncertainty: npt.NDArray[np.float64], near: npt.NDArray[np.float64], weighs: npt.NDArray[np.float64]
) -> ConfidenceWeights:
    """Shapes (n, 3), (n,), (n,); `near` are outcomes or probabilities (0 to 1)."""
    uncertainty = uncertainty / _UNITS
    weighs = weighs / weighs.sum()

    def loss(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        logits = parameters[0] - uncertainty @ parameters[1:]
        error = float((weighs * (np.logaddexp(0, logits) - near * logits)).sum())
        by_logit = weighs * (expit(logits) - near)
        gradient = np.concatenate([[by_logit.sum()], -(by_logit @ uncertainty) + 2 * _RIDGE * parameters[1:]])
        return error + _RIDGE * float((parameters[1:] ** 2).sum()), gradient

    bounds = [(None, None), *[(0, None)] * len(_UNITS)]
    found = minimize(loss, np.zeros(1 + len(_UNITS)), jac=True, bounds=bounds, method="L-BFGS-B").x
    found[1:] /= _UNITS
    return ConfidenceWeights(*(round(float(value), 4) for value in found))


def recalibrate(confidence: ConfidenceWeights, seen: Sequence[ScoredExample]) -> ConfidenceWeights:
    """Weights fitted to these scores, what `confidence` says of them counting as much as ten more.

    ValueError for no scores.
    """
    if not seen:
        raise ValueError("there is nothing to recalibrate with")
    near = [float(one.is_near) for one in seen]
    said = [confidence.predict(one.uncertainty) for one in seen]
    weighs = np.repeat([1.0, _PRIOR_GRADES / len(seen)], len(seen))
    return _fit(np.tile(_stack_features(seen), (2, 1)), np.asarray(near + said), weighs)


def _score(example: Example, coefficients: Coefficients, using: Sequence[str]) -> tuple[float, float]:
    """Score and standard deviation in points of 10."""
    levels: dict[str, list[Level]] = defaultdict(list)
    for level in example.levels:
        levels[level.criterion].append(level)
    mean = variance = 0.0
    gates: list[tuple[float, float]] = []
    for own in levels.values():
        kind = own[0].kind
        weights = coefficients.weights_for(kind, example.question, example.language)
        probabilities = level_probabilities([level.signals for level in own], weights, using=using)
        if kind == "gate":
            gates.append((own[0].share, probabilities[-1]))
            continue
        shares = list(accumulate((level.share for level in own), initial=0.0))
        gained, score_deviation = mean_and_variance(shares, probabilities)
        mean += gained
        variance += score_deviation
    total = cap_share(mean, gates, deviation=variance**0.5)
    return MAX_SCORE * total.share, MAX_SCORE * total.deviation
