from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from vivavoce.evaluation.errors import EvaluationError
from vivavoce.evaluation.invariance.samples import BANK, MIRROR_KINDS, draw, graded_samples, mirrored
from vivavoce.rubrics import Rubric, default_bank, load_qualifications
from vivavoce.rubrics.qualification import QUALITIES

from ..builders import build_answers, build_row, write_lines


@pytest.mark.parametrize("languages", [["zh", "en"], ["zh"]])
def test_answers_are_spread_evenly_and_drawn_by_the_seed(languages: list[str]) -> None:
    bank, sets = default_bank(), load_qualifications()

    def texts(answers: int, seed: int) -> list[str]:
        return [sample.answer for sample in draw(bank, sets, languages, answers=answers, seed=seed)]

    drawn = draw(bank, sets, languages, answers=200, seed=7)
    assert len({sample.answer for sample in drawn}) == 200
    # A larger draw begins with a smaller one's.
    assert texts(5, 7) == [sample.answer for sample in drawn[:5]]
    assert texts(5, 8) != texts(5, 7)
    questions = Counter(dict.fromkeys(sets, 0))
    qualities = Counter(dict.fromkeys(QUALITIES, 0))
    spoken = Counter(dict.fromkeys(languages, 0))
    for sample in drawn:
        question = sample.rubric.question
        questions[question.id] += 1
        qualities[sample.quality] += 1
        spoken[question.language] += 1
        for counted in (questions, qualities, spoken):
            assert max(counted.values()) - min(counted.values()) <= 1


def test_an_answer_that_screening_settles_is_not_drawn(rubric: Rubric) -> None:
    sets = {"quantization": build_answers(wrong="I don't know.")}
    drawn = draw([rubric], sets, ["en"], answers=3, seed=1)
    assert {sample.quality for sample in drawn} == {"excellent", "adequate", "weak"}
    with pytest.raises(EvaluationError, match="Only 3 qualification answers reach the judge"):
        draw([rubric], sets, ["en"], answers=4, seed=1)


def test_more_answers_than_exist_cannot_be_drawn(rubric: Rubric) -> None:
    sets = {"quantization": build_answers()}
    with pytest.raises(EvaluationError, match=r"only 4 qualification answers: ask for no more with --answers\."):
        draw([rubric], sets, ["en"], answers=5, seed=1)
    # Neither another language nor a question without answers gives any.
    assert draw([rubric], sets, ["zh"], answers=0, seed=1) == []
    with pytest.raises(EvaluationError, match="only 0"):
        draw([rubric], {}, ["en"], answers=1, seed=1)


def test_mirrors_are_of_the_bank_s_answers() -> None:
    bank = {(rubric.question.id, rubric.question.language): rubric for rubric in default_bank()}
    sets = load_qualifications()
    samples = list(mirrored(bank, sets))
    assert len(samples) == 91
    for sample in samples:
        question = sample.rubric.question
        assert sample.answer in {answer.text(question.language) for answer in sets[question.id].answers}
        assert sample.mirrors.keys() <= set(MIRROR_KINDS)
        assert all(text and text != sample.answer for text in sample.mirrors.values())
    english = {key: rubric for key, rubric in bank.items() if key[1] == "en"}
    assert list(mirrored(english, sets)) == [s for s in samples if s.rubric.question.language == "en"]


@pytest.mark.parametrize(
    ("score", "quality"),
    [(5, "good"), (10 / 3, "good"), (3.3, "middling"), (5 / 3, "middling"), (1.6, "poor"), (0, "poor")],
)
def test_the_grade_decides_the_quality(tmp_path: Path, score: float, quality: str) -> None:
    path = write_lines(tmp_path / "own.jsonl", [build_row("a", 1, score=score)])
    (sample,) = graded_samples([path], answers=1, seed=1)
    assert (sample.source, sample.quality) == ("own", quality)


def test_answers_are_shared_out_over_the_files(tmp_path: Path) -> None:
    paths = [
        write_lines(tmp_path / f"{name}.jsonl", [build_row(question, n) for question in "ab" for n in range(5)])
        for name in ("one", "two")
    ]
    samples = list(graded_samples(paths, answers=5, seed=1))
    assert Counter(sample.source for sample in samples) == {"one": 3, "two": 2}
    assert samples == list(graded_samples(paths, answers=5, seed=1))
    assert list(graded_samples([], answers=5, seed=1)) == []


def test_a_row_may_have_mirrors(tmp_path: Path) -> None:
    row = build_row("a", 1, omitted="Less.", altered="", other="ignored")
    (sample,) = graded_samples([write_lines(tmp_path / "own.jsonl", [row])], answers=1, seed=1)
    assert sample.mirrors == {"omitted": "Less."}
    assert sample.source != BANK


def test_settled_answers_of_people_are_left_out(tmp_path: Path) -> None:
    rows = [build_row("a", 1), build_row("a", 2, answer="I don't know.")]
    samples = graded_samples([write_lines(tmp_path / "own.jsonl", rows)], answers=2, seed=1)
    assert [sample.answer for sample in samples] == ["answer 1 to a"]
