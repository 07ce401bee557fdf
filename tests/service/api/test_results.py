from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.graders.types import Flag
from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Role
from vivavoce.service.cohorts.lifecycle import cancel as cancel_cohort
from vivavoce.service.events.log import EventKind
from vivavoce.service.gradings import lifecycle
from vivavoce.service.gradings.lifecycle import append_grading_event
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Cohort, CohortItem, CohortState, Review

from ..cohorts_of_answers import add_cohort
from ..keys import make_key_header
from ..samples import add_organisation, change_grading, claim_batch, make_report, record_report

LINES = {"Accept": "application/x-ndjson"}


def grade_all(database: SessionFactory, *, score: float = 7.5) -> list[str]:
    """Grade what waits; returns the gradings in the order of their commits."""
    graded: list[str] = []
    while batch := claim_batch(database, limit=100):
        for lease in reversed(batch.leases):
            record_report(database, lease, make_report(score=score, flags=(Flag.INJECTION_SUSPECTED,)))
            graded.append(lease.grading_id)
    return graded


def end_cohort(database: SessionFactory, cohort_id: str, state: CohortState = CohortState.FINISHED) -> None:
    with database.begin() as session:
        session.get_one(Cohort, cohort_id).state = state


def read_lines(reply: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in reply.iter_lines():
        yield json.loads(line)


def test_results_come_in_the_order_of_their_commits(api: TestClient, database: SessionFactory, rubric: Rubric) -> None:
    cohort_id, ids = add_cohort(database, rubric, 7)
    graded = grade_all(database)
    path = f"/v1/cohorts/{cohort_id}/results"
    first = api.get(f"{path}?limit=4")
    assert first.headers["link"] == f'<{path}?limit=4&after={first.json()["next_after"]}>; rel="next"'
    second = api.get(first.headers["link"][1:].partition(">")[0]).json()
    shown = first.json()["items"] + second["items"]
    assert [result["grading_id"] for result in shown] == graded
    assert [result["sequence"] for result in shown] == list(range(1, 8))
    assert (second["has_more"], second["is_complete"], second["cohort_state"]) == (False, False, "running")
    assert {key: shown[0][key] for key in ("outcome", "score", "score_min", "score_max", "confidence", "flags")} == {
        "outcome": "graded",
        "score": 7.5,
        "score_min": 0.0,
        "score_max": 10.0,
        "confidence": 0.5,
        "flags": ["injection_suspected"],
    }
    row = ids.index(graded[0]) + 2
    item = {key: shown[0]["item"][key] for key in ("external_id", "candidate", "row")}
    assert item == {"external_id": f"answer-{row}", "candidate": f"candidate-{row}", "row": row}


def test_a_result_that_changes_comes_again_and_once_only(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    cohort_id, ids = add_cohort(database, rubric, 3)
    grade_all(database)
    path = f"/v1/cohorts/{cohort_id}/results"
    change_grading(database, ids[0], lifecycle.regrade)
    assert len(api.get(path).json()["items"]) == 2
    grade_all(database, score=3.0)
    (again,) = api.get(f"{path}?after=3").json()["items"]
    assert (again["grading_id"], again["score"]) == (ids[0], 3.0)
    with database.begin() as session:
        grading = lifecycle.get(session, ids[1])
        session.add(
            Review(
                organisation_id="default",
                grading_id=grading.id,
                reviewer="r",
                score=9.0,
                levels={},
                source="api",
                created_at=clock.now(),
            )
        )
        append_grading_event(session, grading, EventKind.GRADING_REVIEWED)
    (reviewed,) = api.get(f"{path}?after={again['sequence']}").json()["items"]
    assert (reviewed["grading_id"], reviewed["score"], reviewed["review"]["score"]) == (ids[1], 7.5, 9.0)
    assert len(api.get(path).json()["items"]) == 3


def test_an_answer_that_was_sent_anew_has_no_old_result(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    cohort_id, ids = add_cohort(database, rubric, 2)
    grade_all(database)
    with database.begin() as session:
        item = session.scalars(sa.select(CohortItem).where(CohortItem.grading_id == ids[0])).one()
        item.grading_id = None
    assert [result["grading_id"] for result in api.get(f"/v1/cohorts/{cohort_id}/results").json()["items"]] == [ids[1]]


def test_the_answer_key_is_for_those_who_may_read_it(api: TestClient, database: SessionFactory, rubric: Rubric) -> None:
    cohort_id, _ = add_cohort(database, rubric, 1)
    grade_all(database)
    end_cohort(database, cohort_id)
    path = f"/v1/cohorts/{cohort_id}/results"
    integrator = make_key_header(database, role=Role.INTEGRATOR)
    assert api.get(path).json()["items"][0]["report"] is None
    for headers, feedback in (({}, "Good."), (integrator, None)):
        (result,) = api.get(f"{path}?include=report", headers=headers).json()["items"]
        assert result["report"]["feedback"]["interviewer"] == feedback
        (line, _) = api.get(f"{path}?include=report&stream=true", headers=headers).text.splitlines()
        assert json.loads(line)["report"]["feedback"]["interviewer"] == feedback


def test_another_organisation_has_no_such_cohort(api: TestClient, database: SessionFactory, rubric: Rubric) -> None:
    add_organisation(database)
    cohort_id, _ = add_cohort(database, rubric, 1)
    other = make_key_header(database, organisation_id="other")
    for headers in (other, {**other, **LINES}):
        assert api.get(f"/v1/cohorts/{cohort_id}/results", headers=headers).status_code == 404


def test_a_stream_follows_a_cohort_until_it_has_ended(
    client: httpx.Client, database: SessionFactory, rubric: Rubric
) -> None:
    cohort_id, _ = add_cohort(database, rubric, 5)

    def work() -> None:
        time.sleep(0.3)
        lease = claim_batch(database, limit=1)
        with database.begin() as session:
            cancel_cohort(session, session.get_one(Cohort, cohort_id), actor="test")
        # What was running when the cohort was cancelled still counts.
        time.sleep(0.3)
        assert lease
        record_report(database, lease.leases[0], make_report())

    worker = threading.Thread(target=work)
    worker.start()
    with client.stream("GET", f"/v1/cohorts/{cohort_id}/results", headers=LINES, timeout=30) as reply:
        assert reply.headers["content-type"].startswith("application/x-ndjson")
        assert reply.headers["x-accel-buffering"] == "no"
        lines = list(read_lines(reply))
    worker.join()
    assert lines[0]["type"] == "wait"
    results = [line for line in lines if line["type"] == "result"]
    assert sorted(line["outcome"] for line in results) == ["graded"] + ["not_started"] * 4
    assert lines[-1] == {
        "type": "end",
        "sequence": results[-1]["sequence"],
        "cohort_state": "cancelled",
        "is_complete": True,
    }


def test_a_stream_that_is_cut_off_can_be_resumed(
    client: httpx.Client, database: SessionFactory, rubric: Rubric
) -> None:
    cohort_id, _ = add_cohort(database, rubric, 60)
    grade_all(database)
    end_cohort(database, cohort_id)
    seen: list[int] = []
    while True:
        path = f"/v1/cohorts/{cohort_id}/results?stream=true&after={seen[-1] if seen else 0}"
        with client.stream("GET", path, timeout=30) as reply:
            lines = read_lines(reply)
            for line in lines:
                if line["type"] == "result":
                    seen.append(line["sequence"])
                    if len(seen) % 13 == 0:
                        break
            else:
                break
    assert seen == list(range(1, 61))


def test_a_long_poll_waits_for_the_next_result(client: httpx.Client, database: SessionFactory, rubric: Rubric) -> None:
    cohort_id, _ = add_cohort(database, rubric, 1)
    timer = threading.Timer(0.5, grade_all, (database,))
    timer.start()
    path = f"/v1/cohorts/{cohort_id}/results"
    assert len(client.get(f"{path}?wait=20", timeout=30).json()["items"]) == 1
    timer.join()
    end_cohort(database, cohort_id)
    started = time.monotonic()
    assert client.get(f"{path}?after=1&wait=20", timeout=30).json()["is_complete"]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("accept", [LINES, {}])
def test_the_first_result_of_10000_answers_is_there_within_two_seconds(
    client: httpx.Client, database: SessionFactory, rubric: Rubric, accept: dict[str, str]
) -> None:
    cohort_id, ids = add_cohort(database, rubric, 10_000)
    graded_at: list[float] = []

    def grade_one() -> None:
        lease = claim_batch(database, limit=1)
        assert lease
        record_report(database, lease.leases[0], make_report())
        graded_at.append(time.monotonic())

    timer = threading.Timer(1.0, grade_one)
    timer.start()
    path = f"/v1/cohorts/{cohort_id}/results"
    if accept:
        with client.stream("GET", path, headers=accept, timeout=30) as reply:
            first = next(line for line in read_lines(reply) if line["type"] == "result")
            came_at = time.monotonic()
    else:
        (first,) = client.get(f"{path}?wait=30", timeout=60).json()["items"]
        came_at = time.monotonic()
    timer.join()
    assert first["grading_id"] in ids
    assert came_at - graded_at[0] < 2
