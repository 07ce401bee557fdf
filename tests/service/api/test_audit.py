from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Role
from vivavoce.service.storage.engine import SessionFactory

from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, FixedClock, claim_one, make_report, record_report, submit_answer

TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'"


def grade(database: SessionFactory, rubric: Rubric, count: int = 1) -> list[str]:
    ids = []
    for _ in range(count):
        ids.append(submit_answer(database, rubric))
        record_report(database, claim_one(database), make_report())
    return ids


def tamper(database: SessionFactory, statement: str) -> None:
    """Changes the database as somebody with its password could."""
    with database.begin() as session:
        for name in session.scalars(sa.text(TRIGGERS)).all():
            session.execute(sa.text(f"DROP TRIGGER {name}"))
        session.execute(sa.text(statement))


def list_ids(api: TestClient, **filters: Any) -> list[int]:
    reply = api.get("/v1/audit", params=filters)
    assert reply.status_code == 200, reply.text
    return [event["id"] for event in reply.json()["items"]]


def test_events_are_listed_newest_first_and_filtered(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    first = grade(sqlite_database, rubric)[0]
    fixed_clock.advance(3600)
    cancelled = submit_answer(sqlite_database, rubric)
    api.post(f"/v1/gradings/{cancelled}/cancel")
    assert list_ids(api) == [2, 1]
    (event,) = api.get("/v1/audit", params={"subject": first}).json()["items"]
    assert (event["kind"], event["at"], event["details"]["score"]) == ("report_written", "2030-01-01T12:00:00Z", 7.5)
    assert list_ids(api, kind="grading_cancelled") == [2]
    assert list_ids(api, actor=event["actor"], kind="report_written") == [1]
    assert list_ids(api, actor="nobody") == []
    assert list_ids(api, since="2030-01-01T13:00:00Z") == [2]
    assert list_ids(api, until="2030-01-01T21:00:00+08:00") == [1]


def test_events_come_in_pages(api: TestClient, sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grade(sqlite_database, rubric, 5)
    found: list[int] = []
    address: str | None = "/v1/audit?limit=2&kind=report_written&since=2020-01-01T00:00:00Z"
    while address:
        page = api.get(address).json()
        found += [event["id"] for event in page["items"]]
        address = f"/v1/audit?cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert found == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "query", ["kind=nothing", "since=2030-01-01", "since=2030-01-01T00:00:00", "subject=a%00b", "colour=red", "limit=0"]
)
def test_a_wrong_filter_is_refused(api: TestClient, query: str) -> None:
    assert api.get(f"/v1/audit?{query}").status_code == 422


def test_an_intact_trail_is_verified_in_parts(api: TestClient, sqlite_database: SessionFactory, rubric: Rubric) -> None:
    empty = api.get("/v1/audit/head").json()
    assert empty == {"id": 0, "head": "0:" + "0" * 64}
    assert api.get("/v1/audit/verify").json()["is_complete"]
    ids = grade(sqlite_database, rubric, 3)
    api.post(f"/v1/gradings/{submit_answer(sqlite_database, rubric)}/cancel")
    head = api.get("/v1/audit/head").json()
    whole = api.get("/v1/audit/verify").json()
    assert whole == {
        "is_intact": True,
        "problem": None,
        "event": None,
        "events": 4,
        "reports": len(ids),
        "head": head["head"],
        "is_complete": True,
    }
    part = api.get("/v1/audit/verify", params={"limit": 3}).json()
    assert (part["events"], part["reports"], part["is_complete"]) == (3, 3, False)
    rest = api.get("/v1/audit/verify", params={"limit": 3, "after": part["head"]}).json()
    assert (rest["events"], rest["reports"], rest["is_complete"], rest["head"]) == (1, 0, True, head["head"])


@pytest.mark.parametrize(
    ("statement", "event", "words"),
    [
        ("UPDATE audit_event SET actor = 'me' WHERE id = 2", 2, "was changed"),
        ("DELETE FROM audit_event WHERE id = 2", 2, "Event 2 is missing"),
        ("UPDATE report SET score = 9", None, "is not the one"),
        ("UPDATE report SET document = json_set(document, '$.score', 9.5)", None, "is not the one"),
        ("DELETE FROM report", None, "is gone"),
    ],
)
def test_a_change_around_the_trail_is_found(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, statement: str, event: int | None, words: str
) -> None:
    grade(sqlite_database, rubric, 3)
    tamper(sqlite_database, statement)
    result = api.get("/v1/audit/verify").json()
    assert (result["is_intact"], result["event"]) == (False, event)
    assert words in result["problem"]


def test_a_head_kept_elsewhere_shows_what_was_cut_off_or_rewritten(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric
) -> None:
    grade(sqlite_database, rubric, 2)
    head = api.get("/v1/audit/head").json()["head"]
    assert api.get("/v1/audit/verify", params={"after": head}).json()["is_intact"]
    other = api.get("/v1/audit/verify", params={"after": "2:" + "a" * 64}).json()
    assert (other["is_intact"], "was rewritten" in other["problem"]) == (False, True)
    tamper(sqlite_database, "DELETE FROM audit_event WHERE id = 2")
    cut = api.get("/v1/audit/verify", params={"after": head}).json()
    assert (cut["is_intact"], cut["event"], "was cut off" in cut["problem"]) == (False, 2, True)


def test_a_later_report_of_a_grading_is_left_to_the_part_that_has_it(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric
) -> None:
    (grading_id,) = grade(sqlite_database, rubric)
    tamper(sqlite_database, "DELETE FROM report")
    with sqlite_database.begin() as session:
        session.execute(sa.text(f"UPDATE grading SET state = 'failed' WHERE id = '{grading_id}'"))
    api.post(f"/v1/gradings/{grading_id}/requeue")
    record_report(sqlite_database, claim_one(sqlite_database), make_report(score=3.0))
    first = api.get("/v1/audit/verify", params={"limit": 1}).json()
    assert (first["is_intact"], first["reports"]) == (True, 0)
    rest = api.get("/v1/audit/verify", params={"after": first["head"]}).json()
    assert (rest["is_intact"], rest["reports"], rest["is_complete"]) == (True, 1, True)


@pytest.mark.parametrize("head", ["x", "1:2", "-1:" + "0" * 64])
def test_what_is_no_head_is_refused(api: TestClient, head: str) -> None:
    reply = api.get("/v1/audit/verify", params={"after": head})
    assert (reply.status_code, reply.json()["code"]) == (422, "unreadable_head")


def test_auditors_read_the_trail_of_their_organisation_and_interviewers_none(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric
) -> None:
    grade(sqlite_database, rubric)
    auditor = make_key_header(sqlite_database, role=Role.AUDITOR)
    other = make_key_header(sqlite_database, role=Role.AUDITOR, organisation_id=OTHER_ORGANISATION)
    interviewer = make_key_header(sqlite_database, role=Role.INTERVIEWER)
    for path in ("", "/head", "/verify"):
        assert api.get(f"/v1/audit{path}", headers=auditor).status_code == 200
        assert api.get(f"/v1/audit{path}", headers=interviewer).status_code == 403
    assert api.get("/v1/audit", headers=other).json()["items"] == []
    assert api.get("/v1/audit/head", headers=other).json()["id"] == 0
    assert api.get("/v1/audit/verify", headers=other).json()["events"] == 0


@pytest.mark.parametrize("after", ["", "1", "1:xyz", "x:" + "a" * 64])
def test_a_head_that_is_none_is_refused(api: TestClient, after: str) -> None:
    reply = api.get("/v1/audit/verify", params={"after": after})
    assert (reply.status_code, reply.json()["code"]) == (422, "unreadable_head")
