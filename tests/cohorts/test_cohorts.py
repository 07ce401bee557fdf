"""The short version of `python -m tests.cohorts`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .campaign import run_campaign

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_ends_a_cohort_nothing_is_lost_overspent_or_graded_twice(tmp_path: Path, seed: int) -> None:
    found = run_campaign(tmp_path, seed=seed, items=150, actions=8, judge_seconds=0.05)
    assert found.problems == ()
    assert (found.graded, found.twice) == (150, 0)
    assert (found.missing, found.double) == (0, 0)
    assert found.reader_lives > 1
