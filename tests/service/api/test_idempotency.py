from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce.rubrics import Bank, Rubric
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Grading, IdempotencyKey, Review, State

from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, bring_to, claim_one, make_report, record_report

KEY = {"Idempotency-Key": "k"}
ANSWER = {"question_id": "quantization", "answer": "INT8 instead of FP16"}


def _count(database: SessionFactory, table: type) -> int:
    with database() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.fixture
def grading_id(database: SessionFactory, rubric: Rubric) -> str:
    return bring_to(database, rubric, State.GRADED)[0]


def test_a_repeated_review_is_one_review(api: TestClient, database: SessionFactory, grading_id: str) -> None:
    path = f"/v1/gradings/{grading_id}/reviews"
    first = api.post(path, json={"score": 5}, headers=KEY)
    again = api.post(path, json={"score": 5}, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert _count(database, Review) == 1
    other = api.post(path, json={"score": 6}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_repeated_regrade_is_one_regrade(
    api: TestClient, database: SessionFactory, rubric: Rubric, grading_id: str
) -> None:
    path = f"/v1/gradings/{grading_id}/regrade"
    first = api.post(path, headers=KEY)
    record_report(database, claim_one(database), make_report(score=6.0))
    again = api.post(path, headers=KEY)
    assert (again.status_code, again.json()) == (202, first.json())
    assert api.get(f"/v1/gradings/{grading_id}").json()["state"] == "graded"
    other, _ = bring_to(database, rubric, State.GRADED)
    assert api.post(f"/v1/gradings/{other}/regrade", headers=KEY).json()["code"] == "idempotency_mismatch"
    assert api.post(path, params={"keep_review": "true"}, headers=KEY).json()["code"] == "idempotency_mismatch"


def test_a_key_belongs_to_its_route_and_organisation(
    api: TestClient, database: SessionFactory, grading_id: str
) -> None:
    assert api.post("/v1/gradings", json=ANSWER, headers=KEY).status_code == 202
    assert api.post(f"/v1/gradings/{grading_id}/reviews", json={"score": 5}, headers=KEY).status_code == 201
    other = make_key_header(database, organisation_id=OTHER_ORGANISATION)
    reply = api.post("/v1/gradings", json=ANSWER, headers={**other, **KEY})
    assert (reply.status_code, "Idempotent-Replayed" in reply.headers) == (202, False)


def test_a_refused_request_leaves_its_key_free(api: TestClient, database: SessionFactory, grading_id: str) -> None:
    path = f"/v1/gradings/{grading_id}/reviews"
    assert api.post(path, json={"levels": {"nope": 1}}, headers=KEY).status_code == 422
    assert _count(database, IdempotencyKey) == 0
    assert api.post(path, json={"score": 5}, headers=KEY).status_code == 201


def test_a_stored_reply_hides_the_answer_key_from_those_who_may_not_read_it(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    grading_id, _ = bring_to(database, rubric, State.GRADED)
    path = f"/v1/gradings/{grading_id}/requeue"
    # It is graded, so nothing is stored.
    assert api.post(path, headers=KEY).status_code == 409
    assert _count(database, IdempotencyKey) == 0


def test_a_reply_that_was_lost_after_the_commit_is_given_again(
    app: FastAPI, api: TestClient, database: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process ends between the commit and the reply: the notifier is the first thing after it.
    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("vivavoce.service.api.routes.gradings.metrics.submitted.inc", die)
        with pytest.raises(BaseException):  # noqa: B017, PT011
            api.post("/v1/gradings", json=ANSWER, headers=KEY)
    assert _count(database, Grading) == 1
    again = api.post("/v1/gradings", json=ANSWER, headers=KEY)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert api.get(again.headers["Location"]).json()["id"] == again.json()["id"]
    assert _count(database, Grading) == 1


@pytest.mark.parametrize(
    "database_name", ["sqlite_database", pytest.param("postgres_database", marks=pytest.mark.processes)]
)
def test_50_requests_at_once_with_one_key_are_one_grading(
    request: pytest.FixtureRequest, settings: Settings, bank: Bank, notifier: EventNotifier, database_name: str
) -> None:
    database: SessionFactory = request.getfixturevalue(database_name)
    app = create_app(settings, sessions=database, bank=bank, notifier=notifier, judge_status=lambda: "ok")
    headers = {**make_key_header(database), **KEY}

    def post(_: int) -> tuple[int, str | None]:
        reply = TestClient(app, headers=headers).post("/v1/gradings", json=ANSWER)
        return reply.status_code, reply.json().get("id")

    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(post, range(50)))
    assert _count(database, Grading) == 1
    assert {status for status, _ in replies} <= {202, 409}
    assert len({grading_id for status, grading_id in replies if status == 202}) == 1
