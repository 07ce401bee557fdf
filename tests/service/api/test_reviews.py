from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.graders.errors import UnscoredReason
from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Role
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, Event, State

from ..keys import make_key_header
from ..samples import FixedClock, bring_to, claim_one, make_report, record_report, submit_answer


def _path(grading_id: str, end: str = "reviews") -> str:
    return f"/v1/gradings/{grading_id}/{end}"


@pytest.fixture
def grading_id(database: SessionFactory, rubric: Rubric) -> str:
    """A grading with a score of 7.5 that needs a review."""
    made = submit_answer(database, rubric)
    record_report(database, claim_one(database), make_report(score=7.5, needs_review=True))
    return made


def test_a_decision_stands_beside_the_report(api: TestClient, database: SessionFactory, grading_id: str) -> None:
    reply = api.post(_path(grading_id), json={"score": 4.5, "comment": "太宽松。", "reviewer": "李雷"})
    assert (reply.status_code, reply.headers["Location"]) == (201, _path(grading_id))
    review = reply.json()
    assert (review["score"], review["machine_score"], review["reviewer"]) == (4.5, 7.5, "李雷")
    grading = api.get(_path(grading_id, "")[:-1]).json()
    assert (grading["state"], grading["report"]["score"], grading["review"]) == ("needs_review", 7.5, review)
    assert grading["updated_at"] >= review["created_at"]
    listed = api.get("/v1/gradings", params={"reviewed": "true"}).json()["items"]
    assert [(item["score"], item["review"]["score"]) for item in listed] == [(7.5, 4.5)]
    assert api.get("/v1/gradings", params={"reviewed": "false"}).json()["items"] == []


def test_a_review_is_an_event_and_is_audited_without_its_comment(
    api: TestClient, database: SessionFactory, grading_id: str
) -> None:
    review = api.post(_path(grading_id), json={"score": 4.5, "comment": "secret words"}).json()
    with database() as session:
        event = session.scalars(sa.select(Event).order_by(Event.sequence.desc())).first()
        audited = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event
    assert (event.kind, event.subject_id) == ("grading.reviewed", grading_id)
    assert audited
    assert (audited.kind, audited.subject, audited.details["review"]) == ("grading_reviewed", grading_id, review["id"])
    assert audited.actor.startswith("key ")
    assert "secret words" not in str(event.data) + str(audited.details)
    assert (review["reviewer"], audited.details["score"]) == ("test", 4.5)


def test_the_newest_decision_counts_and_all_are_kept(api: TestClient, grading_id: str, fixed_clock: FixedClock) -> None:
    for score in (1, 2, 3):
        fixed_clock.advance(1)
        api.post(_path(grading_id), json={"score": score})
    page = api.get(_path(grading_id), params={"limit": 2})
    assert [review["score"] for review in page.json()["items"]] == [3, 2]
    assert [review["score"] for review in api.get(page.links["next"]["url"]).json()["items"]] == [1]
    assert api.get(f"/v1/gradings/{grading_id}").json()["review"]["score"] == 3


def test_levels_of_all_criteria_give_the_score(api: TestClient, grading_id: str, rubric: Rubric) -> None:
    full = {criterion.id: len(criterion.levels) - 1 for criterion in rubric.criteria if criterion.kind != "negative"}
    none = {criterion.id: 0 for criterion in rubric.criteria if criterion.kind == "negative"}
    assert api.post(_path(grading_id), json={"levels": {**full, **none}}).json()["score"] == 10.0
    zeros = {criterion.id: 0 for criterion in rubric.criteria}
    assert api.post(_path(grading_id), json={"levels": zeros}).json()["score"] == 0.0
    first = rubric.criteria[0].id
    assert api.post(_path(grading_id), json={"levels": {first: 1}}).json()["score"] is None
    assert api.post(_path(grading_id), json={"levels": zeros, "score": 2.5}).json()["score"] == 2.5


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({}, None, "says nothing"),
        ({"comment": "  "}, None, "says nothing"),
        ({"score": 10.1}, "/score", "at most 10"),
        ({"score": "7"}, "/score", "without quotation marks"),
        ({"levels": {"nope": 1}}, "/levels", "no criterion 'nope': use "),
        ({"levels": {"precision": True}}, "/levels/precision", "whole number"),
        ({"comment": "量" * 2001}, "/comment", "2000 characters"),
        ({"comment": "a\x00"}, "/comment", "NUL"),
        ({"scor": 1}, "/scor", "no such field"),
    ],
)
def test_a_wrong_review_gets_one_sentence_and_its_place(
    api: TestClient, grading_id: str, body: dict[str, Any], pointer: str | None, says: str
) -> None:
    reply = api.post(_path(grading_id), json=body)
    problem = reply.json()
    assert (reply.status_code, says in problem["detail"]) == (422, True), reply.text
    assert [error["pointer"] for error in problem["errors"] or ()] == ([pointer] if pointer else [])


