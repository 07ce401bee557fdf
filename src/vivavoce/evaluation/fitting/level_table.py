"""Examples as arrays, and the squared error of parameters on them, with its gradient."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from vivavoce.graders.scoring.coefficients import FEATURES
from vivavoce.rubrics import cap_share, list_caps

from ..agreement import Scores, score_bins
from .examples import Example
from .parameters import KINDS, OF_FEATURES, Matrix, weighed_as

# In logits; keeps the exponential from overflowing.
_MAX_LOGIT = 30


def grade_weights(grades: Scores, *, power: float = 0.5) -> Matrix:
    """The weight of each of a data set's grades (0 to 1): shape (n,), summing to 1.

    It falls with the `power` (0 to 1) of how many grades its tenth of the scale has: at 0 every grade weighs the same,
    at 1 every tenth that has any, and at .5 a tenth weighs by the square root of its grades.
    """
    tenths = score_bins(grades)
    weights = np.bincount(tenths)[tenths].astype(float) ** -power
    normalised: Matrix = weights / weights.sum()
    return normalised


@dataclass(frozen=True)
class _ErrorWeights:
    of_levels: Matrix
    of_examples: Matrix


class LevelTable:
    """Examples as arrays: a row for each level, shape (levels, features), and the example that each row belongs to.

    `complete` says which features all rows have; a missing one stands as 0. With `by_tenths` the error weighs the
    grades of a data set by `grade_weights`, else all alike.
    """

    def __init__(self, examples: Sequence[Example], *, by_tenths: bool = True) -> None:
        levels = [level for example in examples for level in example.levels]
        rows = [[getattr(level.signals, name) for name in FEATURES] for level in levels]
        # A missing signal is None, which becomes NaN.
        features = np.asarray(rows, dtype=float).reshape(-1, len(FEATURES))
        self.complete = np.isfinite(features).all(axis=0)
        self.rows = np.nan_to_num(features)
        self.is_chinese = np.asarray(
            [example.language == "zh" for example in examples for _ in example.levels], dtype=bool
        )
        self.kinds = np.asarray([KINDS.index(weighed_as(level.kind)) for level in levels], dtype=int)
        self.is_gate = np.asarray([level.kind == "gate" for level in levels], dtype=bool)
        worth = np.asarray([level.share for level in levels], dtype=float)
        # A gate adds no points; its share is a cap.
        self.shares, self.caps = np.where(self.is_gate, 0.0, worth), np.where(self.is_gate, worth, 1.0)
        self.reached = np.asarray([np.nan if level.reached is None else float(level.reached) for level in levels])
        self.owners = np.repeat(np.arange(len(examples)), [len(example.levels) for example in examples])
        self.targets = np.asarray([np.nan if example.known is None else example.known for example in examples])
        self.count = len(examples)
        self._weights = _weigh_errors(examples, by_tenths=by_tenths)

    def level_probabilities(self, parameters: Matrix) -> Matrix:
        """The probability (0 to 1) of each level: shape (levels,), for parameters of shape (levels, WIDTH)."""
        lapses = parameters[:, -1]
        probabilities: Matrix = lapses + (1 - 2 * lapses) * self._without_lapses(parameters)
        return probabilities

    def _without_lapses(self, parameters: Matrix) -> Matrix:
        logits = parameters[:, 0] + (self.rows * parameters[:, OF_FEATURES]).sum(axis=1)
        probabilities: Matrix = 1 / (1 + np.exp(-np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT)))
        return probabilities

    def total_shares(self, probabilities: Matrix) -> Matrix:
        """The share of full marks of each example: shape (count,). Only those with a gate are kept within 0 and 1."""
        totals = self._sum_points(probabilities)
        for example, rows in self._gate_rows().items():
            totals[example] = cap_share(totals[example], zip(self.caps[rows], probabilities[rows], strict=True)).share
        return totals

    def _sum_points(self, probabilities: Matrix) -> Matrix:
        """The share of full marks of each example before gates."""
        sums: Matrix = np.bincount(self.owners, weights=self.shares * probabilities, minlength=self.count).astype(float)
        return sums

    def _gate_rows(self) -> dict[int, list[int]]:
        """The rows of the gates by example."""
        rows: dict[int, list[int]] = defaultdict(list)
        for row in np.flatnonzero(self.is_gate):
            rows[int(self.owners[row])].append(int(row))
        return rows

    def _slopes(self, probabilities: Matrix) -> Matrix:
        """The derivative of an example's share of full marks by the probability of each of its levels."""
        points = self._sum_points(probabilities)
        of_points = np.ones(self.count)
        slopes = np.zeros(len(probabilities))
        for example, rows in self._gate_rows().items():
            share = points[example]
            gates = list(zip(self.caps[rows], probabilities[rows], strict=True))
            uncapped = sum(cap.probability for cap in list_caps(gates) if share <= cap.share)
            of_points[example] = uncapped if 0 <= share <= 1 else 0.0
            for index, row in enumerate(rows):
                # The expectation is linear in the probability of each gate.
                met, missed = (
                    cap_share(share, [*gates[:index], (self.caps[row], certain), *gates[index + 1 :]]).share
                    for certain in (1.0, 0.0)
                )
                slopes[row] = met - missed
        total: Matrix = slopes + of_points[self.owners] * self.shares
        return total

    def measure_error(self, parameters: Matrix) -> tuple[float, Matrix]:
        """The weighted mean squared error, and its gradient of the shape of `parameters`: (2, WIDTH), by kind."""
        by_level = parameters[self.kinds]
        # Gates have no lapses.
        by_level[self.is_gate, -1] = 0.0
        probabilities, certain = self.level_probabilities(by_level), self._without_lapses(by_level)
        # What is not known is NaN and counts as no error.
        of_levels = np.nan_to_num(probabilities - self.reached)
        of_examples = np.nan_to_num(self.total_shares(probabilities) - self.targets)
        weights = self._weights
        error = (weights.of_levels * of_levels**2).sum() + (weights.of_examples * of_examples**2).sum()
        by_probability = 2 * weights.of_levels * of_levels
        by_probability += 2 * (weights.of_examples * of_examples)[self.owners] * self._slopes(probabilities)
        by_logit = by_probability * (1 - 2 * by_level[:, -1]) * certain * (1 - certain)
        by_lapse = np.where(self.is_gate, 0.0, by_probability * (1 - 2 * certain))
        gradient = np.zeros_like(parameters)
        for kind in range(len(KINDS)):
            of_kind = self.kinds == kind
            by_feature = by_logit[of_kind] @ self.rows[of_kind]
            gradient[kind] = [by_logit[of_kind].sum(), *by_feature, by_lapse[of_kind].sum()]
        return float(error), gradient

    def mean_features(self) -> Matrix:
        """The mean of each feature by kind: shape (2, features); a kind without levels has the means of all levels."""
        of_kinds = [self.rows[self.kinds == kind] for kind in range(len(KINDS))]
        return np.asarray([(rows if len(rows) else self.rows).mean(axis=0) for rows in of_kinds])


