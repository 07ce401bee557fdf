from __future__ import annotations

import threading
import time

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import lifecycle
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State
from vivavoce.workers.grading import process_queue

from ...rubrics.test_edits import edited
from ..samples import bring_to, claim_one, make_report, read_grading, record_report, submit_answer

ANSWER = {"question_id": "quantization", "answer": "INT8 instead of FP16", "candidate": "c-1"}


def _drain(database: SessionFactory, settings: Settings) -> None:
    process_queue(database, scripted_panel(), settings, owner="test")


def test_an_answer_is_accepted_and_can_be_followed(client: httpx.Client, notifier: EventNotifier) -> None:
    reply = client.post("/v1/gradings", json=ANSWER)
    assert reply.status_code == 202
    assert reply.json()["state"] == "queued"
    assert notifier.wait(2)
    followed = client.get(reply.headers["Location"])
    assert followed.json()["id"] == reply.json()["id"]
    assert followed.json()["report"] is None


def test_a_finished_grading_shows_its_report(
    client: httpx.Client, database: SessionFactory, settings: Settings
) -> None:
    location = client.post("/v1/gradings", json=ANSWER).headers["Location"]
    _drain(database, settings)
    grading = client.get(location).json()
    assert grading["state"] in {"graded", "needs_review"}
    report = grading["report"]
    assert 0 <= report["score_min"] <= report["score"] <= report["score_max"] <= 10
    assert {"confidence", "coverage", "criteria", "signals", "contributions", "feedback", "flags"} <= set(report)
    assert report["provenance"]["model"] == "scripted"


def test_waiting_returns_as_soon_as_the_report_is_there(
    client: httpx.Client, database: SessionFactory, settings: Settings
) -> None:
    location = client.post("/v1/gradings", json=ANSWER).headers["Location"]
    threading.Timer(0.3, _drain, (database, settings)).start()
    started = time.monotonic()
    grading = client.get(location, params={"wait": 4}, timeout=10).json()
    assert grading["report"]
    assert time.monotonic() - started < 4


def test_a_stopping_server_answers_those_who_wait(client: httpx.Client, server: uvicorn.Server) -> None:
    location = client.post("/v1/gradings", json=ANSWER).headers["Location"]
    threading.Timer(0.3, lambda: setattr(server, "should_exit", True)).start()
    started = time.monotonic()
    reply = client.get(location, params={"wait": 30}, timeout=20)
    assert (reply.status_code, reply.json()["state"]) == (200, "queued")
    assert time.monotonic() - started < 5


def test_waiting_ends_when_the_time_is_up(client: httpx.Client) -> None:
    location = client.post("/v1/gradings", json=ANSWER).headers["Location"]
    assert client.get(location, params={"wait": 0.2}).json()["state"] == "queued"


def test_a_rubric_can_come_with_the_answer(
    client: httpx.Client, database: SessionFactory, settings: Settings, rubric: Rubric
) -> None:
    body = {"rubric": rubric.model_dump(mode="json"), "answer": "INT8"}
    location = client.post("/v1/gradings", json=body).headers["Location"]
    _drain(database, settings)
    assert client.get(location).json()["report"]["score"] is not None


