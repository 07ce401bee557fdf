"""The model that is fitted: each level has a logistic curve over the signals, and an answer is the sum of its levels.

No weight is below 0, so more of a signal never lowers the probability of earning points. The loss is the mean squared
error plus a ridge. Every data set weighs the same; in a data set that people graded, a tenth of their scale weighs by
the square root of its answers, so that a set of mostly full marks teaches less to give full marks. The ridge holds the
weights near 0, or near those of a prior, which a few grades then move only a little. Answers that exist in both
languages show how much larger each feature is in Chinese; this offset is subtracted, because the judge says yes more
readily there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin

from vivavoce.graders.scoring.coefficients import FEATURES, Coefficients, CombinerWeights

from .examples import Example
from .level_table import LevelTable
from .parameters import (
    KINDS,
    OF_FEATURES,
    WIDTH,
    Kind,
    Matrix,
    assemble_coefficients,
    build_coefficients,
    read_means,
    read_parameters,
    read_zh_offsets,
    weighed_as,
)

# The typical spread of each feature, so that the ridge treats them alike.
_UNITS: Mapping[str, float] = {
    "judge": 2.0,
    "verifier": 4.0,
    "similarity_gain": 0.05,
    "term_recall": 0.2,
    "rouge1_recall": 0.2,
}
_UNIT = np.asarray([_UNITS[name] for name in FEATURES])
_START = -1.0
# A lapse rate so far off costs like one logit.
_LAPSE_UNIT = 0.2
_MAX_LAPSES = 0.4


class MonotoneLogit(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn regressor from examples to shares of full marks (0 to 1).

    `features` are those that may have a weight, if all examples have them. The ridge holds weights near 0 and leaves
    intercepts free; the `lapse_rate` of merit is not fitted, since only held-out answers show it. With a `prior` the
    ridge holds weights, intercepts and lapse rates near the prior's, and every answer weighs the same, so that the
    people's own strictness is learned.
    """

    def __init__(
        self,
        *,
        ridge: float = 0.0003,
        lapse_rate: float = 0.0,
        features: tuple[str, ...] = FEATURES,
        prior: CombinerWeights | None = None,
    ) -> None:
        self.ridge = ridge
        self.lapse_rate = lapse_rate
        self.features = features
        self.prior = prior

    def fit(self, X: Sequence[Example], y: object = None) -> Self:
        """Fit to examples, which hold their own targets, so `y` is ignored; raises ValueError for no examples."""
        if not X:
            raise ValueError("there is nothing to fit to")
        table = LevelTable(X, by_tenths=self.prior is None)
        zh_offsets = _measure_zh_offsets(X) if self.prior is None else read_zh_offsets(self.prior)
        table.rows -= zh_offsets[table.kinds] * table.is_chinese[:, None]
        # Centred, a feature that hardly varies cannot stand in for the intercept.
        centres = table.mean_features() if self.prior is None else read_means(self.prior)
        table.rows -= centres[table.kinds]
        parameters = self._minimise(table, centres)
        parameters[:, 0] -= (parameters[:, OF_FEATURES] * centres).sum(axis=1)
        if not self.prior:
            parameters[KINDS.index("merit"), -1] = self.lapse_rate
        fitted_kinds = list(range(len(KINDS))) if self.prior else sorted(set(table.kinds.tolist()))
        self.coefficients_ = build_coefficients(parameters, centres, zh_offsets, fitted_kinds)
        return self

    def _minimise(self, table: LevelTable, centres: Matrix) -> Matrix:
        """The parameters of the least loss for centred features: shape (2, WIDTH)."""
        near = np.zeros((2, WIDTH))
        strength = np.asarray([0.0, *_UNIT, 0.0])
        if self.prior:
            near = read_parameters(self.prior)
            near[:, 0] += (near[:, OF_FEATURES] * centres).sum(axis=1)
            strength = np.asarray([1.0, *_UNIT, 1 / _LAPSE_UNIT])
        # In the features' own units, steps overshoot to where all curves are flat.
        units = np.asarray([1.0, *_UNIT, 1 / _LAPSE_UNIT])

        def measure_loss(flat: Matrix) -> tuple[float, Matrix]:
            parameters = flat.reshape(2, -1) / units
            error, gradient = table.measure_error(parameters)
            distance = (parameters - near) * strength
            gradient += 2 * self.ridge * distance * strength
            return error + self.ridge * float((distance**2).sum()), (gradient / units).ravel()

        usable = [
            name in self.features and bool(complete) for name, complete in zip(FEATURES, table.complete, strict=True)
        ]
        start = near.copy()
        if not self.prior:
            start[:, :-1] = (_START, *(0.5 / _UNIT))
        start[:, OF_FEATURES] *= usable
        of_weights = [(None, None), *((0, None if is_usable else 0) for is_usable in usable)]
        lapses = near[:, -1] / _LAPSE_UNIT
        of_lapses = [(0, _MAX_LAPSES / _LAPSE_UNIT) if self.prior else (lapse, lapse) for lapse in lapses]
        bounds = [*of_weights, of_lapses[0], *of_weights, of_lapses[1]]
        solution = minimize(measure_loss, (start * units).ravel(), jac=True, bounds=bounds, method="L-BFGS-B").x
        parameters: Matrix = solution.reshape(2, -1) / units
        return parameters

    def with_lapse_rate(self, lapse_rate: float) -> MonotoneLogit:
        """This fitted model with another lapse rate of merit, which is not fitted without a prior."""
        other = MonotoneLogit(ridge=self.ridge, lapse_rate=lapse_rate, features=self.features, prior=self.prior)
        general = self.coefficients_.general
        other.coefficients_ = assemble_coefficients(
            replace(general, merit=replace(general.merit, lapse_rate=lapse_rate))
        )
        return other

    def predict(self, X: Sequence[Example]) -> Matrix:
        """Share of full marks (0 to 1) of each example: shape (len(X),)."""
        return predict_shares(X, self.coefficients_)


