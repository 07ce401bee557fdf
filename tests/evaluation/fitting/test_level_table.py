from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from vivavoce.evaluation.fitting import Example, Level
from vivavoce.evaluation.fitting.level_table import LevelTable, grade_weights
from vivavoce.evaluation.fitting.parameters import KINDS, OF_FEATURES, WIDTH
from vivavoce.graders.scoring.coefficients import FEATURES

from ..builders import build_example, build_signals


def _levels(*kinds_and_shares: tuple[str, float], reached: bool | None = None) -> tuple[Level, ...]:
    """Levels whose signals are the number of the level."""
    return tuple(
        Level(f"c{number}", kind, share, build_signals(float(number)), reached)  # type: ignore[arg-type]
        for number, (kind, share) in enumerate(kinds_and_shares)
    )


def _example(levels: tuple[Level, ...], *, grade: float | None = 0.5, dataset: str = "set") -> Example:
    return Example(dataset, "q", "en", "a", grade, levels)


def _parameters(intercept: float, *, lapse_rate: float = 0.0) -> np.ndarray:
    """The same probability for every level."""
    parameters = np.zeros((2, WIDTH))
    parameters[:, 0], parameters[:, -1] = intercept, lapse_rate
    return parameters


@pytest.mark.parametrize(("power", "share"), [(0, 0.9), (0.5, 0.75), (1, 0.5)])
def test_a_tenth_weighs_by_a_power_of_its_grades(power: float, share: float) -> None:
    grades = [*([1.0] * 180), *([0.0] * 20)]
    weights = grade_weights(grades, power=power)
    assert weights.sum() == pytest.approx(1)
    assert weights @ grades == pytest.approx(share)


def test_each_level_is_a_row_of_its_example() -> None:
    examples = [_example(_levels(("merit", 0.6), ("mistake", -0.2))), _example(()), _example(_levels(("gate", 0.3)))]
    table = LevelTable(examples)
    assert table.owners.tolist() == [0, 0, 2]
    assert [KINDS[kind] for kind in table.kinds] == ["merit", "mistake", "merit"]
    assert table.is_gate.tolist() == [False, False, True]
    assert table.shares.tolist() == [0.6, -0.2, 0.0]
    assert table.caps.tolist() == [1.0, 1.0, 0.3]
    assert table.rows.shape == (3, len(FEATURES))
    assert table.rows[1].tolist() == [getattr(build_signals(1.0), name) for name in FEATURES]


def test_a_missing_feature_is_not_complete_and_stands_as_zero() -> None:
    levels = (Level("c", "merit", 1.0, build_signals(2.0, verifier=None)),)
    table = LevelTable([build_example(1), _example(levels)])
    assert dict(zip(FEATURES, table.complete.tolist(), strict=True)) == {name: name != "verifier" for name in FEATURES}
    assert table.rows[1, FEATURES.index("verifier")] == 0


def test_lapses_keep_probabilities_from_certainty() -> None:
    table = LevelTable([_example(_levels(("merit", 1.0)))])

    def probability(intercept: float, lapse_rate: float) -> float:
        return float(table.level_probabilities(_parameters(intercept, lapse_rate=lapse_rate)[table.kinds])[0])

    assert probability(0.0, 0.0) == probability(0.0, 0.2) == pytest.approx(0.5)
    assert probability(500.0, 0.1) == pytest.approx(0.9)
    assert probability(-500.0, 0.1) == pytest.approx(0.1)


def test_totals_sum_points_and_only_gates_cap_them() -> None:
    examples = [
        _example(_levels(("merit", 0.6), ("merit", 0.4), ("mistake", -0.5))),
        _example(_levels(("merit", 1.0), ("gate", 0.3))),
        _example(()),
    ]
    table = LevelTable(examples)
    totals = table.total_shares(np.array([1.0, 0.0, 1.0, 1.0, 0.0]))
    assert totals == pytest.approx([0.1, 0.3, 0.0])
    # A gate that is met with probability 1/2 takes half of the excess.
    assert table.total_shares(np.array([0.0, 0.0, 1.0, 1.0, 0.5])) == pytest.approx([-0.5, 0.65, 0.0])


