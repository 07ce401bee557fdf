from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vivavoce.evaluation.fitting import Example, Level, shares
from vivavoce.evaluation.fitting.calibration import FEWEST, calibrate, hold_out
from vivavoce.graders.errors import TooFewGrades
from vivavoce.graders.scoring.coefficients import Coefficients, CombinerWeights, read_coefficients, write_coefficients
from vivavoce.graders.testing import HASHING_COEFFICIENTS
from vivavoce.graders.types import LevelSignals


def _grades(count: int, *, milder: float = 0.0, questions: int = 3) -> list[Example]:
    """Answers whose people give what the coefficients say, and so much more."""
    draw = random.Random(3)
    found = []
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
        (share,) = shares([Example("set", *about, None, levels)], HASHING_COEFFICIENTS)  # type: ignore[arg-type]
        found.append(Example("set", *about, float(np.clip(share + milder, 0, 1)), levels))  # type: ignore[arg-type]
    return found


def _moved(fitted: Coefficients) -> float:
    """How far scores move on average, as a share of full marks."""
    answers = _grades(100)
    return float(np.abs(shares(answers, fitted) - shares(answers, HASHING_COEFFICIENTS)).mean())


def test_people_who_agree_change_nothing() -> None:
    assert _moved(calibrate(_grades(40), HASHING_COEFFICIENTS)) < 0.01


def test_scores_have_the_strictness_of_those_whose_grades_were_learned_from(tmp_path: Path) -> None:
    own = replace(HASHING_COEFFICIENTS.general, merit=HASHING_COEFFICIENTS.mistake)
    prior = replace(HASHING_COEFFICIENTS, questions={"bert": own})
    assert (prior.strictness("bert"), prior.strictness("ours")) == ("bank", "unknown")
    fitted = calibrate(_grades(20, milder=0.1), prior)
    write_coefficients(tmp_path / "own.yaml", fitted, origin="here")
    read = read_coefficients(tmp_path / "own.yaml")
    assert (read.grades, read.version) == (20, fitted.version)
    assert (read.strictness("bert"), read.strictness("ours")) == ("bank", "calibrated")


def test_milder_people_move_the_scores_and_more_grades_move_them_further() -> None:
    few, many = (calibrate(_grades(count, milder=0.3), HASHING_COEFFICIENTS) for count in (FEWEST, 300))
    assert 0.01 < _moved(few) < _moved(many)
    held = hold_out(_grades(300, milder=0.3), HASHING_COEFFICIENTS, seed=7)
    assert np.abs(held.after - held.known).mean() < 0.5 * np.abs(held.before - held.known).mean()


def test_a_question_with_grades_of_its_own_is_weighed_on_its_own() -> None:
    grades = [*_grades(60, questions=2), *_grades(6, milder=0.3, questions=1)]
    one = [example for example in grades if example.question == "q0"]
    fitted = calibrate(grades, HASHING_COEFFICIENTS, by_question=True)
    assert set(fitted.questions) == {"q0", "q1"}
    assert fitted.questions["q0"] != fitted.questions["q1"]
    assert fitted.version != calibrate(grades, HASHING_COEFFICIENTS).version
    assert calibrate(one[:5] + _grades(9, questions=9), HASHING_COEFFICIENTS, by_question=True).questions == {}


def test_questions_that_have_weights_of_their_own_are_moved_apart_from_the_rest() -> None:
    own = CombinerWeights(merit=HASHING_COEFFICIENTS.mistake, mistake=HASHING_COEFFICIENTS.merit)
    prior = replace(HASHING_COEFFICIENTS, questions={"q0": own, "q9": own})
    only_one = [example for example in _grades(60, milder=0.3, questions=2) if example.question == "q0"]
    fitted = calibrate(only_one, prior)
    assert (fitted.merit, fitted.mistake) == (prior.merit, prior.mistake)
    assert fitted.questions["q0"] == fitted.questions["q9"] != own
    few_of_each = [*only_one[:6], *(replace(example, question="q1") for example in only_one[:6])]
    with pytest.raises(TooFewGrades, match="12 grades are too few"):
        calibrate(few_of_each, prior)


def test_what_is_held_out_is_the_same_for_the_same_seed() -> None:
    one, again, other = (hold_out(_grades(25, milder=0.2), HASHING_COEFFICIENTS, seed=seed) for seed in (1, 1, 2))
    assert (one.after == again.after).all()
    assert (one.after != other.after).any()


def test_fewer_than_ten_grades_are_too_few() -> None:
    with pytest.raises(TooFewGrades, match="9 grades are too few: calibration needs at least 10"):
        calibrate(_grades(9), HASHING_COEFFICIENTS)