def test_a_level_beyond_the_rubric_is_refused(api: TestClient, grading_id: str, rubric: Rubric) -> None:
    first = rubric.criteria[0]
    problem = api.post(_path(grading_id), json={"levels": {first.id: len(first.levels)}}).json()
    assert f"has levels 0 to {len(first.levels) - 1}" in problem["detail"]
    assert problem["errors"][0]["pointer"] == f"/levels/{first.id}"


@pytest.mark.parametrize("state", State)
def test_only_finished_gradings_are_reviewed(
    api: TestClient, database: SessionFactory, rubric: Rubric, state: State
) -> None:
    grading_id, _ = bring_to(database, rubric, state)
    reply = api.post(_path(grading_id), json={"score": 5})
    refused = state.open or state is State.CANCELLED
    assert reply.status_code == (409 if refused else 201)
    assert api.get(f"/v1/gradings/{grading_id}").json()["state"] == state.value


def test_an_integrator_reads_reviews_and_writes_none(
    api: TestClient, database: SessionFactory, grading_id: str
) -> None:
    headers = make_key_header(database, role=Role.INTEGRATOR)
    assert api.post(_path(grading_id), json={"score": 5}, headers=headers).status_code == 403
    assert api.get(_path(grading_id), headers=headers).json()["items"] == []


def test_grading_again_keeps_the_older_report(api: TestClient, database: SessionFactory, grading_id: str) -> None:
    reply = api.post(_path(grading_id, "regrade"))
    assert (reply.status_code, reply.headers["Location"]) == (202, f"/v1/gradings/{grading_id}")
    assert (reply.json()["state"], reply.json()["report"]) == ("queued", None)
    record_report(database, claim_one(database), make_report(score=6.0))
    assert api.get(f"/v1/gradings/{grading_id}").json()["report"]["score"] == 6.0
    (earlier,) = api.get(_path(grading_id, "reports")).json()["items"]
    assert (earlier["score"], earlier["state"], earlier["report"]["score"]) == (7.5, "needs_review", 7.5)
    headers = make_key_header(database, role=Role.INTEGRATOR)
    (hidden,) = api.get(_path(grading_id, "reports"), headers=headers).json()["items"]
    assert hidden["report"]["feedback"]["interviewer"] is None


def test_what_a_person_decided_is_never_overwritten(api: TestClient, database: SessionFactory, grading_id: str) -> None:
    review = api.post(_path(grading_id), json={"score": 4.5}).json()
    refused = api.post(_path(grading_id, "regrade"))
    assert (refused.status_code, "keep_review=true" in refused.json()["detail"]) == (409, True)
    assert api.get(f"/v1/gradings/{grading_id}").json()["state"] == "needs_review"
    assert api.post(_path(grading_id, "regrade"), params={"keep_review": "true"}).status_code == 202
    record_report(database, claim_one(database), make_report(score=6.0))
    grading = api.get(f"/v1/gradings/{grading_id}").json()
    assert (grading["report"]["score"], grading["review"]) == (6.0, review)


@pytest.mark.parametrize("state", State)
def test_grading_again_says_which_way_is_right(
    api: TestClient, database: SessionFactory, rubric: Rubric, state: State
) -> None:
    grading_id, _ = bring_to(database, rubric, state)
    has_result = state in {State.GRADED, State.NEEDS_REVIEW}
    requeued = api.post(_path(grading_id, "requeue"))
    assert requeued.status_code == (409 if has_result else 200)
    if has_result:
        assert f"{grading_id}/regrade" in requeued.json()["detail"]
        assert api.post(_path(grading_id, "regrade")).status_code == 202
    else:
        assert api.post(_path(grading_id, "regrade")).status_code == 409


def test_a_failed_grading_may_be_graded_by_a_person(api: TestClient, database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(database, rubric)
    record_report(database, claim_one(database), make_report(reason=UnscoredReason.PARSE))
    assert api.post(_path(grading_id), json={"score": 5}).json()["machine_score"] is None
