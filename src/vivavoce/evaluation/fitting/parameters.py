"""Combiner weights as arrays for the fit, and back.

Parameters of a kind are its intercept, a weight for each of FEATURES, and its lapse rate, in this order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from vivavoce.graders.scoring.coefficients import FEATURES, Coefficients, CombinerWeights, LevelKind, Weights
from vivavoce.rubrics import Language

Matrix = npt.NDArray[np.float64]
WIDTH = 2 + len(FEATURES)
OF_FEATURES = slice(1, -1)
# Raise it when the score formula changes: older scores cannot be recomputed then.
GENERATION = 8
# Each has weights of its own; gates share those of merit.
Kind = Literal["merit", "mistake"]
KINDS: tuple[Kind, ...] = ("merit", "mistake")
# Coefficient files have so many digits.
_DIGITS = 4


def weighed_as(kind: LevelKind) -> Kind:
    """Whose weights the levels of a kind have."""
    return "mistake" if kind == "mistake" else "merit"


def read_parameters(weights: CombinerWeights, language: Language = "en") -> Matrix:
    """The parameters in a language: shape (2, WIDTH), by kind."""
    return np.asarray(
        [
            [kind.intercept, *(kind.weights[name] for name in FEATURES), kind.lapse_rate]
            for kind in (weights.merit.for_language(language), weights.mistake.for_language(language))
        ]
    )


def read_means(weights: CombinerWeights) -> Matrix:
    """The mean of each feature where the weights were fitted: shape (2, features), by kind."""
    return np.asarray([[kind.means[name] for name in FEATURES] for kind in (weights.merit, weights.mistake)])


def read_zh_offsets(weights: CombinerWeights) -> Matrix:
    """By how much each feature is larger in Chinese: shape (2, features), by kind, 0 where it is not known."""
    return np.asarray(
        [[kind.zh_offsets.get(name, 0.0) for name in FEATURES] for kind in (weights.merit, weights.mistake)]
    )


def build_coefficients(
    parameters: Matrix, means: Matrix, zh_offsets: Matrix, fitted_kinds: Sequence[int]
) -> Coefficients:
    """Coefficients of arrays by kind; a kind that was not fitted gets the other's weights, without lapses."""
    first = fitted_kinds[0]
    merit, mistake = (
        _build_weights(parameters[kind], means[kind], zh_offsets[kind])
        if kind in fitted_kinds
        else replace(_build_weights(parameters[first], means[first], zh_offsets[first]), lapse_rate=0.0)
        for kind in range(len(KINDS))
    )
    return assemble_coefficients(CombinerWeights(merit=merit, mistake=mistake))


def assemble_coefficients(
    general: CombinerWeights, questions: Mapping[str, CombinerWeights] = MappingProxyType({})
) -> Coefficients:
    """Coefficients whose version is a hash of all their numbers."""
    # Recomputing a grade needs the coefficients that gave it.
    by_name = {"": general, **questions}
    figures = json.dumps({name: asdict(weights) for name, weights in by_name.items()}, sort_keys=True)
    version = f"{GENERATION}-{hashlib.sha256(figures.encode()).hexdigest()[:8]}"
    return Coefficients(
        merit=general.merit,
        mistake=general.mistake,
        confidence=general.confidence,
        grades=general.grades,
        version=version,
        questions=dict(questions),
    )


def _build_weights(parameters: Matrix, means: Matrix, zh_offsets: Matrix) -> Weights:
    def round_by_name(values: Matrix) -> dict[str, float]:
        return {name: round(float(value), _DIGITS) for name, value in zip(FEATURES, values, strict=True)}

    return Weights(
        intercept=round(float(parameters[0]), _DIGITS),
        weights=round_by_name(parameters[OF_FEATURES]),
        means=round_by_name(means),
        lapse_rate=round(float(parameters[-1]), _DIGITS),
        zh_offsets=round_by_name(zh_offsets),
    )
