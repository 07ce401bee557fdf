from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from vivavoce.client import Client, ClientError, ConnectionLost, NotFound, ServiceFailed, TooManyRequests
from vivavoce.client.errors import ApiError, Conflict
from vivavoce.client.http.retries import read_retry_after

from ...servers import free_port
from ..scripted_server import Answer, ScriptedServer, run_scripted_server

ID = "0" * 32
GRADING = {
    "id": ID,
    "state": "graded",
    "question_id": "q",
    "language": "en",
    "source": "bank",
    "rubric_hash": "h",
    "candidate": None,
    "attempt": 1,
    "reason": None,
    "detail": None,
    "created_at": "2027-01-01T00:00:00Z",
    "updated_at": "2027-01-01T00:00:00Z",
    "provisional": None,
    "report": None,
}
DONE = Answer(body=GRADING)


def problem(status: int, code: str, **headers: str) -> Answer:
    body = {"type": "about:blank", "title": "T", "status": status, "detail": f"It is {code}.", "code": code}
    return Answer(status, {**body, "errors": None}, {"Content-Type": "application/problem+json", **headers})


BUSY = problem(503, "unavailable")


def connect(server: ScriptedServer, *, patience: float = 20) -> Client:
    return Client(server.url, "viva_key", patience_seconds=patience)


@pytest.mark.parametrize(
    "first", [BUSY, problem(429, "too_many_requests"), Answer(502, b"<html>"), Answer(breaks=True)]
)
def test_a_read_is_sent_again(first: Answer) -> None:
    with run_scripted_server(first, first, DONE) as server, connect(server) as client:
        assert client.gradings.read(ID).state == "graded"
        assert len(server.asked) == 3


def test_a_submission_is_sent_again_with_its_key() -> None:
    with run_scripted_server(Answer(breaks=True), BUSY, DONE) as server, connect(server) as client:
        client.gradings.create("x", question_id="q")
        keys = {headers["idempotency-key"] for _, _, headers in server.asked}
        assert (len(server.asked), len(keys)) == (3, 1)
        client.gradings.create("x", question_id="q")
        assert server.asked[-1][2]["idempotency-key"] not in keys


def test_a_submission_whose_first_try_still_runs_waits_for_it() -> None:
    running = problem(409, "idempotency_in_progress", **{"Retry-After": "0"})
    with run_scripted_server(running, DONE) as server, connect(server) as client:
        assert client.gradings.create("x", question_id="q").id == ID
    with run_scripted_server(problem(409, "finished"), DONE) as server, connect(server) as client:
        with pytest.raises(Conflict):
            client.gradings.cancel(ID)
        assert len(server.asked) == 1


def test_retry_after_is_waited_for() -> None:
    with run_scripted_server(problem(429, "x", **{"Retry-After": "1"}), DONE) as server, connect(server) as client:
        started = time.monotonic()
        client.gradings.read(ID)
        assert 1 <= time.monotonic() - started < 5


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    with run_scripted_server(problem(503, "x", **{"Retry-After": date}), DONE) as server, connect(server) as client:
        started = time.monotonic()
        client.gradings.read(ID)
        assert 1.5 <= time.monotonic() - started < 6


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("Fri, 01 Jan 2027 00:00:30 GMT", 30.0),
        ("Thu, 31 Dec 2026 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2027 08:00:30 +0800", 30.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds(text: str, seconds: float | None) -> None:
    assert read_retry_after({"retry-after": text}, now=datetime(2027, 1, 1, tzinfo=UTC)) == seconds


def test_a_wait_longer_than_the_patience_is_not_begun() -> None:
    refusal = problem(429, "too_many_requests", **{"Retry-After": "3600", "X-Request-ID": "r-1"})
    with run_scripted_server(refusal) as server, connect(server) as client:
        started = time.monotonic()
        with pytest.raises(TooManyRequests) as error:
            client.gradings.read(ID)
        assert time.monotonic() - started < 2
        assert (error.value.code, error.value.request_id, error.value.retry_after) == (
            "too_many_requests",
            "r-1",
            3600.0,
        )


def test_patience_ends_with_the_last_error() -> None:
    with run_scripted_server(BUSY) as server, connect(server, patience=1) as client:
        started = time.monotonic()
        with pytest.raises(ServiceFailed, match=r"It is unavailable\."):
            client.gradings.read(ID)
        assert time.monotonic() - started < 3
        assert len(server.asked) >= 2


def test_a_service_that_is_not_there_is_one_sentence() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url, "viva_key", patience_seconds=0.3) as client, pytest.raises(ConnectionLost) as error:
        client.gradings.create("x", question_id="q")
    assert str(error.value).startswith(f"The service at {url} cannot be reached (")
    assert not error.value.may_have_arrived


def test_wrong_requests_and_faults_of_the_service_are_not_sent_again() -> None:
    for answer in (problem(422, "malformed_request"), problem(500, "internal_error")):
        with run_scripted_server(answer) as server, connect(server) as client:
            with pytest.raises(ApiError):
                client.gradings.read(ID)
            assert len(server.asked) == 1


def test_what_would_be_done_twice_is_not_sent_again() -> None:
    for lost in (BUSY, Answer(breaks=True)):
        with run_scripted_server(lost, DONE) as server, connect(server) as client:
            with pytest.raises((ServiceFailed, ConnectionLost)):
                client.cohorts.create("spring")
            server.answers.insert(0, lost)
            with pytest.raises((ServiceFailed, ConnectionLost)):
                client.rubrics.edit(ID, {}, if_match='"1"')
            assert [method for method, _, _ in server.asked] == ["POST", "PUT"]


def test_what_was_refused_before_it_began_is_sent_again() -> None:
    for refusal in (problem(429, "too_many_requests"), problem(503, "busy", **{"Retry-After": "0"})):
        with run_scripted_server(refusal, Answer(404, b"")) as server, connect(server) as client:
            with pytest.raises(NotFound):
                client.cohort_files.upload(ID, b"answer", name="a.csv")
            assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(404, b"<html>no such\npage</html>"), r"status 404 and no reason \(<html>no such page</html>\)"),
        (Answer(body={"hello": 1}), "The reply is no Grading"),
        (Answer(301, b"", {"Location": "https://viva.example"}), r"redirects to https://viva\.example"),
    ],
)
def test_replies_of_others_are_named(answer: Answer, sentence: str) -> None:
    with (
        run_scripted_server(answer) as server,
        connect(server) as client,
        pytest.raises(ClientError, match=sentence),
    ):
        client.gradings.read(ID)


def test_what_a_newer_service_adds_does_no_harm() -> None:
    newer = {**GRADING, "state": "pondering", "mood": {"level": 3}}
    with run_scripted_server(Answer(body=newer)) as server, connect(server) as client:
        grading = client.gradings.read(ID)
        assert (grading.state, grading.is_open) == ("pondering", False)
        assert grading.model_extra == {"mood": {"level": 3}}
