from __future__ import annotations

import threading
import time

import httpx
import pytest
import uvicorn

from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.grading import process_queue

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


def test_who_waits_is_answered_when_the_server_is_told_to_stop(client: httpx.Client, server: uvicorn.Server) -> None:
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


def test_a_waiting_grading_can_be_cancelled_and_put_back_and_a_finished_one_not(
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
        (b"{", 422, "not JSON"),
        (b"", 422, "body"),
        (b'{"answer": "\xff\xfe"}', 400, "UTF-8"),
        (b'{"question_id": "quantization", "answer": "\\ud800"}', 422, "surrogate"),
        (b'{"answer": "' + b"a" * 2_000_000 + b'"}', 413, "1024 KiB"),
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
    assert set(problem) == {"type", "title", "status", "detail", "code"}
    assert problem["status"] == status
    assert says in problem["detail"]
    assert "\n" not in problem["detail"]
    assert "Traceback" not in reply.text
