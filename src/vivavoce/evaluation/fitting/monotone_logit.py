"""The model that is fitted: for each level a logistic curve over what was found, for an answer the sum of its levels.

No weight is below 0, so that more of a signal never lowers the probability of earning points. What is minimised is the
mean squared error, each data set weighing the same, and in one that people graded each tenth of their scale by the root
of how many answers it has, so that a set of mostly full marks teaches less to give full marks; and a ridge that holds
the weights near where they were: near 0, or near other coefficients, to which few grades then add little. Answers that
are there in both languages tell how much larger each feature is in Chinese; so much is taken off, for the judge says
yes there more readily.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Literal, Self, cast

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin

from vivavoce.graders.scoring.coefficients import FEATURES, Coefficients, CombinerWeights, LevelKind, Weights
from vivavoce.rubrics import Language, cap_share, list_caps

from ..agreement import Scores, score_bins
from .examples import Example

Matrix = npt.NDArray[np.float64]
# Parameters of a kind: the intercept, a weight for each feature, the lapse.
_WIDTH = 2 + len(FEATURES)
_OF_FEATURES = slice(1, -1)
# Changes with the rule that makes scores of coefficients, for then no earlier score can be recomputed.
GENERATION = 8
# Of these two each has its own weights; gates are weighed as what earns points.
Kind = Literal["merit", "mistake"]
KINDS: tuple[Kind, ...] = ("merit", "mistake")
# About how widely each feature spreads: the ridge weighs them alike.
_UNITS: Mapping[str, float] = {
    "judge": 2.0,
    "verifier": 4.0,
    "similarity_gain": 0.05,
    "term_recall": 0.2,
    "rouge1_recall": 0.2,
}
_UNIT = np.asarray([_UNITS[name] for name in FEATURES])
_START = -1.0
# Of lapses: as far as this from the prior's weighs as much as a signal's weight that moves a logit by one.
_LAPSE_UNIT = 0.2
_MOST_LAPSES = 0.4


class MonotoneLogit(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn regressor from examples to shares of full marks.

    `features` are those that may weigh anything, if all examples have them. The ridge holds weights near 0 and leaves
    intercepts free; the `lapse_rate` of merit is not fitted, since only held-out answers show it. With a `prior` the
    ridge holds weights, intercepts and lapses near that one's, and every answer weighs the same, so that
    the people's own strictness is learned. `fit` raises ValueError for no examples.
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
        """Fit to examples; what is known of them stands in them, so `y` is not looked at."""
        if not X:
            raise ValueError("there is nothing to fit to")
        table = _Table(X, by_tenths=self.prior is None)
        able = [name in self.features and bool(whole) for name, whole in zip(FEATURES, table.whole, strict=True)]
        zh_offsets = _chinese(X) if self.prior is None else _chinese_of(self.prior)
        table.rows -= zh_offsets[table.kinds] * table.zh_offsets[:, None]
        # Features count from their means: one that hardly varies could else stand in for the intercept.
        centres = table.means() if self.prior is None else _means(self.prior)
        table.rows -= centres[table.kinds]
        near = np.zeros((2, _WIDTH))
        held = np.asarray([0.0, *_UNIT, 0.0])
        if self.prior:
            near = _parameters(self.prior)
            near[:, 0] += (near[:, _OF_FEATURES] * centres).sum(axis=1)
            held = np.asarray([1.0, *_UNIT, 1 / _LAPSE_UNIT])

        # Searched in units of each feature's spread: in their own, steps overshoot to where all curves are flat.
        units = np.asarray([1.0, *_UNIT, 1 / _LAPSE_UNIT])

        def loss(flat: Matrix) -> tuple[float, Matrix]:
            parameters = flat.reshape(2, -1) / units
            error, gradient = table.error(parameters)
            off = (parameters - near) * held
            gradient += 2 * self.ridge * off * held
            return error + self.ridge * float((off**2).sum()), (gradient / units).ravel()

        start = near.copy()
        if not self.prior:
            start[:, :-1] = (_START, *(0.5 / _UNIT))
        start[:, _OF_FEATURES] *= able
        of_weights = [(None, None), *((0, None if one else 0) for one in able)]
        of_lapses = [(0, _MOST_LAPSES / _LAPSE_UNIT) if self.prior else (own, own) for own in near[:, -1] / _LAPSE_UNIT]
        bounds = [*of_weights, of_lapses[0], *of_weights, of_lapses[1]]
        found = minimize(loss, (start * units).ravel(), jac=True, bounds=bounds, method="L-BFGS-B").x
        found = found.reshape(2, -1) / units
        found[:, 0] -= (found[:, _OF_FEATURES] * centres).sum(axis=1)
        if not self.prior:
            found[KINDS.index("merit"), -1] = self.lapse_rate
        there = list(range(len(KINDS))) if self.prior else sorted(set(table.kinds.tolist()))
        self.coefficients_ = _coefficients(found, centres, zh_offsets, there)
        return self

    def with_lapse_rate(self, lapse_rate: float) -> MonotoneLogit:
        """This model, fitted, with another `lapse_rate`: that of merit is not fitted without a prior."""
        other = MonotoneLogit(ridge=self.ridge, lapse_rate=lapse_rate, features=self.features, prior=self.prior)
        general = self.coefficients_.general
        other.coefficients_ = assemble(replace(general, merit=replace(general.merit, lapse_rate=lapse_rate)))
        return other

    def predict(self, X: Sequence[Example]) -> Matrix:
        """Share of full marks (0 to 1) of each example, shape (len(X),)."""
        return shares(X, self.coefficients_)


def shares(examples: Sequence[Example], coefficients: Coefficients) -> Matrix:
    """Share of full marks (0 to 1) that coefficients give each example, shape (len(examples),)."""
    table = _Table(examples)
    return np.clip(table.sums(table.chances(_by_level(examples, coefficients))), 0.0, 1.0)


def chances(examples: Sequence[Example], coefficients: Coefficients) -> list[Matrix]:
    """For each example the probabilities (0 to 1) of its levels being reached."""
    table = _Table(examples)
    ends = np.cumsum([len(example.levels) for example in examples])[:-1]
    return np.split(table.chances(_by_level(examples, coefficients)), ends)


def grade_weights(grades: Scores, *, power: float = 0.5) -> Matrix:
    """How much each of a data set's grades (0 to 1) weighs: shape (n,), summing to 1.

    It falls with the `power` (0 to 1) of how many grades its tenth of the scale has: at 0 every grade weighs the same,
    at 1 every tenth that has any, and half-way a tenth weighs by the root of its grades.
    """
    tenths = score_bins(grades)
    weights = np.bincount(tenths)[tenths].astype(float) ** -power
    found: Matrix = weights / weights.sum()
    return found


def assemble(general: CombinerWeights, questions: Mapping[str, CombinerWeights] = MappingProxyType({})) -> Coefficients:
    """Coefficients with a version that follows from their figures."""
    # No two fits share a version: grades are recomputed only with the coefficients that gave them.
    each = {"": general, **questions}
    figures = json.dumps({name: asdict(own) for name, own in each.items()}, sort_keys=True)
    version = f"{GENERATION}-{hashlib.sha256(figures.encode()).hexdigest()[:8]}"
    return Coefficients(
        merit=general.merit,
        mistake=general.mistake,
        confidence=general.confidence,
        grades=general.grades,
        version=version,
        questions=dict(questions),
    )


@dataclass(frozen=True)
class _Weighing:
    of_levels: Matrix
    of_examples: Matrix


class _Table:
    """Examples as arrays: a row for each level, shape (levels, features), and the example that each row belongs to.

    `whole` says which features all rows have; where one is missing it stands as 0. With `by_tenths` the error weighs
    the wholes of a set by `grade_weights`, else all alike.
    """

    def __init__(self, examples: Sequence[Example], *, by_tenths: bool = True) -> None:
        levels = [level for example in examples for level in example.levels]
        rows = [[getattr(level.signals, name) for name in FEATURES] for level in levels]
        found = np.asarray(rows, dtype=float).reshape(-1, len(FEATURES))
        self.whole = np.isfinite(found).all(axis=0)
        self.rows = np.nan_to_num(found)
        self.zh_offsets = np.asarray(
            [example.language == "zh" for example in examples for _ in example.levels], dtype=bool
        )
        self.kinds = np.asarray([KINDS.index(_weighed_as(level.kind)) for level in levels], dtype=int)
        self.is_gate = np.asarray([level.kind == "gate" for level in levels], dtype=bool)
        worth = np.asarray([level.share for level in levels], dtype=float)
        self.shares, self.caps = np.where(self.is_gate, 0.0, worth), np.where(self.is_gate, worth, 1.0)
        self.reached = np.asarray([np.nan if level.reached is None else float(level.reached) for level in levels])
        self.owners = np.repeat(np.arange(len(examples)), [len(example.levels) for example in examples])
        self.known = np.asarray([np.nan if example.known is None else example.known for example in examples])
        self.count = len(examples)
        self._weighing = _weigh(examples, by_tenths=by_tenths)

    def chances(self, own: Matrix) -> Matrix:
        """The probability of each level, for parameters of shape (levels, _WIDTH)."""
        found: Matrix = own[:, -1] + (1 - 2 * own[:, -1]) * self._sure(own)
        return found

    def _sure(self, own: Matrix) -> Matrix:
        logits = own[:, 0] + (self.rows * own[:, _OF_FEATURES]).sum(axis=1)
        found: Matrix = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        return found

    def sums(self, chances: Matrix) -> Matrix:
        """The share of full marks of each example; only where there is a gate it is kept within 0 and 1."""
        found = self._points(chances)
        for example, rows in self._gates().items():
            found[example] = cap_share(found[example], zip(self.caps[rows], chances[rows], strict=True)).share
        return found

    def _points(self, chances: Matrix) -> Matrix:
        """The share of full marks of each example before gates."""
        found: Matrix = np.bincount(self.owners, weights=self.shares * chances, minlength=self.count).astype(float)
        return found

    def _gates(self) -> dict[int, list[int]]:
        """The rows of the gates by example."""
        found: dict[int, list[int]] = defaultdict(list)
        for row in np.flatnonzero(self.is_gate):
            found[int(self.owners[row])].append(int(row))
        return found

    def _slopes(self, chances: Matrix) -> Matrix:
        """The derivative of an example's share of full marks by the probability of each of its levels."""
        points = self._points(chances)
        of_points = np.ones(self.count)
        slopes = np.zeros(len(chances))
        for example, rows in self._gates().items():
            share = points[example]
            gates = list(zip(self.caps[rows], chances[rows], strict=True))
            free = sum(cap.probability for cap in list_caps(gates) if share <= cap.share)
            of_points[example] = free if 0 <= share <= 1 else 0.0
            for place, row in enumerate(rows):
                # The expectation is linear in the probability of each gate.
                met, missed = (
                    cap_share(share, [*gates[:place], (self.caps[row], certain), *gates[place + 1 :]]).share
                    for certain in (1.0, 0.0)
                )
                slopes[row] = met - missed
        found: Matrix = slopes + of_points[self.owners] * self.shares
        return found

    def error(self, parameters: Matrix) -> tuple[float, Matrix]:
        """The mean squared error, and its gradient of the shape of `parameters`: (2, _WIDTH), by kind."""
        by_level = parameters[self.kinds]
        by_level[self.is_gate, -1] = 0.0
        chances, sure = self.chances(by_level), self._sure(by_level)
        of_levels = np.nan_to_num(chances - self.reached)
        of_examples = np.nan_to_num(self.sums(chances) - self.known)
        weighing = self._weighing
        error = (weighing.of_levels * of_levels**2).sum() + (weighing.of_examples * of_examples**2).sum()
        by_chance = 2 * weighing.of_levels * of_levels
        by_chance += 2 * (weighing.of_examples * of_examples)[self.owners] * self._slopes(chances)
        by_logit = by_chance * (1 - 2 * by_level[:, -1]) * sure * (1 - sure)
        by_lapse = np.where(self.is_gate, 0.0, by_chance * (1 - 2 * sure))
        gradient = np.zeros_like(parameters)
        for kind in range(len(KINDS)):
            own = self.kinds == kind
            gradient[kind] = [by_logit[own].sum(), *(by_logit[own] @ self.rows[own]), by_lapse[own].sum()]
        return float(error), gradient

    def means(self) -> Matrix:
        """The mean of each feature, shape (2, features): by kind, of a kind that no level has as of all levels."""
        own = [self.rows[self.kinds == kind] for kind in range(len(KINDS))]
        return np.asarray([(rows if len(rows) else self.rows).mean(axis=0) for rows in own])


