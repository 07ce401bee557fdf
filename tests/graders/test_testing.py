from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, WordVerifier
from vivavoce.graders.types import Vote
from vivavoce.rubrics import Rubric


def test_a_scripted_judge_follows_its_script(rubric: Rubric) -> None:
    failure = JudgeFailure(UnscoredReason.PARSE, "none")
    judge = ScriptedJudge(lambda answer, name: failure if name == "loss" else float(len(answer)))
    first, second = judge.judge(["a", "bcd"], rubric)
    assert judge.calls == 2
    assert [level.log_odds for level in first.levels["methods"]] == [1.0, 1.0]
    assert second.levels["lower"][0].log_odds == 3.0
    assert set(first.failures) == {"loss"}
    assert first.votes["loss"] == (Vote("scripted", (), UnscoredReason.PARSE),)
    assert first.votes["lower"] == (Vote("scripted", first.levels["lower"]),)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_hashed_vectors_have_length_one_or_zero(texts: list[str]) -> None:
    vectors = HashingEmbedder().embed(texts)
    assert vectors.shape == (len(texts), 256)
    for length in np.linalg.norm(vectors, axis=1):
        assert math.isclose(length, 1, abs_tol=1e-5) or length == 0
    assert np.array_equal(vectors, HashingEmbedder().embed(texts))


def test_hashed_vectors_are_near_where_words_are_shared() -> None:
    first, near, far = HashingEmbedder().embed(["fast small model", "small fast model", "brown bread"])
    assert first @ near == pytest.approx(1, abs=1e-5)
    assert first @ far < 0.5


@pytest.mark.parametrize(("answer", "log_odds"), [("Weights are integers.", 3.0), ("Bread.", -3.0), ("Weights.", 0.0)])
def test_the_word_verifier_maps_recall_to_log_odds(rubric: Rubric, answer: str, log_odds: float) -> None:
    (odds,) = WordVerifier().log_odds([answer], ["Weights are integers."], question=rubric.question)
    assert odds == pytest.approx(log_odds)
