from __future__ import annotations

import pytest

from vivavoce.evaluation.benchmarks.busy_machine import BusyFigures, run_busy_processes


def test_the_kept_share_is_the_median_of_the_rounds() -> None:
    figures = BusyFigures(processes=2, answers=3, alone=(10.0, 8.0, 10.0), beside=(5.0, 2.0, 6.0))
    assert figures.kept_share == pytest.approx(0.5)


def test_busy_processes_end_with_the_context() -> None:
    with run_busy_processes(2) as processes:
        assert [process.poll() for process in processes] == [None, None]
    assert all(process.returncode is not None for process in processes)
