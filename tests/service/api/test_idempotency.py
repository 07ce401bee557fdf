from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce.rubrics import Bank, Rubric
from vivavoce.service.api.documents.examples import EXAMPLE_CANVAS
from vivavoce.service.api.schemas.cohorts.files import MappingCreate
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import ApiKey, Grading, IdempotencyKey, Review, State

from ..cohort_samples import make_cohort
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
        patch.setattr("vivavoce.service.api.routes.gradings.lifecycle.metrics.submitted.inc", die)
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


_RUBRIC = (Path(__file__).parents[2] / "data" / "rubric.yaml").read_text(encoding="utf-8")
_MAPPING: Any = MappingCreate.model_json_schema()["examples"][0]


def _list_posts(cohort_id: str, rubric_id: str) -> dict[str, dict[str, Any]]:
    yaml = {"content": _RUBRIC, "headers": {"Content-Type": "application/yaml"}}
    return {
        "/v1/cohorts": {"json": {"name": "c"}},
        "/v1/mappings": {"json": _MAPPING},
        "/v1/rubrics": yaml,
        f"/v1/rubrics/{rubric_id}/test": {"json": {"answer": "INT8"}},
        "/v1/rubric-imports": {"content": EXAMPLE_CANVAS, "headers": {"Content-Type": "text/csv"}},
        "/v1/exports": {"json": {"cohort_id": cohort_id, "format": "csv"}},
        f"/v1/cohorts/{cohort_id}/duplicates": {"json": {}},
        f"/v1/cohorts/{cohort_id}/regrades": {"json": {"pass_mark": 5}},
    }


def test_a_repeated_request_makes_nothing_twice(api: TestClient, database: SessionFactory) -> None:
    rubric_id = api.post("/v1/rubrics", content=_RUBRIC, headers={"Content-Type": "application/yaml"}).json()["id"]
    for path, sent in _list_posts(make_cohort(database), rubric_id).items():
        sent["headers"] = {**sent.get("headers", {}), **KEY}
        first = api.post(path, **sent)
        again = api.post(path, **sent)
        assert first.status_code in {201, 202}, (path, first.text)
        assert (again.status_code, again.content) == (first.status_code, first.content), path
        assert again.headers["Idempotent-Replayed"] == "true", path
        for name in ("Location", "ETag"):
            assert again.headers.get(name) == first.headers.get(name), path
        assert api.get(first.headers["Location"]).status_code == 200, path


def test_a_repeated_request_for_a_key_makes_no_second_one(api: TestClient, database: SessionFactory) -> None:
    before = _count(database, ApiKey)
    made = api.post("/v1/keys", json={"name": "k", "role": "auditor"}, headers=KEY)
    again = api.post("/v1/keys", json={"name": "k", "role": "auditor"}, headers=KEY)
    assert (made.status_code, again.status_code, again.json()["code"]) == (201, 409, "key_text_shown")
    assert made.json()["id"] in again.json()["detail"]
    assert _count(database, ApiKey) == before + 1
    path = f"{made.headers['Location']}/rotate"
    assert [api.post(path, headers=KEY).status_code for _ in range(2)] == [201, 409]
    assert _count(database, ApiKey) == before + 2
    with database() as session:
        stored = json.dumps(session.scalars(sa.select(IdempotencyKey.reply)).all())
    assert made.json()["key"] not in stored


REPEATABLE = {
    "append_items": "an item has its external_id",
    "upload_cohort_file": "a file changes nothing until it is applied",
    "change_file_mapping": "sets what is sent",
    "apply_cohort_file": "a file is applied once",
    "create_grade_edit": "a comparison changes nothing until it is applied",
    "apply_grade_edit": "a comparison is applied once",
    "apply_regrade": "a regrade is applied once",
    "erase_candidate": "the second time nothing is left",
    "verify_audit_trail": "only reads",
    "lint_rubric": "only reads",
    "estimate_cohort": "only reads",
    "promote_judge": "sets a state",
    "retire_judge": "sets a state",
    "roll_back_judge": "names the version to go back from",
    "freeze_rubric": "sets a state",
    "retire_rubric": "sets a state",
    "revoke_key": "sets a state",
    "enable_webhook": "sets a state",
    "disable_webhook": "sets a state",
    "ping_webhook": "a second ping does no harm",
    "replay_webhook": "what has arrived is left out",
    **{f"{verb}_cohort": "sets a state" for verb in ("finalise", "reopen", "start", "pause", "cancel", "resume")},
}
"""Operations without an Idempotency-Key, and why a repetition does no harm."""


def test_every_post_takes_a_key_or_may_be_repeated(app: FastAPI) -> None:
    without = {
        operation["operationId"]
        for operations in app.openapi()["paths"].values()
        for method, operation in operations.items()
        if method == "post"
        and not any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }
    assert without <= set(REPEATABLE)
