from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivavoce.evaluation.training.relevance import (
    Group,
    bank_groups,
    fit_weights,
    graded_groups,
    name_fold,
    sample_sentences,
)
from vivavoce.graders.reading.relevance import FEATURES
from vivavoce.graders.testing import HashingEmbedder
from vivavoce.rubrics import Rubric

from ..builders import build_row, edit_rubric, write_lines


def _group(rubric: Rubric, name: str, *sentences: str, language: str = "en", good: int = 2) -> Group:
    rubric = edit_rubric(rubric, "question", "language", value=language)
    return Group("set", name, rubric, list(sentences[:good]), list(sentences))


def test_good_sentences_of_the_bank_are_of_good_answers() -> None:
    groups = list(bank_groups())
    assert {group.dataset for group in groups} == {"bank-en", "bank-zh"}
    assert len({group.name for group in groups}) * 2 == len(groups)
    for group in groups:
        assert 0 < len(group.good) < len(group.every)
        assert set(group.good) <= set(group.every)
        assert group.dataset.endswith(group.rubric.question.language)


@pytest.mark.parametrize(("score", "is_good"), [(3, True), (5, True), (2.9, False)])
def test_three_fifths_of_full_marks_are_good(tmp_path: Path, score: float, is_good: bool) -> None:
    path = write_lines(tmp_path / "own.jsonl", [build_row("a", 1, answer="It boils. It rises.", score=score)])
    (group,) = graded_groups([path], seed=1)
    assert (group.dataset, group.name) == ("own", "a")
    assert group.every == ["It boils.", "It rises."]
    assert group.good == (group.every if is_good else [])


def test_irrelevant_sentences_answer_other_questions(rubric: Rubric) -> None:
    groups = [
        _group(rubric, "a", "Ants run.", "Ants eat.", "Ants."),
        _group(rubric, "b", "Bees fly.", "Bees hum.", "Bees."),
        _group(rubric, "c", "猫会叫。", "猫会睡。", language="zh"),
        _group(rubric, "d", good=0),
    ]
    rows, is_relevant, owners = sample_sentences(groups, HashingEmbedder(), seed=1)
    assert rows.shape == (len(owners), len(FEATURES))
    # The Chinese question has no other in its language, the last has no sentence.
    assert set(owners) == {0, 1}
    # Two good sentences each, and one of the only other question.
    assert is_relevant.tolist() == [True, True, False] * 2
    again, _, _ = sample_sentences(groups, HashingEmbedder(), seed=1)
    assert (rows == again).all()


def test_the_fit_tells_apart_what_can_be_told_apart() -> None:
    draw = np.random.default_rng(1)
    is_relevant = np.repeat([True, False], [20, 200])
    rows = draw.normal(0, 1, (220, 3))
    rows[:, 0] = 5 + 2 * is_relevant + draw.normal(0, 0.2, 220)
    weights, intercept = fit_weights(rows, is_relevant)
    assert ((rows @ weights + intercept > 0) == is_relevant).all()
    # Both kinds weigh the same, however many there are.
    assert (intercept + weights[0] * 6) == pytest.approx(0, abs=0.5)


def test_a_question_is_held_out_in_both_languages(rubric: Rubric) -> None:
    english, chinese = Group("bank-en", "retrieval", rubric), Group("bank-zh", "retrieval", rubric)
    assert name_fold(english) == name_fold(chinese)
    assert name_fold(Group("asag", "retrieval", rubric)) == "asag"
    folds = {name_fold(Group("bank-en", f"question-{number}", rubric)) for number in range(60)}
    assert folds == {f"bank {number}" for number in range(5)}
