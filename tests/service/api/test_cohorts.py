"""Cohorts over HTTP: made, filled, started, ended and resumed, with outcomes that always sum to the total."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.graders.errors import UnscoredReason
from vivavoce.rubrics import Rubric
from vivavoce.service.cohorts.budget import Settlement, reserve, settle
from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Cohort, Grading, State
from vivavoce.workers.grading import sweep_cohorts

from ..samples import FixedClock, claim_batch, claim_one, make_report, record_report, sweep_gone


def make_cohort(api: TestClient, **options: Any) -> str:
    reply = api.post("/v1/cohorts", json={"name": "Spring", **options})
    assert reply.status_code == 201, reply.text
    assert reply.headers["Location"] == f"/v1/cohorts/{reply.json()['id']}"
    return str(reply.json()["id"])


def add(api: TestClient, cohort: str, rubric: Rubric, answers: dict[str, str], **more: Any) -> dict[str, Any]:
    items = [
        {"external_id": name, "answer": answer, "rubric": rubric.model_dump(mode="json"), **more}
        for name, answer in answers.items()
    ]
    reply = api.post(f"/v1/cohorts/{cohort}/items", json={"items": items})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def do(api: TestClient, cohort: str, verb: str, status: int = 200, **body: Any) -> dict[str, Any]:
    reply = api.post(f"/v1/cohorts/{cohort}/{verb}", json=body or None)
    assert reply.status_code == status, reply.text
    return dict(reply.json())


def read(api: TestClient, cohort: str) -> dict[str, Any]:
    public = api.get(f"/v1/cohorts/{cohort}").json()
    assert sum(public["counts"].values()) == public["total"]
    return dict(public)


def counts(api: TestClient, cohort: str) -> dict[str, int]:
    return {name: count for name, count in read(api, cohort)["counts"].items() if count}


@pytest.fixture
def running(api: TestClient, rubric: Rubric) -> str:
    """A cohort of five answers that runs."""
    cohort = make_cohort(api)
    add(api, cohort, rubric, {f"a{number}": f"INT8 number {number}" for number in range(5)})
    do(api, cohort, "finalise")
    do(api, cohort, "start")
    return cohort


def test_a_cohort_goes_from_draft_to_finished(api: TestClient, rubric: Rubric, sqlite_database: SessionFactory) -> None:
    cohort = make_cohort(api, pass_mark=6, metadata={"job": "backend"})
    assert (read(api, cohort)["state"], read(api, cohort)["metadata"]) == ("draft", {"job": "backend"})
    assert add(api, cohort, rubric, {"a": "INT8", "b": "fewer bits"})["created"] == 2
    assert do(api, cohort, "finalise")["state"] == "validated"
    assert do(api, cohort, "start")["counts"]["queued"] == 2
    record_report(sqlite_database, claim_one(sqlite_database), make_report())
    record_report(sqlite_database, claim_one(sqlite_database), make_report(needs_review=True))
    sweep_cohorts(sqlite_database)
    public = read(api, cohort)
    assert public["state"] == "finished"
    assert (public["counts"]["graded"], public["counts"]["needs_review"], public["progress"]["done"]) == (1, 1, 1.0)
    assert public["ended_at"]


def test_the_same_row_again_costs_nothing_and_a_changed_one_is_a_new_version(api: TestClient, rubric: Rubric) -> None:
    cohort = make_cohort(api)
    add(api, cohort, rubric, {"a": "INT8", "b": "bits"})
    assert add(api, cohort, rubric, {"a": "INT8", "b": "fewer bits"}) == {
        "created": 0,
        "changed": 1,
        "unchanged": 1,
        "errors": [],
    }
    items = {item["external_id"]: item for item in api.get(f"/v1/cohorts/{cohort}/items").json()["items"]}
    assert (items["a"]["version"], items["b"]["version"]) == (1, 2)
    assert read(api, cohort)["total"] == 2


def test_a_changed_answer_of_an_open_cohort_is_graded_anew_and_its_old_grade_stays_readable(
    api: TestClient, rubric: Rubric, sqlite_database: SessionFactory
) -> None:
    cohort = make_cohort(api, open=True)
    add(api, cohort, rubric, {"a": "INT8"})
    do(api, cohort, "start")
    first = claim_one(sqlite_database)
    record_report(sqlite_database, first, make_report(score=3.0))
    sweep_cohorts(sqlite_database)
    assert read(api, cohort)["state"] == "running"
    add(api, cohort, rubric, {"a": "INT8 and INT4"})
    assert counts(api, cohort) == {"queued": 1}
    item = api.get(f"/v1/cohorts/{cohort}/items").json()["items"][0]
    assert item["earlier"] == [{"version": 1, "grading_id": first.grading_id}]
    assert api.get(f"/v1/gradings/{first.grading_id}").json()["report"]["score"] == 3.0
    record_report(sqlite_database, claim_one(sqlite_database), make_report(score=8.0))
    do(api, cohort, "finalise")
    sweep_cohorts(sqlite_database)
    assert (read(api, cohort)["state"], counts(api, cohort)) == ("finished", {"graded": 1})


def test_an_answer_that_changes_while_it_is_graded_cannot_be_graded_as_it_was(
    api: TestClient, rubric: Rubric, sqlite_database: SessionFactory
) -> None:
    cohort = make_cohort(api, open=True)
    add(api, cohort, rubric, {"a": "INT8"})
    do(api, cohort, "start")
    old = claim_one(sqlite_database)
    add(api, cohort, rubric, {"a": "INT4"})
    with pytest.raises(Exception, match="not the newest"):
        record_report(sqlite_database, old, make_report())
    do(api, cohort, "cancel")
    do(api, cohort, "resume")
    # The replaced one is not graded again.
    batch = claim_batch(sqlite_database)
    assert batch
    assert [lease.answer for lease in batch.leases] == ["INT4"]


def test_cancelling_keeps_what_is_graded_and_lets_running_work_finish(
    api: TestClient, running: str, sqlite_database: SessionFactory
) -> None:
    record_report(sqlite_database, claim_one(sqlite_database), make_report())
    held = claim_one(sqlite_database)
    assert do(api, running, "cancel")["state"] == "cancelled"
    assert counts(api, running) == {"graded": 1, "running": 1, "not_started": 3}
    assert claim_batch(sqlite_database) is None
    assert record_report(sqlite_database, held, make_report()) is State.GRADED
    assert counts(api, running) == {"graded": 2, "not_started": 3}
    assert do(api, running, "cancel")["state"] == "cancelled"
    do(api, running, "resume")
    assert counts(api, running) == {"graded": 2, "queued": 3}


def test_work_that_comes_back_after_the_end_ends_too(
    api: TestClient, running: str, sqlite_database: SessionFactory
) -> None:
    released, lost = claim_one(sqlite_database, owner="a"), claim_one(sqlite_database, owner="b")
    do(api, running, "cancel")
    with sqlite_database.begin() as session:
        lifecycle.release(session, [released])
    sweep_gone(sqlite_database, "b")
    assert lost
    assert counts(api, running) == {"cancelled": 2, "not_started": 3}


def test_a_paused_cohort_is_not_claimed_and_goes_on_where_it_was(
    api: TestClient, running: str, sqlite_database: SessionFactory
) -> None:
    assert do(api, running, "pause")["state"] == "paused"
    assert claim_batch(sqlite_database) is None
    assert counts(api, running) == {"queued": 5}
    assert do(api, running, "resume")["state"] == "running"
    assert claim_batch(sqlite_database)


def test_a_cohort_expires_at_its_time(
    api: TestClient, rubric: Rubric, sqlite_database: SessionFactory, fixed_clock: FixedClock
) -> None:
    cohort = make_cohort(api, finish_by=(fixed_clock.moment + timedelta(hours=1)).isoformat())
    add(api, cohort, rubric, {"a": "INT8", "b": "bits", "c": "none"})
    do(api, cohort, "finalise")
    do(api, cohort, "start")
    begun = claim_one(sqlite_database)
    with sqlite_database.begin() as session:
        lifecycle.release(session, [begun])
    sweep_cohorts(sqlite_database)
    assert read(api, cohort)["state"] == "running"
    fixed_clock.advance(3601)
    sweep_cohorts(sqlite_database)
    assert (read(api, cohort)["state"], counts(api, cohort)) == ("expired", {"expired": 1, "not_started": 2})
    assert "finish_by" in do(api, cohort, "resume", 409)["detail"]


def test_one_of_a_cohort_that_has_ended_can_be_requeued_by_a_person(
    api: TestClient, running: str, sqlite_database: SessionFactory
) -> None:
    do(api, running, "cancel")
    item = api.get(f"/v1/cohorts/{running}/items").json()["items"][0]
    api.post(f"/v1/gradings/{item['grading_id']}/requeue")
    batch = claim_batch(sqlite_database)
    assert batch
    assert [lease.grading_id for lease in batch.leases] == [item["grading_id"]]


def test_failed_answers_are_graded_again_only_if_asked(
    api: TestClient, running: str, sqlite_database: SessionFactory
) -> None:
    record_report(sqlite_database, claim_one(sqlite_database), make_report(reason=UnscoredReason.PARSE))
    for _ in range(4):
        record_report(sqlite_database, claim_one(sqlite_database), make_report())
    sweep_cohorts(sqlite_database)
    assert (read(api, running)["state"], counts(api, running)) == ("finished", {"graded": 4, "failed": 1})
    assert "retry_failed" in do(api, running, "resume", 409)["detail"]
    assert do(api, running, "resume", retry_failed=True)["counts"]["queued"] == 1
    record_report(sqlite_database, claim_one(sqlite_database), make_report())
    sweep_cohorts(sqlite_database)
    assert (read(api, running)["state"], counts(api, running)) == ("finished", {"graded": 5})


@pytest.mark.parametrize(
    ("state", "verb", "fix"),
    [
        ("draft", "start", "finalise it"),
        ("draft", "pause", "only a running one"),
        ("draft", "resume", "finalise it"),
        ("draft", "finalise", "add some"),
        ("running", "reopen", "only a validated one"),
        ("cancelled", "start", "resume it"),
        ("cancelled", "pause", "only a running one"),
        ("cancelled", "finalise", "only a draft"),
    ],
)
def test_a_wrong_state_names_itself_and_the_fix(api: TestClient, running: str, state: str, verb: str, fix: str) -> None:
    cohort = make_cohort(api) if state == "draft" else running
    if state == "cancelled":
        do(api, running, "cancel")
    problem = do(api, cohort, verb, 409)
    assert problem["code"] == "wrong_state"
    assert fix in problem["detail"]


def test_a_started_cohort_takes_answers_only_if_it_is_open(api: TestClient, running: str, rubric: Rubric) -> None:
    item = {"external_id": "z", "answer": "x", "rubric": rubric.model_dump(mode="json")}
    reply = api.post(f"/v1/cohorts/{running}/items", json={"items": [item]})
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")


def test_every_wrong_item_is_named_with_its_place(api: TestClient, rubric: Rubric) -> None:
    cohort = make_cohort(api)
    good = {"external_id": "a", "answer": "INT8", "rubric": rubric.model_dump(mode="json")}
    items = [good, {**good, "external_id": ""}, {**good, "external_id": "b", "colour": 1}, good, 7]
    items += [
        {"external_id": "c", "answer": "x", "question_id": "none"},
        {**good, "external_id": "d", "answer": "\x00"},
    ]
    reply = api.post(f"/v1/cohorts/{cohort}/items", json={"items": items})
    assert reply.status_code == 422
    assert [(error["pointer"], error["code"]) for error in reply.json()["errors"]] == [
        ("/items/1/external_id", "malformed_item"),
        ("/items/2/colour", "malformed_item"),
        ("/items/3/external_id", "duplicate_external_id"),
        ("/items/4", "malformed_item"),
        ("/items/5/question_id", "unknown_question"),
        ("/items/6/answer", "unusable_answer"),
    ]
    assert read(api, cohort)["total"] == 0
    reply = api.post(f"/v1/cohorts/{cohort}/items", json={"items": items, "mode": "valid_only"})
    assert (reply.json()["created"], len(reply.json()["errors"])) == (1, 6)


def test_an_edit_needs_the_newest_etag_and_a_limit_covers_what_is_used(
    api: TestClient, sqlite_database: SessionFactory
) -> None:
    cohort = make_cohort(api, max_calls=10)
    assert api.patch(f"/v1/cohorts/{cohort}", json={"max_calls": 20}).status_code == 428
    tag = api.get(f"/v1/cohorts/{cohort}").headers["ETag"]
    reply = api.patch(f"/v1/cohorts/{cohort}", json={"max_calls": 20}, headers={"If-Match": tag})
    assert (reply.status_code, reply.json()["budget"]["max_calls"]) == (200, 20)
    assert api.patch(f"/v1/cohorts/{cohort}", json={"name": "x"}, headers={"If-Match": tag}).status_code == 412
    with sqlite_database.begin() as session:
        reserve(session, cohort, calls=7, cost=0.0)
    reply = api.patch(f"/v1/cohorts/{cohort}", json={"max_calls": 6}, headers={"If-Match": "*"})
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")
    reply = api.patch(f"/v1/cohorts/{cohort}", json={"max_calls": None}, headers={"If-Match": "*"})
    assert reply.json()["budget"] == {
        "max_calls": None,
        "used_calls": 0,
        "reserved_calls": 7,
        "left_calls": None,
        "max_cost": None,
        "used_cost": 0.0,
        "reserved_cost": 0.0,
        "left_cost": None,
    }


def test_a_limit_of_the_cost_needs_prices(api: TestClient) -> None:
    reply = api.post("/v1/cohorts", json={"name": "x", "max_cost": 5})
    assert reply.status_code == 422
    assert "VIVA_JUDGE_PRICE_PROMPT" in reply.json()["detail"]


def test_a_time_that_is_over_or_has_no_zone_is_refused(api: TestClient) -> None:
    over = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert api.post("/v1/cohorts", json={"name": "x", "finish_by": over}).status_code == 422
    assert api.post("/v1/cohorts", json={"name": "x", "finish_by": "2099-01-01T00:00:00"}).status_code == 422


def test_only_a_cohort_that_was_never_started_is_deleted(api: TestClient, running: str, rubric: Rubric) -> None:
    cohort = make_cohort(api)
    add(api, cohort, rubric, {"a": "INT8"})
    add(api, cohort, rubric, {"a": "INT4"})
    assert api.delete(f"/v1/cohorts/{cohort}").status_code == 204
    assert api.get(f"/v1/cohorts/{cohort}").status_code == 404
    assert api.delete(f"/v1/cohorts/{running}").status_code == 409


def test_lists_come_in_pages_with_their_filters(api: TestClient, running: str) -> None:
    others = [make_cohort(api) for _ in range(2)]
    page = api.get("/v1/cohorts", params={"state": "draft", "limit": 1}).json()
    assert [one["id"] for one in page["items"]] == [others[1]]
    page = api.get("/v1/cohorts", params={"cursor": page["next_cursor"]}).json()
    assert ([one["id"] for one in page["items"]], page["next_cursor"]) == ([others[0]], None)
    page = api.get(f"/v1/cohorts/{running}/items", params={"limit": 3, "outcome": "queued"}).json()
    assert [one["external_id"] for one in page["items"]] == ["a0", "a1", "a2"]
    page = api.get(f"/v1/cohorts/{running}/items", params={"cursor": page["next_cursor"]}).json()
    assert [one["external_id"] for one in page["items"]] == ["a3", "a4"]
    assert api.get(f"/v1/cohorts/{running}/items", params={"outcome": "graded"}).json()["items"] == []


def test_calls_and_cost_in_flight_never_exceed_the_limits(api: TestClient, sqlite_database: SessionFactory) -> None:
    cohort = make_cohort(api, max_calls=3)
    with sqlite_database.begin() as session:
        session.get_one(Cohort, cohort).max_cost = 1.0
    with sqlite_database.begin() as session:
        assert reserve(session, cohort, calls=1, cost=0.6).name == "GRANTED"
        assert reserve(session, cohort, calls=1, cost=0.6).name == "LATER"
        settle(session, cohort, Settlement(1, 0.6, 1, 0.1))
        assert reserve(session, cohort, calls=1, cost=0.6).name == "GRANTED"
        assert reserve(session, cohort, calls=1, cost=1.0).name == "REFUSED"
        assert reserve(session, cohort, calls=2, cost=0.0).name == "LATER"
    budget = read(api, cohort)["budget"]
    assert (budget["used_calls"], budget["reserved_calls"], budget["left_calls"]) == (1, 1, 1)
    assert budget["left_cost"] == pytest.approx(0.3)


def test_cohorts_share_the_workers_evenly(
    api: TestClient, rubric: Rubric, running: str, sqlite_database: SessionFactory
) -> None:
    small = make_cohort(api)
    add(api, small, rubric, {"x": "one", "y": "two"})
    do(api, small, "finalise")
    do(api, small, "start")
    claimed = [claim_one(sqlite_database, owner=str(number)).cohort_id for number in range(4)]
    assert sorted(claimed.count(one) for one in (small, running)) == [2, 2]


def test_a_caller_who_waits_goes_before_every_cohort(
    api: TestClient, rubric: Rubric, running: str, sqlite_database: SessionFactory
) -> None:
    waiting = api.post("/v1/gradings", json={"answer": "INT8", "rubric": rubric.model_dump(mode="json")}).json()["id"]
    assert claim_one(sqlite_database).grading_id == waiting


def test_a_pause_of_hours_does_not_make_the_service_unready(
    api: TestClient, running: str, sqlite_database: SessionFactory
) -> None:
    do(api, running, "pause")
    with sqlite_database.begin() as session:
        session.execute(sa.update(Grading).values(created_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert api.get("/readyz").json()["oldest_open_seconds"] is None


def test_changes_are_events_and_audited(api: TestClient, running: str, sqlite_database: SessionFactory) -> None:
    from vivavoce.service.storage.repositories import EventRepository

    do(api, running, "pause")
    do(api, running, "cancel")
    with sqlite_database() as session:
        events = EventRepository(session).after(0, organisation_id="default", cohort_id=running)
        kinds = [event.kind for event in events]
    assert kinds == [
        "cohort.validated",
        "cohort.running",
        "cohort.paused",
        *["grading.cancelled"] * 5,
        "cohort.cancelled",
    ]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"candidate": "x" * 201}, "/items/0/candidate"),
        ({"answer": "x" * 20_001}, "/items/0/answer"),
        ({"external_id": "a\x00"}, "/items/0/external_id"),
        ({"metadata": {"job": "a\x00"}}, "/items/0/metadata"),
        ({"question_id": "nothing"}, "/items/0/question_id"),
    ],
)
def test_the_error_of_an_item_points_to_its_field(api: TestClient, changes: dict[str, Any], pointer: str) -> None:
    cohort_id = api.post("/v1/cohorts", json={"name": "a"}).json()["id"]
    item = {"external_id": "a", "question_id": "quantization", "answer": "INT8", **changes}
    reply = api.post(f"/v1/cohorts/{cohort_id}/items", json={"items": [item]})
    assert (reply.status_code, [error["pointer"] for error in reply.json()["errors"]]) == (422, [pointer])