def test_means_are_by_kind_and_else_of_all() -> None:
    both = LevelTable([_example(_levels(("merit", 1.0), ("mistake", -1.0), ("merit", 1.0)))])
    judge = FEATURES.index("judge")
    assert both.mean_features()[:, judge].tolist() == [1.0, 1.0]
    merit = LevelTable([_example(_levels(("merit", 1.0), ("merit", 1.0)))])
    assert merit.mean_features()[:, judge].tolist() == [0.5, 0.5]


def test_every_data_set_weighs_the_same_in_the_error() -> None:
    levels = _levels(("merit", 1.0))
    # With probability 1/2 the error of a full mark is 1/4, of a half mark 0.
    many = [_example(levels, grade=1.0) for _ in range(9)]
    one = [_example(levels, grade=0.5, dataset="other")]
    error, _ = LevelTable([*many, *one]).measure_error(_parameters(0.0))
    assert error == pytest.approx(0.25 / 2)


def test_grades_of_a_set_weigh_by_tenths_or_alike() -> None:
    levels = _levels(("merit", 1.0))
    examples = [_example(levels, grade=1.0) for _ in range(9)] + [_example(levels, grade=0.5)]
    by_tenths, _ = LevelTable(examples).measure_error(_parameters(0.0))
    alike, _ = LevelTable(examples, by_tenths=False).measure_error(_parameters(0.0))
    assert alike == pytest.approx(0.9 * 0.25)
    assert by_tenths == pytest.approx(0.75 * 0.25)


def test_levels_that_are_known_count_and_not_their_sum() -> None:
    known = _example(_levels(("merit", 0.5), ("merit", 0.5), reached=True), grade=0.0)
    error, _ = LevelTable([known]).measure_error(_parameters(0.0))
    assert error == pytest.approx(0.25)


def test_an_example_of_which_nothing_is_known_is_no_error() -> None:
    error, gradient = LevelTable([_example(_levels(("merit", 1.0)), grade=None)]).measure_error(_parameters(0.0))
    assert error == 0
    assert not gradient.any()


def _noisy_examples(kind: str, *, singly: bool, count: int = 20) -> list[Example]:
    draw = random.Random(1)
    return [
        _example(
            (Level("c", kind, 1.0, build_signals(draw.gauss(0, 2)), bool(number % 2) if singly else None),),  # type: ignore[arg-type]
            grade=float(number % 2),
        )
        for number in range(count)
    ]


def _add_gates(example: Example, *caps: float) -> Example:
    """The example with gates that have the signals of its points."""
    (level,) = example.levels
    gates = tuple(replace(level, criterion=f"gate-{cap}", kind="gate", share=cap) for cap in (*caps, 0.8))
    return replace(example, levels=(level, *gates))


@pytest.mark.parametrize("with_gates", [False, True])
def test_the_gradient_is_that_of_the_error(with_gates: bool) -> None:
    examples = [*_noisy_examples("merit", singly=True), *_noisy_examples("mistake", singly=False)]
    if with_gates:
        merit = _noisy_examples("merit", singly=False, count=10)
        examples = [_add_gates(example, cap) for example in merit for cap in (0.3, 0.5)]
    table = LevelTable(examples)
    point = np.random.default_rng(1).normal(0, 0.3, (2, WIDTH))
    _, gradient = table.measure_error(point)
    for index in np.ndindex(point.shape):
        step = np.zeros_like(point)
        step[index] = 1e-6
        slope = (table.measure_error(point + step)[0] - table.measure_error(point - step)[0]) / 2e-6
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_parameters_are_intercept_features_and_lapse() -> None:
    assert len(range(WIDTH)[OF_FEATURES]) == len(FEATURES)
    assert (range(WIDTH)[OF_FEATURES][0], range(WIDTH)[OF_FEATURES][-1]) == (1, WIDTH - 2)