def test_a_repeated_request_with_a_key_is_one_grading(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "a-key"}
    first = client.post("/v1/gradings", json=ANSWER, headers=headers).json()["id"]
    assert client.post("/v1/gradings", json=ANSWER, headers=headers).json()["id"] == first
    other = client.post("/v1/gradings", json={**ANSWER, "answer": "else"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_repeated_request_gets_the_reply_of_the_first(
    client: httpx.Client, database: SessionFactory, settings: Settings
) -> None:
    headers = {"Idempotency-Key": "another-key"}
    first = client.post("/v1/gradings", json=ANSWER, headers=headers)
    _drain(database, settings)
    again = client.post("/v1/gradings", json=ANSWER, headers=headers)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")


def test_an_open_grading_is_cancelled_and_requeued(
    client: httpx.Client, database: SessionFactory, settings: Settings
) -> None:
    location = client.post("/v1/gradings", json=ANSWER).headers["Location"]
    assert client.post(f"{location}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{location}/cancel").status_code == 200
    _drain(database, settings)
    assert client.get(location).json()["state"] == "cancelled"
    assert client.post(f"{location}/requeue").json()["state"] == "queued"
    _drain(database, settings)
    assert client.get(location).json()["report"]
    _assert_problem(client.post(f"{location}/cancel"), 409, "nothing left to cancel")
    _assert_problem(client.post("/v1/gradings/nope/cancel"), 404, "no grading 'nope'")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"question_id": "nope", "answer": "x"}, 404, "no question 'nope'"),
        ({"answer": "x"}, 422, "question_id"),
        ({"question_id": "quantization"}, 422, "answer"),
        ({**ANSWER, "answer": "a" * 200_000}, 422, "200,000 characters"),
        ({**ANSWER, "answer": "nul \x00 here"}, 422, "NUL character at position 5"),
        ({**ANSWER, "answer": 7}, 422, "answer"),
        ({**ANSWER, "language": "fr"}, 422, "language"),
        ({**ANSWER, "candidate": "c" * 300}, 422, "candidate reference"),
        ({**ANSWER, "surprise": 1}, 422, "surprise"),
        ([], 422, "the body"),
    ],
)
def test_bad_input_gets_one_clear_sentence(client: httpx.Client, body: object, status: int, says: str) -> None:
    _assert_problem(client.post("/v1/gradings", json=body), status, says)


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"{", 400, "not JSON"),
        (b"", 400, "body"),
        (b'{"answer": "\xff\xfe"}', 400, "UTF-8"),
        (b'{"question_id": "quantization", "answer": "\\ud800"}', 422, "surrogate"),
        (b'{"answer": "' + b"a" * 2_000_000 + b'"}', 413, "300 KiB"),
    ],
)
def test_bytes_that_are_no_request_get_one_clear_sentence(
    client: httpx.Client, content: bytes, status: int, says: str
) -> None:
    reply = client.post("/v1/gradings", content=content, headers={"Content-Type": "application/json"})
    _assert_problem(reply, status, says)


def test_a_grading_that_is_not_there_is_404(client: httpx.Client) -> None:
    _assert_problem(client.get("/v1/gradings/nope"), 404, "no grading 'nope'")


def test_an_address_that_is_not_there_is_a_problem_too(client: httpx.Client) -> None:
    _assert_problem(client.get("/v2"), 404, "/docs")
    _assert_problem(client.delete("/v1/gradings"), 405, "/docs")


def _assert_problem(reply: httpx.Response, status: int, says: str) -> None:
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    problem = reply.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors"}
    assert problem["status"] == status
    assert says in problem["detail"]
    assert "\n" not in problem["detail"]
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(("priority", "stored"), [("batch", lifecycle.BATCH), ("interactive", lifecycle.INTERACTIVE)])
def test_a_priority_decides_the_order(
    api: TestClient, sqlite_database: SessionFactory, priority: str, stored: int
) -> None:
    reply = api.post("/v1/gradings", json={**ANSWER, "priority": priority, "feedback_language": "zh"})
    grading = read_grading(sqlite_database, reply.json()["id"])
    assert (grading.priority, grading.submission.feedback_language) == (stored, "zh")


def test_a_reply_shows_the_answer_as_queued(api: TestClient) -> None:
    body = api.post("/v1/gradings", json=ANSWER).json()
    assert (body["state"], body["question_id"], body["language"], body["candidate"]) == (
        "queued",
        "quantization",
        "en",
        "c-1",
    )
    assert {body[name] for name in ("reason", "detail", "provisional", "report")} == {None}
    assert body["created_at"] == body["updated_at"]
    assert body["created_at"].endswith("Z")


