"""Stand-ins for models and callers when the queue is measured: answers, a judge of fixed speed, no embedder."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Sequence

import numpy as np

from vivavoce.graders.judge.types import AnswerVerdicts
from vivavoce.graders.models.embedder import Vectors
from vivavoce.graders.testing import ScriptedJudge
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage.engine import SessionFactory


class NoEmbedder:
    """An embedder for which all texts are alike: shape (n, 1), all ones."""

    name = "none"
    revision = "1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder."""
        return np.ones((len(texts), 1), dtype=np.float32)


class TimedJudge(ScriptedJudge):
    """Simulates a judge server with a fixed number of slots and a fixed service time in seconds.

    An answer that finds no free slot waits for the one that is free first.
    """

    def __init__(self, *, seconds: float, concurrency: int) -> None:
        super().__init__()
        self._seconds = seconds
        self._free_at = [0.0] * concurrency
        self._lock = threading.Lock()

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge."""
        last = max(self._take_slot() for _ in answers)
        time.sleep(max(last - time.perf_counter(), 0.0))
        return super().judge(answers, rubric)

    def _take_slot(self) -> float:
        """The time at which an answer that arrives now is judged."""
        # Workers judge from several threads.
        with self._lock:
            begins = max(heapq.heappop(self._free_at), time.perf_counter())
            heapq.heappush(self._free_at, begins + self._seconds)
            return begins + self._seconds


class AnswerSource:
    """Makes answers of about sixty words each, no two alike."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.count = 0
        self._text = max((reference.text for reference in rubric.references), key=len)[:400]

    def make_answer(self) -> str:
        """The next answer."""
        self.count += 1
        return f"{self._text} This is answer number {self.count}."

    def submit_answers(self, database: SessionFactory, count: int) -> None:
        """Submit so many answers, each in a transaction of its own."""
        for _ in range(count):
            new = NewAnswer(rubric=self.rubric, answer=self.make_answer())
            database.run(lambda session, new=new: submission.submit(session, new))  # type: ignore[misc]
