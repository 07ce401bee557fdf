from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivavoce.evaluation.fitting.parameters import (
    GENERATION,
    KINDS,
    WIDTH,
    assemble_coefficients,
    build_coefficients,
    read_means,
    read_parameters,
    read_zh_offsets,
    weighed_as,
)
from vivavoce.graders.scoring.coefficients import FEATURES, default_coefficients
from vivavoce.graders.scoring.confidence import ConfidenceWeights
from vivavoce.graders.testing import HASHING_COEFFICIENTS

SHIPPED = default_coefficients()


def test_gates_are_weighed_like_merit() -> None:
    assert [weighed_as(kind) for kind in ("merit", "mistake", "gate")] == ["merit", "mistake", "merit"]


def test_coefficients_come_back_as_they_were() -> None:
    general = SHIPPED.general
    parameters, means, offsets = read_parameters(general), read_means(general), read_zh_offsets(general)
    assert parameters.shape == (len(KINDS), WIDTH)
    again = build_coefficients(parameters, means, offsets, [0, 1])
    for ours, theirs in ((again.merit, general.merit), (again.mistake, general.mistake)):
        assert (ours.intercept, ours.weights, ours.means, ours.lapse_rate) == (
            theirs.intercept,
            theirs.weights,
            theirs.means,
            theirs.lapse_rate,
        )
        assert ours.zh_offsets == {name: theirs.zh_offsets.get(name, 0.0) for name in FEATURES}


def test_chinese_has_parameters_of_its_own() -> None:
    english, chinese = read_parameters(SHIPPED.general), read_parameters(SHIPPED.general, "zh")
    assert (english[:, 1:] == chinese[:, 1:]).all()
    assert (english[:, 0] != chinese[:, 0]).any()


def test_a_kind_that_was_not_fitted_has_the_other_s_weights() -> None:
    parameters = np.arange(2.0 * WIDTH).reshape(2, WIDTH) / 100
    none = np.zeros((2, len(FEATURES)))
    of_merit = build_coefficients(parameters, none, none, [0])
    assert of_merit.mistake == replace(of_merit.merit, lapse_rate=0.0)
    assert of_merit.merit.lapse_rate == pytest.approx((WIDTH - 1) / 100)
    of_mistake = build_coefficients(parameters, none, none, [1])
    assert of_mistake.merit == replace(of_mistake.mistake, lapse_rate=0.0)
    assert of_mistake.mistake.intercept == pytest.approx(WIDTH / 100)


def test_numbers_have_four_digits() -> None:
    parameters = np.full((2, WIDTH), 1 / 3)
    fitted = build_coefficients(parameters, parameters[:, :-2], parameters[:, :-2], [0, 1])
    assert {fitted.merit.intercept, *fitted.merit.weights.values(), *fitted.merit.means.values()} == {0.3333}


def test_the_version_is_a_hash_of_all_numbers() -> None:
    general = HASHING_COEFFICIENTS.general
    changed = [
        replace(general, grades=1),
        replace(general, merit=replace(general.merit, intercept=general.merit.intercept + 0.0001)),
        replace(general, mistake=replace(general.mistake, zh_offsets={"judge": 0.1})),
        replace(general, confidence=ConfidenceWeights(1.0, 2.0, 3.0, 4.0)),
    ]
    versions = [assemble_coefficients(weights).version for weights in (general, *changed)]
    versions.append(assemble_coefficients(general, {"bert": general}).version)
    assert len(set(versions)) == len(versions)
    assert assemble_coefficients(general).version == versions[0]
    assert all(version.startswith(f"{GENERATION}-") and len(version) == 10 for version in versions)


def test_questions_keep_their_weights() -> None:
    general = HASHING_COEFFICIENTS.general
    of_bert = replace(general, grades=7)
    coefficients = assemble_coefficients(general, {"bert": of_bert})
    assert coefficients.for_question("bert") == of_bert
    assert coefficients.for_question("other") == general == coefficients.general