def _chinese(examples: Sequence[Example]) -> Matrix:
    """By how much features are larger for the same answers in Chinese: shape (2, features), by kind, 0 without any."""
    found: dict[tuple[Kind, str, str, int], dict[str, Matrix]] = defaultdict(dict)
    for example in examples:
        for number, level in enumerate(example.levels):
            row = np.asarray([getattr(level.signals, name) for name in FEATURES], dtype=float)
            kind = _weighed_as(level.kind)
            found[kind, example.question, example.answer, number][example.language] = np.nan_to_num(row)
    both = [(key[0], own["zh"] - own["en"]) for key, own in found.items() if len(own) == 2]
    each = [[more for own, more in both if own == kind] for kind in KINDS]
    return np.asarray([np.mean(more, axis=0) if more else np.zeros(len(FEATURES)) for more in each])


def _chinese_of(coefficients: CombinerWeights) -> Matrix:
    both = (coefficients.merit, coefficients.mistake)
    return np.asarray([[weights.zh_offsets.get(name, 0.0) for name in FEATURES] for weights in both])


def _coefficients(parameters: Matrix, means: Matrix, zh_offsets: Matrix, there: Sequence[int]) -> Coefficients:
    """The parameters by name; a kind that is not there is weighed as the other, without its lapses."""
    merit, mistake = (
        _weights(parameters[kind], means[kind], zh_offsets[kind])
        if kind in there
        else replace(_weights(parameters[there[0]], means[there[0]], zh_offsets[there[0]]), lapse_rate=0.0)
        for kind in range(len(KINDS))
    )
    return assemble(CombinerWeights(merit=merit, mistake=mistake))