def _weigh_errors(examples: Sequence[Example], *, by_tenths: bool) -> _ErrorWeights:
    """Weights with which every data set weighs the same.

    Levels of a kind that are known one by one are a set of that kind, answers known as wholes one of merit.
    """
    singly = Counter(
        (example.dataset, weighed_as(level.kind))
        for example in examples
        for level in example.levels
        if level.reached is not None
    )
    wholes: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        if _is_whole(example):
            wholes[example.dataset].append(index)
    sets = {kind: sum(of_set == kind for _, of_set in singly) + len(wholes) * (kind == "merit") for kind in KINDS}
    of_examples = np.zeros(len(examples))
    for indices in wholes.values():
        grades = [cast(float, examples[index].known) for index in indices]
        weights = grade_weights(grades) if by_tenths else np.full(len(indices), 1 / len(indices))
        of_examples[indices] = weights / sets["merit"]
    of_levels = [
        0.0 if level.reached is None else 1 / singly[example.dataset, kind] / sets[kind]
        for example in examples
        for level in example.levels
        for kind in [weighed_as(level.kind)]
    ]
    return _ErrorWeights(of_levels=np.asarray(of_levels), of_examples=of_examples)


def _is_whole(example: Example) -> bool:
    """Whether people graded the answer as a whole and none of its levels is known."""
    return example.known is not None and all(level.reached is None for level in example.levels)
