"""Coefficients for one customer's people: the shipped ones, moved as far as their grades carry.

With few grades the ridge holds what is fitted near the shipped coefficients; each grade more counts against it, so that
many grades decide alone. It is ridge regression towards a prior mean, as in Hoerl and Kennard 1970.
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

from .confidence import ConfidenceCalibration, ScoredExample, measure_calibration, recalibrate, score_examples
from .examples import Example
from .monotone_logit import MonotoneLogit, assemble, shares

FEWEST = 10
# How many grades the shipped coefficients are worth, times the mean square error of a grade.
_STRENGTH = 0.2
_FOLDS = 5

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Shares of full marks (0 to 1) by people, by the coefficients before, and by those fitted without the answer.

    `sure_before` and `sure_after` are how far the confidence can be relied on, None when a fact settled all answers.
    """

    known: Shares
    before: Shares
    after: Shares
    sure_before: ConfidenceCalibration | None
    sure_after: ConfidenceCalibration | None


def calibrate(examples: Sequence[Example], prior: Coefficients, *, by_question: bool = False) -> Coefficients:
    """Coefficients fitted to people's grades, near `prior`; with `by_question` also those of each question.

    Questions that `prior` weighs in a way of their own are fitted together, apart from the rest. Fewer than `FEWEST`
    grades of a group, or of a question, move nothing; raises TooFewGrades when no group has as many.
    """
    groups = _weighed_alike(examples, prior)
    if max((len(group) for _, group in groups), default=0) < FEWEST:
        raise TooFewGrades(
            f"{len(examples)} grades are too few: calibration needs at least {FEWEST}, of questions that are weighed "
            "alike (those of the bank are, and all others)."
        )
    return _calibrate(examples, prior, by_question=by_question, fewest=FEWEST)


def hold_out(examples: Sequence[Example], prior: Coefficients, *, seed: int, by_question: bool = False) -> HeldOut:
    """What calibration makes of answers it has not seen: each fifth by what is fitted to the others."""
    known = np.asarray([example.known for example in examples], dtype=float)
    after = np.zeros(len(examples))
    sure: list[tuple[ScoredExample, float]] = []
    for learned, held in KFold(_FOLDS, shuffle=True, random_state=seed).split(examples):
        own = [examples[index] for index in learned]
        # Of ten grades only eight can be learned from here.
        fitted = _calibrate(own, prior, by_question=by_question, fewest=FEWEST - FEWEST // _FOLDS)
        after[held] = shares([examples[index] for index in held], fitted)
        sure += _sure([examples[index] for index in held], fitted)
    sure_before = _sure(examples, prior)
    return HeldOut(
        known=known,
        before=shares(examples, prior),
        after=after,
        sure_before=measure_calibration(sure_before) if sure_before else None,
        sure_after=measure_calibration(sure) if sure else None,
    )


def _calibrate(examples: Sequence[Example], prior: Coefficients, *, by_question: bool, fewest: int) -> Coefficients:
    found = _moved(_weighed_alike(examples, prior), prior, fewest=fewest)
    if not by_question:
        return found
    by_name: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_name[example.question].append(example)
    own = {
        name: _near(group, found.for_question(name)) for name, group in sorted(by_name.items()) if len(group) >= fewest
    }
    return assemble(found.general, {**found.questions, **own})


def _weighed_alike(examples: Sequence[Example], prior: Coefficients) -> list[tuple[CombinerWeights, list[Example]]]:
    """The examples by the weights that their questions have."""
    groups: list[tuple[CombinerWeights, list[Example]]] = []
    for example in examples:
        weights = prior.for_question(example.question)
        own = next((group for known, group in groups if known == weights), None)
        if own is None:
            groups.append((weights, own := []))
        own.append(example)
    return groups


def _moved(
    groups: Sequence[tuple[CombinerWeights, list[Example]]], prior: Coefficients, *, fewest: int
) -> Coefficients:
    """`prior`, the weights of each group that has as many grades moved towards them."""
    moved = [(before, _near(group, before)) for before, group in groups if len(group) >= fewest]

    def now(weights: CombinerWeights) -> CombinerWeights:
        return next((after for before, after in moved if before == weights), weights)

    return assemble(now(prior.general), {name: now(weights) for name, weights in prior.questions.items()})


def _near(examples: Sequence[Example], prior: CombinerWeights) -> CombinerWeights:
    # Of several data sets each weighs the same when the shipped ones are fitted; a customer's grades all count alike.
    alike = [replace(example, dataset="calibration") for example in examples]
    model = MonotoneLogit(ridge=_STRENGTH / len(alike), prior=prior)
    seen: list[ScoredExample] = []
    for learned, held in KFold(_FOLDS, shuffle=True, random_state=0).split(alike):
        fitted: Coefficients = model.fit([alike[index] for index in learned]).coefficients_
        seen += score_examples([alike[index] for index in held], fitted)
    found: Coefficients = model.fit(alike).coefficients_
    confidence = recalibrate(prior.confidence, seen) if prior.confidence and seen else prior.confidence
    return replace(found.general, confidence=confidence, grades=len(alike))


def _sure(examples: Sequence[Example], coefficients: Coefficients) -> list[tuple[ScoredExample, float]]:
    return [
        (seen, coefficients.for_question(example.question).confidence_in(seen.uncertainty))
        for example in examples
        for seen in score_examples([example], coefficients)
    ]
