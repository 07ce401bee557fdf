from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.evaluation import agreement
from vivavoce.evaluation.accuracy import (
    MACHINE_ROWS,
    Case,
    average_sets,
    figures_of,
    grade_set,
    levels_in,
    measure_agreement,
)
from vivavoce.evaluation.errors import EvaluationError
from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.testing import scripted_panel

from .builders import build_row, write_lines


def _case(number: int, *, human: float, machine: float, **fields: Any) -> Case:
    case = Case(
        dataset="one",
        question=number % 3,
        language="en",
        human=human,
        scores={"rouge": 0.3, "embedding": 1 - machine, "judge": machine, "combined": machine},
        likely=(machine - 0.1, machine + 0.1),
        confidence=0.5,
        needs_review=False,
    )
    return replace(case, **fields)


def _cases(count: int) -> list[Case]:
    draw = random.Random(1)
    return [_case(number, human=draw.randrange(5) / 4, machine=draw.random()) for number in range(count)]


def _measure(cases: list[Case], **options: Any) -> dict[str, Any]:
    return measure_agreement(cases, seed=1, intervals=False, **options)


@pytest.mark.parametrize(
    ("grades", "levels"),
    [
        ([0.0, 1.0], 2),
        ([0.0, 0.5], 3),
        ([0.25, 0.5], 5),
        ([0.5, 1 / 3], 7),
        ([0.1], 11),
        ([0.15], 11),
        ([1 / 3, 2 / 3, 1.0], 4),
        ([], 2),
    ],
)
def test_the_scale_is_the_coarsest_that_has_all_grades(grades: list[float], levels: int) -> None:
    assert levels_in(np.array(grades)) == levels


def test_figures_are_those_of_agreement() -> None:
    cases = _cases(40)
    human = np.array([case.human for case in cases])
    machine = np.array([case.scores["combined"] for case in cases])
    questions = [case.question for case in cases]
    figures = figures_of(human, machine, questions, levels=5)
    assert figures == {
        "pearson": agreement.pearson(human, machine),
        "spearman": agreement.spearman(human, machine),
        "rmse": agreement.rmse(human, machine),
        "wrmse": agreement.weighted_rmse(human, machine),
        "qwk": agreement.quadratic_weighted_kappa(human, machine, levels=5),
        "bias": agreement.bias(human, machine),
        "within_question": agreement.within_question(human, machine, questions),
        "ece": agreement.calibration_error(machine, human),
    }


def test_each_row_has_the_scores_of_its_signal() -> None:
    cases = _cases(40)
    rows = _measure(cases)["rows"]
    assert set(rows) == {*MACHINE_ROWS, "human"}
    assert rows["judge"] == rows["combined"]
    assert rows["embedding"]["pearson"] == pytest.approx(-rows["judge"]["pearson"])
    assert rows["rouge"]["pearson"] is None
    assert rows["rouge"]["bias"] == pytest.approx(0.3 - np.mean([case.human for case in cases]))
    assert rows["mean"]["bias"] == pytest.approx(0)
    assert rows["human"] is None


def test_several_languages_are_named_together() -> None:
    cases = _cases(4)
    assert _measure(cases)["lang"] == "en"
    assert _measure([replace(cases[0], language="zh"), *cases[1:]])["lang"] == "en+zh"


def test_no_cases_have_no_figures() -> None:
    figures = _measure([])
    assert (figures["n"], figures["lang"]) == (0, "")
    assert set(figures["rows"]["combined"].values()) == set(figures["review"].values()) == {None}


def test_raters_are_compared_in_both_directions() -> None:
    cases = [
        _case(0, human=0.5, machine=0.5, raters=(0.0, 1.0)),
        _case(1, human=0.5, machine=0.5, raters=(1.0, 1.0, 0.75)),
        _case(2, human=0.5, machine=0.5, raters=(0.5,)),
    ]
    human = _measure(cases)["rows"]["human"]
    # Two pairs of the first answer, six of the second, none of the third.
    assert human["rmse"] == pytest.approx(np.sqrt((2 * 1.0 + 4 * 0.0625) / 8))
    assert human["bias"] == pytest.approx(0)


@pytest.mark.parametrize(("human", "near"), [(0.65, 1), (0.6500005, 1), (0.66, 0), (0.35, 1), (0.34, 0)])
def test_near_is_within_one_and_a_half_points(human: float, near: float) -> None:
    review = _measure([_case(0, human=human, machine=0.5, confidence=0.8)])["review"]
    assert review["confidence_ece"] == pytest.approx(abs(0.8 - near))


@pytest.mark.parametrize(("human", "is_inside"), [(0.4, 1), (0.6, 1), (0.39, 0), (0.61, 0)])
def test_the_ends_of_the_range_are_in_it(human: float, is_inside: float) -> None:
    assert _measure([_case(0, human=human, machine=0.5)])["review"]["in_range"] == is_inside