def _weigh(examples: Sequence[Example], *, by_tenths: bool) -> _Weighing:
    """Every data set weighs the same, among levels of a kind that are known singly and answers known as wholes."""
    singly = Counter(
        (example.dataset, _weighed_as(level.kind))
        for example in examples
        for level in example.levels
        if level.reached is not None
    )
    wholes: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        if _is_whole(example):
            wholes[example.dataset].append(place)
    sets = {kind: sum(own == kind for _, own in singly) + len(wholes) * (kind == "merit") for kind in KINDS}
    of_examples = np.zeros(len(examples))
    for own in wholes.values():
        grades = [cast(float, examples[place].known) for place in own]
        of_examples[own] = (grade_weights(grades) if by_tenths else np.full(len(own), 1 / len(own))) / sets["merit"]
    return _Weighing(
        of_levels=np.asarray(
            [
                0.0 if level.reached is None else 1 / singly[example.dataset, kind] / sets[kind]
                for example in examples
                for level in example.levels
                for kind in [_weighed_as(level.kind)]
            ]
        ),
        of_examples=of_examples,
    )


def _is_whole(example: Example) -> bool:
    return example.known is not None and all(level.reached is None for level in example.levels)


def _by_level(examples: Sequence[Example], coefficients: Coefficients) -> Matrix:
    """The parameters for each level, those of its question in its language: shape (levels, _WIDTH)."""
    own = {
        (name, language): _parameters(coefficients.for_question(name), language)
        for name, language in {(each.question, each.language) for each in examples}
    }
    rows = [
        own[each.question, each.language][KINDS.index(_weighed_as(level.kind))]
        for each in examples
        for level in each.levels
    ]
    found = np.asarray(rows, dtype=float).reshape(-1, _WIDTH)
    found[[level.kind == "gate" for each in examples for level in each.levels], -1] = 0.0
    return found