def test_a_repeated_request_notifies_a_worker_again(api: TestClient, notifier: EventNotifier) -> None:
    for _ in range(2):
        api.post("/v1/gradings", json=ANSWER, headers={"Idempotency-Key": "k"})
        assert notifier.wait(0)


def test_a_refused_request_notifies_nobody(api: TestClient, notifier: EventNotifier) -> None:
    assert api.post("/v1/gradings", json={"answer": "x"}).status_code == 422
    assert not notifier.wait(0)


def test_the_stored_reply_does_not_change_with_the_grading(api: TestClient, sqlite_database: SessionFactory) -> None:
    headers = {"Idempotency-Key": "k"}
    first = api.post("/v1/gradings", json=ANSWER, headers=headers)
    record_report(sqlite_database, claim_one(sqlite_database), make_report())
    again = api.post("/v1/gradings", json=ANSWER, headers=headers)
    assert again.content == first.content
    assert api.get(first.headers["Location"]).json()["state"] == "graded"


@pytest.mark.parametrize("state", State)
def test_cancelling_is_a_conflict_once_finished(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, state: State
) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, state)
    reply = api.post(f"/v1/gradings/{grading_id}/cancel")
    if state.open or state is State.CANCELLED:
        assert (reply.status_code, reply.json()["state"]) == (200, "cancelled")
    else:
        _assert_problem(reply, 409, f"The grading is {state} already")


@pytest.mark.parametrize(
    ("state", "result"),
    [(State.FAILED, "queued"), (State.DEAD, "queued"), (State.CANCELLED, "queued"), (State.RUNNING, "running")],
)
def test_requeueing_notifies_and_shows_the_state(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, notifier: EventNotifier, state: State, result: str
) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, state)
    assert api.post(f"/v1/gradings/{grading_id}/requeue").json()["state"] == result
    assert notifier.wait(0)


def test_a_failed_grading_says_why(api: TestClient, sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    record_report(sqlite_database, claim_one(sqlite_database), make_report(reason=UnscoredReason.TOO_LONG))
    body = api.get(f"/v1/gradings/{grading_id}").json()
    assert (body["state"], body["reason"], body["detail"]) == ("failed", "too_long", "said so")
    assert (body["report"]["score"], body["report"]["score_max"]) == (None, 10.0)


def test_waiting_has_a_limit_of_its_own(app: FastAPI, api: TestClient, settings: Settings) -> None:
    app.state.settings = settings.model_copy(update={"max_wait_seconds": 0.0})
    location = api.post("/v1/gradings", json=ANSWER).headers["Location"]
    started = time.monotonic()
    assert api.get(location, params={"wait": 600}).json()["state"] == "queued"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("wait", ["-1", "soon", "nan"])
def test_a_wait_that_is_no_time_is_refused(api: TestClient, wait: str) -> None:
    reply = api.get(f"/v1/gradings/{'0' * 32}", params={"wait": wait})
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request")
    assert "query.wait: " in reply.json()["detail"]


@pytest.mark.parametrize(("length", "status"), [(255, 202), (256, 422)])
def test_a_key_has_at_most_255_characters(api: TestClient, length: int, status: int) -> None:
    reply = api.post("/v1/gradings", json=ANSWER, headers={"Idempotency-Key": "k" * length})
    assert reply.status_code == status


def test_a_draft_is_a_conflict(api: TestClient, rubric: Rubric) -> None:
    draft = edited(rubric, "status", value="draft").model_dump(mode="json")
    reply = api.post("/v1/gradings", json={"rubric": draft, "answer": "INT8"})
    assert (reply.status_code, reply.json()["code"]) == (409, "draft_rubric")


def test_a_rubric_that_is_wrong_is_located(api: TestClient, rubric: Rubric) -> None:
    wrong = rubric.model_dump(mode="json")
    wrong["criteria"][0]["points"] = -4
    reply = api.post("/v1/gradings", json={"rubric": wrong, "answer": "INT8"})
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request")
    assert reply.json()["detail"].startswith("rubric.criteria.0")
