"""The short version of `make faults`: each kind of fault once, and each promise on one of the databases."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from . import scenarios
from .campaign import run_campaign
from .kinds import KINDS
from .scenarios import Scenario
from .site import Kind

pytestmark = pytest.mark.processes

# How long things take is for 'make faults' to say: a test on a busy machine only asks whether they happen.
ANY = float("inf")
SHORT: list[tuple[Scenario, Kind]] = [
    (partial(scenarios.picked_up_elsewhere, within=ANY), "postgresql"),
    (partial(scenarios.flushed, queued=50), "sqlite"),
    (partial(scenarios.lost_replies, wanted=1), "postgresql"),
    (scenarios.zombie, "sqlite"),
    (partial(scenarios.poison, others=20, within=ANY), "postgresql"),
    (partial(scenarios.rolling_restarts, restarts=2), "sqlite"),
    (scenarios.clock, "postgresql"),
]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_everything_goes_wrong_once_and_nothing_is_lost_or_done_twice(tmp_path: Path, database: Kind) -> None:
    found = run_campaign(tmp_path, database, seed=11, gradings=40, faults=len(KINDS), seconds_between=1.0)
    assert (found.lost, found.duplicates, found.wrong_scores, found.dead) == (0, 0, 0, 0)
    assert found.trail_problem == ""
    assert found.unsure_commits > 0
    # Of so few calls one or two that a killed worker never heard the answer of are already some per cent.
    assert found.paid - found.needed <= len(KINDS)


def _name(given: Scenario | Kind) -> str:
    return given if isinstance(given, str) else getattr(given, "func", given).__name__


@pytest.mark.parametrize(("scenario", "database"), SHORT, ids=_name)
def test_promises_are_kept(tmp_path: Path, scenario: Scenario, database: Kind) -> None:
    found = scenario(tmp_path, database)
    assert found.kept, f"{found.promise}: {found.seen}"