def _weighed_as(kind: LevelKind) -> Kind:
    """Whose weights the levels of a kind have."""
    return "mistake" if kind == "mistake" else "merit"


def _parameters(coefficients: CombinerWeights, language: Language = "en") -> Matrix:
    """Shape (2, _WIDTH), by kind."""
    return np.asarray(
        [
            [weights.intercept, *(weights.weights[name] for name in FEATURES), weights.lapse_rate]
            for weights in (coefficients.merit.for_language(language), coefficients.mistake.for_language(language))
        ]
    )


def _means(coefficients: CombinerWeights) -> Matrix:
    return np.asarray(
        [[weights.means[name] for name in FEATURES] for weights in (coefficients.merit, coefficients.mistake)]
    )


def _weights(parameters: Matrix, means: Matrix, zh_offsets: Matrix) -> Weights:
    return Weights(
        intercept=round(float(parameters[0]), 4),
        weights={
            name: round(float(weight), 4) for name, weight in zip(FEATURES, parameters[_OF_FEATURES], strict=True)
        },
        means={name: round(float(mean), 4) for name, mean in zip(FEATURES, means, strict=True)},
        lapse_rate=round(float(parameters[-1]), 4),
        zh_offsets={name: round(float(more), 4) for name, more in zip(FEATURES, zh_offsets, strict=True)},
    )
