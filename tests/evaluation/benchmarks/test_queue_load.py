from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from vivavoce.evaluation.benchmarks.queue_load import AnswerSource, NoEmbedder, TimedJudge
from vivavoce.rubrics import Rubric
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import GradingRepository


class _Clock:
    """A clock that moves only during a sleep."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Clock]:
    clock = _Clock()
    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: clock.now)
        patch.setattr(time, "sleep", clock.sleep)
        yield clock


@pytest.mark.parametrize(("answers", "seconds"), [(1, 2.0), (3, 2.0), (4, 4.0), (7, 6.0)])
def test_answers_beyond_the_slots_wait(clock: _Clock, rubric: Rubric, answers: int, seconds: float) -> None:
    judge = TimedJudge(seconds=2.0, concurrency=3)
    verdicts = judge.judge(["answer"] * answers, rubric)
    assert clock.now - 100.0 == pytest.approx(seconds)
    assert len(verdicts) == answers


def test_a_slot_is_free_after_its_answer(clock: _Clock, rubric: Rubric) -> None:
    judge = TimedJudge(seconds=2.0, concurrency=1)
    judge.judge(["answer"], rubric)
    clock.sleep(5.0)
    judge.judge(["answer"], rubric)
    assert clock.now == pytest.approx(100.0 + 2.0 + 5.0 + 2.0)


def test_all_texts_are_alike_without_an_embedder() -> None:
    vectors = NoEmbedder().embed(["a", "b", "c"])
    assert vectors.shape == (3, 1)
    assert np.unique(vectors).tolist() == [1.0]
    assert NoEmbedder().embed([]).shape == (0, 1)


def test_no_two_answers_are_alike(rubric: Rubric) -> None:
    source = AnswerSource(rubric)
    answers = [source.make_answer() for _ in range(20)]
    assert len(set(answers)) == 20
    assert all(answer.startswith(rubric.references[0].text) for answer in answers)


def test_answers_are_submitted_one_by_one(rubric: Rubric, database: SessionFactory) -> None:
    source = AnswerSource(rubric)
    source.submit_answers(database, 3)
    source.submit_answers(database, 2)
    with database() as session:
        assert GradingRepository(session).counts_by_state() == {"queued": 5}
    assert source.count == 5
