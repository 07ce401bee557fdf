"""`viva bench busy`: how much of its speed the judge keeps while other programs use the processors.

Both speeds come from one run: rounds without other programs and rounds beside them take turns.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from vivavoce.rubrics import Rubric

from .judge_benchmark import OpenJudge, make_answers, time_judge, warm_up

_COMPUTE = "while True: pass"


@dataclass(frozen=True)
class BusyFigures:
    """Speeds of the judge in prompts a second, one of each a round, alone and beside `processes` busy ones."""

    processes: int
    answers: int
    alone: tuple[float, ...]
    beside: tuple[float, ...]

    @property
    def kept_share(self) -> float:
        """Median over the rounds of the speed beside busy processes divided by the speed alone."""
        return median(beside / alone for alone, beside in zip(self.alone, self.beside, strict=True))


def measure_busy_machine(
    open_judge: OpenJudge,
    rubric: Rubric,
    *,
    processes: int,
    answers: int,
    rounds: int,
    seed: int = 7,
    on_step: Callable[[str], None] = lambda step: None,
) -> BusyFigures:
    """Time the judge alone and beside processes that only compute, in turns.

    Raises EvaluationError when the judge does not answer.
    """
    cohort = make_answers(rubric, count=answers, seed=seed)
    on_step("warming up")
    warm_up(open_judge, cohort[0], rubric)
    alone, beside = [], []
    for number in range(rounds):
        on_step(f"round {number + 1} of {rounds}: alone")
        alone.append(_time_cohort(open_judge, cohort, rubric))
        on_step(f"round {number + 1} of {rounds}: beside {processes} busy processes")
        with run_busy_processes(processes):
            beside.append(_time_cohort(open_judge, cohort, rubric))
    return BusyFigures(processes, answers, tuple(alone), tuple(beside))


@contextmanager
def run_busy_processes(count: int) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Processes that compute without pause while the context is open."""
    running = [subprocess.Popen([sys.executable, "-c", _COMPUTE]) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def _time_cohort(open_judge: OpenJudge, cohort: Sequence[str], rubric: Rubric) -> float:
    # A new secret each time: no verdict is in the engine's cache.
    with open_judge(secrets.token_bytes(16)) as judge:
        return time_judge(judge, cohort, rubric)
