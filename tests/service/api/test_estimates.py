"""Estimates over HTTP, with figures from a rubric or from reports."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.grading import sweep_cohorts

from ..samples import FixedClock, claim_batch, make_report, record_report
from .test_cohorts import add, do, make_cohort


def estimate(api: TestClient, cohort: str) -> dict[str, object]:
    reply = api.post(f"/v1/cohorts/{cohort}/estimate")
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_without_history_the_rubric_says_what_is_asked(api: TestClient, rubric: Rubric) -> None:
    cohort = make_cohort(api, max_calls=10)
    add(api, cohort, rubric, {f"a{number}": f"INT8 number {number}" for number in range(20)})
    found = estimate(api, cohort)
    # Five levels are above the lowest ones, and asked once more about an answer without content.
    assert (found["answers"], found["basis"], found["minutes"]) == (20, "rubric", None)
    assert found["calls"] == {"low": 50, "high": 105}
    assert found["limits"] == [{"limit": "max_calls", "stops": "yes", "answers": {"low": 1, "high": 4}}]


def test_equal_answers_are_judged_once(api: TestClient, rubric: Rubric) -> None:
    cohort = make_cohort(api)
    add(api, cohort, rubric, {f"a{number}": "INT8" for number in range(20)})
    assert estimate(api, cohort)["calls"] == {"low": 2, "high": 10}


def test_an_empty_cohort_takes_nothing(api: TestClient) -> None:
    assert estimate(api, make_cohort(api))["calls"] == {"low": 0, "high": 0}


def grade_all(database: SessionFactory, clock: FixedClock, chance: random.Random, seconds: float) -> tuple[int, float]:
    """Grade what is queued as a stub does; the number of calls and the minutes that it took."""
    calls, begun = 0, clock.moment
    while batch := claim_batch(database, limit=4):
        for lease in batch.leases:
            made = chance.choice([0, 5, 5, 5, 6])
            calls += made
            report = make_report()
            source = replace(report.provenance, judge_calls=made, tokens_in=made * 300, judge_seconds=made * 0.1)
            record_report(database, lease, replace(report, provenance=source))
            clock.advance(seconds * chance.uniform(0.7, 1.4))
    sweep_cohorts(database)
    return calls, (clock.moment - begun) / timedelta(minutes=1)


def test_four_of_five_cohorts_are_within_their_estimates(
    api: TestClient, rubric: Rubric, sqlite_database: SessionFactory, fixed_clock: FixedClock
) -> None:
    chance = random.Random(22)
    within_calls = within_minutes = 0
    for number in range(21):
        cohort = make_cohort(api)
        answers = {f"a{row}": f"INT8 {number} {row}" for row in range(chance.randint(10, 40))}
        add(api, cohort, rubric, answers)
        expected = estimate(api, cohort)
        do(api, cohort, "finalise")
        do(api, cohort, "start")
        calls, minutes = grade_all(sqlite_database, fixed_clock, chance, chance.uniform(0.8, 1.2))
        if number == 0:
            continue
        assert expected["basis"] == "history"
        within_calls += _is_within(expected["calls"], calls)
        within_minutes += _is_within(expected["minutes"], minutes)
    assert min(within_calls, within_minutes) >= 16


def _is_within(found: object, value: float) -> bool:
    assert isinstance(found, dict)
    return bool(found["low"] <= value <= found["high"])


@pytest.mark.parametrize("limit", [100, 1_000_000])
def test_a_limit_that_is_high_enough_stops_nothing(api: TestClient, rubric: Rubric, limit: int) -> None:
    cohort = make_cohort(api, max_calls=limit)
    add(api, cohort, rubric, {"a": "INT8", "b": "fewer bits"})
    (effect,) = estimate(api, cohort)["limits"]  # type: ignore[misc]  # a list of one
    assert (effect["stops"], effect["answers"]) == ("no", {"low": 2, "high": 2})
