from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from vivavoce.graders import AnswerInput, JudgeFailure, UnscoredReason, grade
from vivavoce.graders.models.embedder import Vectors
from vivavoce.graders.models.time_limit import TimeLimit, check_time, embed_in_units
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, scripted_panel
from vivavoce.rubrics import Rubric

SLOW = " ".join(f"Slow number {number} is here." for number in range(40))


class SlowEmbedder(HashingEmbedder):
    """Takes a tenth of a second for each call with a text that says slow."""

    calls = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        if any("Slow" in text for text in texts):
            self.calls += 1
            time.sleep(0.1)
        return super().embed(texts)


def _answer_slowly(answer: str, criterion: str) -> float:
    time.sleep(0.1 if "Slow" in answer else 0.0)
    return 2.0


def test_one_slow_answer_fails_and_the_others_are_graded(rubric: Rubric) -> None:
    embedder = SlowEmbedder()
    answers = [AnswerInput("INT8 weights."), AnswerInput(SLOW), AnswerInput("INT4 weights.")]
    first, slow, last = grade(answers, rubric, replace(scripted_panel(), embedder=embedder), seconds=0.25)
    assert (slow.score, slow.unscored_reason, slow.needs_review) == (None, UnscoredReason.TOO_LONG, True)
    assert "took more than 0.25 s" in str(slow.unscored_detail)
    assert (slow.score_min, slow.score_max, slow.coverage) == (0.0, 10.0, 0.0)
    assert first.score is not None
    assert last.score is not None
    # 40 sentences and 39 pairs would take 5 calls; a busy machine does fewer in the time.
    assert 1 <= embedder.calls <= 3


def test_the_time_of_the_judge_counts(rubric: Rubric) -> None:
    panel = replace(scripted_panel(), judge=ScriptedJudge(_answer_slowly))
    slow, other = grade([AnswerInput("Slow. INT8."), AnswerInput("INT8.")], rubric, panel, seconds=0.2)
    assert slow.unscored_reason is UnscoredReason.TOO_LONG
    assert other.score is not None


def test_without_a_limit_a_slow_answer_is_graded(rubric: Rubric) -> None:
    panel = replace(scripted_panel(), judge=ScriptedJudge(_answer_slowly))
    (report,) = grade([AnswerInput("Slow. INT8.")], rubric, panel)
    assert report.score is not None


def test_only_work_inside_of_counting_counts() -> None:
    limit = TimeLimit(0.05)
    time.sleep(0.06)
    assert not limit.is_over(0.0)
    with limit.counting():
        check_time()
    limit.add(1.0)
    assert isinstance(limit.failure, JudgeFailure)
    assert limit.is_over(0.0)


def test_units_give_the_vectors_of_one_call() -> None:
    texts = [f"text {number}" for number in range(40)]
    embedder = HashingEmbedder()
    assert (embed_in_units(embedder, texts) == embedder.embed(texts)).all()
    assert embed_in_units(embedder, []).shape == (0, 256)