def predict_shares(examples: Sequence[Example], coefficients: Coefficients) -> Matrix:
    """Share of full marks (0 to 1) that coefficients give each example: shape (len(examples),)."""
    table = LevelTable(examples)
    probabilities = table.level_probabilities(_parameters_by_level(examples, coefficients))
    return np.clip(table.total_shares(probabilities), 0.0, 1.0)


def predict_levels(examples: Sequence[Example], coefficients: Coefficients) -> list[Matrix]:
    """For each example the probabilities (0 to 1) that its levels are reached, in their order."""
    table = LevelTable(examples)
    ends = np.cumsum([len(example.levels) for example in examples])[:-1]
    return np.split(table.level_probabilities(_parameters_by_level(examples, coefficients)), ends)


def _measure_zh_offsets(examples: Sequence[Example]) -> Matrix:
    """By how much features are larger for the same answers in Chinese: shape (2, features), by kind, 0 without any."""
    rows: dict[tuple[Kind, str, str, int], dict[str, Matrix]] = defaultdict(dict)
    for example in examples:
        for number, level in enumerate(example.levels):
            row = np.asarray([getattr(level.signals, name) for name in FEATURES], dtype=float)
            kind = weighed_as(level.kind)
            rows[kind, example.question, example.answer, number][example.language] = np.nan_to_num(row)
    differences = [(key[0], pair["zh"] - pair["en"]) for key, pair in rows.items() if len(pair) == 2]
    by_kind = [[difference for of_kind, difference in differences if of_kind == kind] for kind in KINDS]
    return np.asarray([np.mean(of_kind, axis=0) if of_kind else np.zeros(len(FEATURES)) for of_kind in by_kind])


def _parameters_by_level(examples: Sequence[Example], coefficients: Coefficients) -> Matrix:
    """The parameters for each level, those of its question in its language: shape (levels, WIDTH)."""
    by_question = {
        (question, language): read_parameters(coefficients.for_question(question), language)
        for question, language in {(example.question, example.language) for example in examples}
    }
    rows = [
        by_question[example.question, example.language][KINDS.index(weighed_as(level.kind))]
        for example in examples
        for level in example.levels
    ]
    parameters = np.asarray(rows, dtype=float).reshape(-1, WIDTH)
    # Gates have no lapses: a lapse would cap answers that clearly pass.
    parameters[[level.kind == "gate" for example in examples for level in example.levels], -1] = 0.0
    return parameters
