from __future__ import annotations

from dataclasses import replace

import pytest

from vivavoce.evaluation.fitting import Example
from vivavoce.evaluation.fitting.model_selection import LAPSE_RATES, NEVER, RIDGES, assign_folds, select_model

from ..builders import build_example


def _graded(dataset: str, count: int = 40) -> list[Example]:
    return [build_example(number, dataset=dataset) for number in range(count)]


def test_each_candidate_is_reported_and_one_selected() -> None:
    lines: list[str] = []
    model = select_model([*_graded("one"), *_graded("two")], say=lines.append)
    assert len(lines) == len(RIDGES) * len(LAPSE_RATES)
    assert lines[0].startswith("ridge 0.01, lapse 0: squared error left out 0.")
    assert model.ridge in RIDGES
    # Grades never contradict the signals.
    assert model.lapse_rate == 0


def _known_levels(dataset: str) -> list[Example]:
    """Answers of the bank, whose levels are known one by one and never contradict the signals."""
    return [
        replace(example, levels=(replace(example.levels[0], reached=bool(example.known)),))
        for example in _graded(dataset)
    ]


def test_grades_that_contradict_clear_levels_need_lapses() -> None:
    doubtful = [
        replace(example, known=1 - (example.known or 0)) if number % 10 < 4 else example
        for name in ("one", "two")
        for number, example in enumerate(_graded(name))
    ]
    examples = [*_known_levels("bank-en"), *_known_levels("bank-zh"), *doubtful]
    assert select_model(examples).lapse_rate > 0.1
    assert select_model(examples, lapses=(0.0,)).lapse_rate == 0


def test_of_nearly_equal_errors_the_strongest_ridge_wins() -> None:
    # Every third pair of grades contradicts the signals, so weights hardly matter.
    examples = [
        build_example(number, dataset=name, grade=float(number % 2 if number % 6 // 2 else 1 - number % 2))
        for name in ("one", "two")
        for number in range(40)
    ]
    lines: list[str] = []
    model = select_model(examples, lapses=(0.0,), say=lines.append)
    errors = [float(line.split()[-1]) for line in lines]
    assert model.ridge == RIDGES[0] == max(RIDGES)
    assert min(errors) < errors[0] < 1.01 * min(errors)


def test_the_model_has_the_features_asked_for() -> None:
    model = select_model(_graded("one"), features=("judge",), lapses=(0.0,))
    weights = model.fit(_graded("one")).coefficients_.merit.weights
    assert {name for name, weight in weights.items() if weight} == {"judge"}


def test_each_data_set_of_people_is_a_fold() -> None:
    examples = [*_graded("b", 2), *_graded("bank-en", 2), *_graded("a", 1)]
    assert assign_folds(examples) == [1, 1, NEVER, NEVER, 0]


@pytest.mark.parametrize("datasets", [["one"], ["bank-en", "bank-zh"]])
def test_a_single_set_and_the_bank_are_held_out_by_question(datasets: list[str]) -> None:
    examples = [
        replace(build_example(number), dataset=dataset, question=f"q{number:02}")
        for dataset in datasets
        for number in range(12)
    ]
    folds = assign_folds(examples)
    assert folds[:12] == [number % 5 for number in range(12)]
    # A question is held out in both languages at once.
    assert folds == folds[:12] * len(datasets)