def test_answers_sent_to_people_are_no_error_of_ours() -> None:
    cases = [
        _case(0, human=1.0, machine=0.0, needs_review=True, confidence=0.1),
        _case(1, human=1.0, machine=0.9, confidence=0.9),
        _case(2, human=1.0, machine=0.9, confidence=0.8),
        _case(3, human=1.0, machine=0.9, confidence=0.7),
    ]
    review = _measure(cases)["review"]
    assert review["share"] == 0.25
    assert review["rmse_kept"] == pytest.approx(0.1)
    assert review["rmse_all"] == pytest.approx(np.sqrt((1 + 3 * 0.01) / 4))
    # 70 % of four are three.
    assert review["rmse_confident"] == pytest.approx(0.1)


def test_the_pass_mark_is_that_of_the_settings() -> None:
    policies = _measure(_cases(10), review=ReviewPolicy(pass_mark=3, pass_margin=2))["policies"]
    assert policies[-1]["policy"] == "within 2 of 3"
    assert _measure(_cases(10))["policies"][-1]["policy"] == "within 0.5 of 6"


def test_each_interval_holds_its_figure() -> None:
    measured = measure_agreement(_cases(25), seed=1)
    assert set(measured["intervals"]) == set(MACHINE_ROWS) - {"mean"}
    assert measured["intervals"]["rouge"]["pearson"] is None
    for name in ("pearson", "wrmse", "qwk"):
        low, high = measured["intervals"]["combined"][name]
        assert low < measured["rows"]["combined"][name] < high


def test_sets_count_the_same_in_the_average() -> None:
    sets = {"one": _measure(_cases(10)), "two": _measure(_cases(30))}
    averages = average_sets(sets)
    assert set(averages) == set(MACHINE_ROWS)
    both = [figures["rows"]["combined"]["rmse"] for figures in sets.values()]
    assert averages["combined"]["rmse"] == pytest.approx(sum(both) / 2)
    # Undefined in a set is undefined on average.
    assert averages["rouge"]["pearson"] is None


def _write(folder: Path, count: int) -> Path:
    rows = [build_row(f"q{n % 2}", n, score=n % 6, raters=[n % 6, 5]) for n in range(count)]
    return write_lines(folder / "own.jsonl.gz", rows)


def test_a_file_is_graded_question_by_question(tmp_path: Path) -> None:
    batches: list[tuple[str, int]] = []
    progress: list[tuple[int, int]] = []
    panel = scripted_panel(lambda answer, criterion: batches.append((criterion, len(answer))) or 2.0)
    graded = grade_set(_write(tmp_path, 10), panel, limit=None, seed=1, on_progress=lambda *done: progress.append(done))
    # Four, then the fifth answer to a question.
    assert progress == [(4, 10), (5, 10), (9, 10), (10, 10)]
    assert len(graded.cases) == len(graded.examples) == 10
    assert graded.unscored == 0
    case, example = graded.cases[0], graded.examples[0]
    assert (case.dataset, case.question, case.language, case.human) == ("own", "q0", "en", 0.0)
    assert case.raters == (0.0, 1.0)
    assert case.likely[0] <= case.scores["combined"] <= case.likely[1]
    assert set(case.scores) >= set(MACHINE_ROWS) - {"mean"}
    assert (example.dataset, example.question, example.answer, example.known) == ("own", "q0", "q00", 0.0)
    assert sum(level.share for level in example.levels) == pytest.approx(1)


def test_a_limit_draws_different_answers_evenly(tmp_path: Path) -> None:
    graded = grade_set(_write(tmp_path, 10), scripted_panel(), limit=4, seed=1)
    assert sorted(str(case.question) for case in graded.cases) == ["q0", "q0", "q1", "q1"]


def test_an_answer_that_screening_settles_has_no_signals(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "own.jsonl", [build_row("a", 1, answer="I don't know.", score=1)])
    graded = grade_set(path, scripted_panel(), limit=None, seed=1)
    assert set(graded.cases[0].scores.values()) == {0.0}
    assert graded.examples[0].levels == ()


def test_answers_without_a_score_are_counted(tmp_path: Path) -> None:
    failure = JudgeFailure(UnscoredReason.PARSE, "no verdict")
    panel = scripted_panel(lambda answer, criterion: failure if "answer 3" in answer else 2.0)
    graded = grade_set(_write(tmp_path, 6), panel, limit=None, seed=1)
    assert (len(graded.cases), len(graded.examples), graded.unscored) == (5, 5, 1)


def test_an_unavailable_judge_stops_the_measurement(tmp_path: Path) -> None:
    failure = JudgeFailure(UnscoredReason.INFRASTRUCTURE, "refused", unavailable=True)
    panel = scripted_panel(lambda answer, criterion: failure)
    with pytest.raises(EvaluationError, match=r"The judge is unavailable: .* run the same command again"):
        grade_set(_write(tmp_path, 6), panel, limit=None, seed=1)
