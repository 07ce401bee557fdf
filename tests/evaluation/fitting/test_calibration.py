from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vivavoce.evaluation.fitting import Example, Level, predict_shares
from vivavoce.evaluation.fitting.calibration import FEWEST, calibrate, hold_out
from vivavoce.graders.errors import TooFewGrades
from vivavoce.graders.scoring.coefficients import Coefficients, CombinerWeights, read_coefficients, write_coefficients
from vivavoce.graders.testing import HASHING_COEFFICIENTS
from vivavoce.graders.types import LevelSignals


def _grades(count: int, *, milder: float = 0.0, questions: int = 3) -> list[Example]:
    """Answers whose people give what the coefficients say, and so much more."""
    draw = random.Random(3)
    graded = []
    for number in range(count):
        value = draw.uniform(-3, 3)
        signals = LevelSignals(
            judge=value,
            verifier=value,
            similarity_gain=0.1 * draw.random(),
            term_recall=draw.random(),
            rouge1_recall=0.3,
        )
        about = (f"q{number % questions}", "en", f"a{number}")
        levels = (Level("c", "merit", 1.0, signals),)
        (share,) = predict_shares([Example("set", *about, None, levels)], HASHING_COEFFICIENTS)  # type: ignore[arg-type]
        graded.append(Example("set", *about, float(np.clip(share + milder, 0, 1)), levels))  # type: ignore[arg-type]
    return graded


def _moved(fitted: Coefficients) -> float:
    """How far scores move on average, as a share of full marks."""
    answers = _grades(100)
    return float(np.abs(predict_shares(answers, fitted) - predict_shares(answers, HASHING_COEFFICIENTS)).mean())


def test_people_who_agree_change_nothing() -> None:
    assert _moved(calibrate(_grades(40), HASHING_COEFFICIENTS)) < 0.01


def test_the_file_says_how_many_grades_it_learned(tmp_path: Path) -> None:
    of_bert = replace(HASHING_COEFFICIENTS.general, merit=HASHING_COEFFICIENTS.mistake)
    prior = replace(HASHING_COEFFICIENTS, questions={"bert": of_bert})
    assert (prior.strictness("bert"), prior.strictness("ours")) == ("bank", "unknown")
    fitted = calibrate(_grades(20, milder=0.1), prior)
    write_coefficients(tmp_path / "own.yaml", fitted, origin="here")
    read = read_coefficients(tmp_path / "own.yaml")
    assert (read.grades, read.version) == (20, fitted.version)
    assert (read.strictness("bert"), read.strictness("ours")) == ("bank", "calibrated")


def test_more_grades_move_the_scores_further() -> None:
    few, many = (calibrate(_grades(count, milder=0.3), HASHING_COEFFICIENTS) for count in (FEWEST, 300))
    assert 0.01 < _moved(few) < _moved(many)
    held = hold_out(_grades(300, milder=0.3), HASHING_COEFFICIENTS, seed=7)
    assert np.abs(held.after - held.known).mean() < 0.5 * np.abs(held.before - held.known).mean()


def test_a_question_with_enough_grades_has_its_own_weights() -> None:
    grades = [*_grades(60, questions=2), *_grades(6, milder=0.3, questions=1)]
    one = [example for example in grades if example.question == "q0"]
    fitted = calibrate(grades, HASHING_COEFFICIENTS, by_question=True)
    assert set(fitted.questions) == {"q0", "q1"}
    assert fitted.questions["q0"] != fitted.questions["q1"]
    assert fitted.version != calibrate(grades, HASHING_COEFFICIENTS).version
    assert calibrate(one[:5] + _grades(9, questions=9), HASHING_COEFFICIENTS, by_question=True).questions == {}


def test_questions_with_the_same_weights_move_together() -> None:
    swapped = CombinerWeights(merit=HASHING_COEFFICIENTS.mistake, mistake=HASHING_COEFFICIENTS.merit)
    prior = replace(HASHING_COEFFICIENTS, questions={"q0": swapped, "q9": swapped})
    only_one = [example for example in _grades(60, milder=0.3, questions=2) if example.question == "q0"]
    fitted = calibrate(only_one, prior)
    assert (fitted.merit, fitted.mistake) == (prior.merit, prior.mistake)
    assert fitted.questions["q0"] == fitted.questions["q9"] != swapped
    few_of_each = [*only_one[:6], *(replace(example, question="q1") for example in only_one[:6])]
    with pytest.raises(TooFewGrades, match="12 grades are too few"):
        calibrate(few_of_each, prior)


def test_the_seed_decides_what_is_held_out() -> None:
    one, again, other = (hold_out(_grades(25, milder=0.2), HASHING_COEFFICIENTS, seed=seed) for seed in (1, 1, 2))
    assert (one.after == again.after).all()
    assert (one.after != other.after).any()


def test_fewer_than_ten_grades_are_too_few() -> None:
    with pytest.raises(TooFewGrades, match="9 grades are too few: calibration needs at least 10"):
        calibrate(_grades(9), HASHING_COEFFICIENTS)


def test_each_answer_is_held_out_once() -> None:
    held = hold_out(_grades(23, milder=0.2), HASHING_COEFFICIENTS, seed=7)
    assert len(held.known) == len(held.before) == len(held.after) == 23
    assert held.before == pytest.approx(predict_shares(_grades(23), HASHING_COEFFICIENTS))
    assert held.sure_before
    assert held.sure_after
    assert held.sure_before.answers == held.sure_after.answers == 23


def test_answers_that_screening_settled_have_no_confidence() -> None:
    settled = [replace(example, levels=(), known=0.0) for example in _grades(12)]
    held = hold_out(settled, HASHING_COEFFICIENTS, seed=7)
    assert (held.sure_before, held.sure_after) == (None, None)
    assert not held.before.any()
    fitted = calibrate(settled, HASHING_COEFFICIENTS)
    assert fitted.confidence == HASHING_COEFFICIENTS.confidence


def test_names_of_data_sets_do_not_matter() -> None:
    grades = _grades(20, milder=0.2)
    several = [replace(example, dataset=f"set{number % 3}") for number, example in enumerate(grades)]
    assert calibrate(several, HASHING_COEFFICIENTS) == calibrate(grades, HASHING_COEFFICIENTS)


def test_milder_people_change_the_confidence() -> None:
    fitted = calibrate(_grades(60, milder=0.3), HASHING_COEFFICIENTS)
    assert fitted.grades == 60
    assert fitted.confidence
    assert fitted.confidence != HASHING_COEFFICIENTS.confidence
