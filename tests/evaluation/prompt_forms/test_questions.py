from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vivavoce.evaluation.errors import EvaluationError
from vivavoce.evaluation.prompt_forms.questions import sample_questions

from ..builders import build_row, write_lines


def _write(folder: Path, name: str, *, questions: int = 3, answers: int = 6) -> Path:
    rows = [
        build_row(f"q{question}", number, score=number, max_score=answers)
        for question in range(questions)
        for number in range(answers)
    ]
    return write_lines(folder / f"{name}.jsonl", rows)


def test_each_file_gives_equally_many_answers(tmp_path: Path) -> None:
    paths = [_write(tmp_path, "one"), _write(tmp_path, "two", questions=5)]
    questions = sample_questions(paths, answers=15, seed=1)
    counts: Counter[str] = Counter()
    for question in questions:
        counts[question.dataset] += len(question.answers)
    # An odd number is rounded up.
    assert counts == {"one": 8, "two": 8}
    assert [question.dataset for question in questions[:4]] == ["one", "two", "one", "two"]


def test_questions_follow_from_the_seed(tmp_path: Path) -> None:
    path = _write(tmp_path, "one", questions=8)

    def draw(seed: int) -> list[Any]:
        return sample_questions([path], answers=12, seed=seed)

    assert draw(1) == draw(1) != draw(2)


def test_best_and_worst_answer_are_examples_and_not_judged(tmp_path: Path) -> None:
    (question,) = sample_questions([_write(tmp_path, "one", questions=1)], answers=4, seed=1)
    assert {answer.id for answer in question.answers} == {"q01", "q02", "q03", "q04"}
    assert {answer.human for answer in question.answers} == {1 / 6, 2 / 6, 3 / 6, 4 / 6}
    best, worst = question.rubric.examples
    assert (best.answer, worst.answer) == ("answer 5 to q0", "answer 0 to q0")
    assert set(best.levels.values()) == {1}
    assert set(worst.levels.values()) == {0}
    assert len(question.rubric.criteria) == 3


def test_a_question_gives_at_most_ten_answers(tmp_path: Path) -> None:
    questions = sample_questions([_write(tmp_path, "one", questions=3, answers=20)], answers=25, seed=1)
    assert [len(question.answers) for question in questions] == [10, 10, 5]


def test_questions_with_two_answers_have_none_to_judge(tmp_path: Path) -> None:
    rows = [build_row("few", n) for n in range(2)] + [build_row("many", n) for n in range(4)]
    questions = sample_questions([write_lines(tmp_path / "one.jsonl", rows)], answers=2, seed=1)
    assert [question.question for question in questions] == ["many"]


def test_too_few_answers_are_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"one\.jsonl has too few different answers for 500: ask for fewer"):
        sample_questions([_write(tmp_path, "one")], answers=500, seed=1)
