"""Coefficients for a customer's own people: the shipped ones, moved as far as the grades support.

A ridge holds the fit near the shipped coefficients; it weakens with each grade, so many grades decide alone. This is
ridge regression towards a prior mean, as in Hoerl and Kennard 1970.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import KFold

from vivavoce.graders.errors import TooFewGrades
from vivavoce.graders.scoring.coefficients import Coefficients, CombinerWeights

from .confidence import (
    ConfidenceCalibration,
    ScoredExample,
    measure_calibration,
    recalibrate_confidence,
    score_examples,
)
from .examples import Example
from .monotone_logit import MonotoneLogit, predict_shares
from .parameters import assemble_coefficients

FEWEST = 10
# Worth of the shipped coefficients in grades, times a grade's mean squared error.
_STRENGTH = 0.2
_FOLDS = 5

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Shares of full marks (0 to 1) by people, by the coefficients before, and by those fitted without the answer.

    `sure_before` and `sure_after` say how far the confidence can be relied on; None when screening settled all answers.
    """

    known: Shares
    before: Shares
    after: Shares
    sure_before: ConfidenceCalibration | None
    sure_after: ConfidenceCalibration | None


def calibrate(examples: Sequence[Example], prior: Coefficients, *, by_question: bool = False) -> Coefficients:
    """Coefficients fitted to people's grades, near `prior`; with `by_question` also those of each question.

    Questions with the same weights in `prior` are fitted together, apart from the rest. A group, or a question, with
    fewer than `FEWEST` grades keeps its weights; raises TooFewGrades when no group has as many.
    """
    groups = _group_by_weights(examples, prior)
    if max((len(group) for _, group in groups), default=0) < FEWEST:
        raise TooFewGrades(
            f"{len(examples)} grades are too few: calibration needs at least {FEWEST} for questions with the same "
            "weights (the bank's questions, or all others)."
        )
    return _fit_coefficients(examples, prior, by_question=by_question, fewest=FEWEST)


def hold_out(examples: Sequence[Example], prior: Coefficients, *, seed: int, by_question: bool = False) -> HeldOut:
    """Score each fifth of the examples by coefficients calibrated on the others; `seed` assigns the fifths."""
    grades = np.asarray([example.known for example in examples], dtype=float)
    after = np.zeros(len(examples))
    scored_after: list[tuple[ScoredExample, float]] = []
    for learned, held in KFold(_FOLDS, shuffle=True, random_state=seed).split(examples):
        # Of ten grades only eight are left to learn from.
        fitted = _fit_coefficients(
            [examples[index] for index in learned], prior, by_question=by_question, fewest=FEWEST - FEWEST // _FOLDS
        )
        after[held] = predict_shares([examples[index] for index in held], fitted)
        scored_after += _score_with_confidence([examples[index] for index in held], fitted)
    scored_before = _score_with_confidence(examples, prior)
    return HeldOut(
        known=grades,
        before=predict_shares(examples, prior),
        after=after,
        sure_before=measure_calibration(scored_before) if scored_before else None,
        sure_after=measure_calibration(scored_after) if scored_after else None,
    )


def _fit_coefficients(
    examples: Sequence[Example], prior: Coefficients, *, by_question: bool, fewest: int
) -> Coefficients:
    fitted = _fit_groups(_group_by_weights(examples, prior), prior, fewest=fewest)
    if not by_question:
        return fitted
    by_name: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_name[example.question].append(example)
    # Near what was fitted to all, so each question needs few grades.
    questions = {
        name: _fit_near(group, fitted.for_question(name))
        for name, group in sorted(by_name.items())
        if len(group) >= fewest
    }
    return assemble_coefficients(fitted.general, {**fitted.questions, **questions})


def _group_by_weights(examples: Sequence[Example], prior: Coefficients) -> list[tuple[CombinerWeights, list[Example]]]:
    """The examples by the weights that their questions have."""
    # Weights hold dictionaries, so they are compared and not hashed.
    groups: list[tuple[CombinerWeights, list[Example]]] = []
    for example in examples:
        weights = prior.for_question(example.question)
        group = next((group for of_group, group in groups if of_group == weights), None)
        if group is None:
            groups.append((weights, group := []))
        group.append(example)
    return groups


def _fit_groups(
    groups: Sequence[tuple[CombinerWeights, list[Example]]], prior: Coefficients, *, fewest: int
) -> Coefficients:
    """`prior`, with the weights of each group of at least `fewest` grades fitted to them."""
    fitted = [(before, _fit_near(group, before)) for before, group in groups if len(group) >= fewest]

    def find_fitted(weights: CombinerWeights) -> CombinerWeights:
        return next((after for before, after in fitted if before == weights), weights)

    return assemble_coefficients(
        find_fitted(prior.general), {name: find_fitted(weights) for name, weights in prior.questions.items()}
    )


def _fit_near(examples: Sequence[Example], prior: CombinerWeights) -> CombinerWeights:
    """Weights fitted to examples and held near `prior`, and their confidence recalibrated on held-out scores."""
    # The model weighs data sets alike; a customer's grades all count the same.
    merged = [replace(example, dataset="calibration") for example in examples]
    model = MonotoneLogit(ridge=_STRENGTH / len(merged), prior=prior)
    scored: list[ScoredExample] = []
    for learned, held in KFold(_FOLDS, shuffle=True, random_state=0).split(merged):
        without: Coefficients = model.fit([merged[index] for index in learned]).coefficients_
        scored += score_examples([merged[index] for index in held], without)
    fitted: Coefficients = model.fit(merged).coefficients_
    # Screening may have settled every answer: then nothing is scored.
    confidence = recalibrate_confidence(prior.confidence, scored) if prior.confidence and scored else prior.confidence
    return replace(fitted.general, confidence=confidence, grades=len(merged))


def _score_with_confidence(
    examples: Sequence[Example], coefficients: Coefficients
) -> list[tuple[ScoredExample, float]]:
    return [
        (scored, coefficients.for_question(example.question).confidence_in(scored.uncertainty))
        for example in examples
        for scored in score_examples([example], coefficients)
    ]
