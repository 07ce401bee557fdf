"""Requests that a careless or hostile caller sends to a real server: each gets the right status, and soon."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from vivavoce.rubrics import Rubric
from vivavoce.service.observability.middleware import MAX_BODY_BYTES

JSON = {"Content-Type": "application/json"}
ANSWER = {"question_id": "quantization", "answer": "INT8 instead of FP16"}
ABSENT = "0" * 32
SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
Post = Callable[..., httpx.Response]


@pytest.fixture
def post(client: httpx.Client) -> Post:
    """Sends a body of bytes, by default as JSON."""

    def send(content: bytes | Iterator[bytes], headers: dict[str, str] = JSON) -> httpx.Response:
        return client.post("/v1/gradings", content=content, headers=headers)

    return send


def _assert_problem(reply: httpx.Response, status: int, code: str, says: str) -> None:
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), reply.text
    problem = reply.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert says in problem["detail"]
    assert re.search(r"[\x00-\x1f]", problem["detail"]) is None
    assert "Traceback" not in reply.text
    assert len(reply.text) < 2000


def _fill(before: str, item: str, after: str, *, size: int) -> bytes:
    count = (size - len(before) - len(after)) // (len(item) + 1)
    return (before + ",".join([item] * count) + after).encode()


# F2: bodies made to cost time

_RUBRIC = '{"answer":"x","rubric":{"question":1,"criteria":[],'
COSTLY = {
    "expected points": _fill(_RUBRIC + '"expected_points":[', "{}", "]}}", size=MAX_BODY_BYTES),
    "criteria": _fill('{"answer":"x","rubric":{"criteria":[', "{}", "]}}", size=MAX_BODY_BYTES),
    "numbers": _fill(_RUBRIC + '"references":[', "1", "]}}", size=MAX_BODY_BYTES),
    "lists in lists": _fill('{"answer":[', "[" + ",".join(["[]"] * 190) + "]", "]}", size=100_000),
    "unknown fields": ('{"answer":"x",' + ",".join(f'"a{n}":1' for n in range(25_000)) + "}").encode(),
    "levels": (
        _RUBRIC + '"examples":[{"answer":"a","levels":{' + ",".join(f'"a{n}":"x"' for n in range(20_000)) + "}}]}}"
    ).encode(),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_body_made_to_cost_time_is_refused_at_once(client: httpx.Client, post: Post, name: str) -> None:
    assert len(COSTLY[name]) <= MAX_BODY_BYTES
    slowest: list[float] = []
    has_begun, is_over = threading.Event(), threading.Event()

    def probe() -> None:
        with httpx.Client(base_url=client.base_url, trust_env=False) as other:
            while not is_over.is_set():
                started = time.monotonic()
                assert other.get("/healthz").status_code == 200
                slowest.append(time.monotonic() - started)
                has_begun.set()

    prober = threading.Thread(target=probe)
    prober.start()
    assert has_begun.wait(10)
    slowest.clear()
    try:
        started = time.monotonic()
        reply = post(COSTLY[name])
        # It was 22 seconds; the machine may be busy.
        assert time.monotonic() - started < 4
    finally:
        is_over.set()
        prober.join()
    _assert_problem(reply, 422, "unusable_request", "too large for one answer")
    assert max(slowest) < 2


@pytest.mark.parametrize("is_chunked", [False, True])
def test_more_bytes_than_a_request_needs_are_413(post: Post, is_chunked: bool) -> None:
    body = b"a" * (MAX_BODY_BYTES + 1)
    _assert_problem(post(iter([body[:1000], body[1000:]]) if is_chunked else body), 413, "body_too_large", "300 KiB")


def test_the_largest_answer_fits_however_it_is_written(post: Post) -> None:
    for answer in ("量" * 20_000, "🙂" * 20_000):
        for is_escaped in (False, True):
            body = json.dumps({**ANSWER, "language": "en", "answer": answer}, ensure_ascii=is_escaped)
            assert post(body.encode()).status_code == 202


@pytest.mark.parametrize(
    ("content", "status", "code", "says"),
    [
        (b"[" * 100_000, 400, "unreadable_body", "nested too deep"),
        (b'{"a":' * 50_000, 400, "unreadable_body", "nested too deep"),
        (b'{"answer":' + b"[" * 40 + b"]" * 40 + b"}", 400, "unreadable_body", "at most 16 levels"),
        (b'{"answer":' + b"9" * 6000 + b"}", 400, "unreadable_body", "thousands of digits"),
        (b'{"answer":NaN}', 400, "unreadable_body", "NaN"),
        (b'{"answer":-Infinity}', 400, "unreadable_body", "Infinity"),
        (b'{"answer":"a","answer":"b"}', 400, "unreadable_body", "'answer' appears twice"),
        (b'{"\\ud800":1,"\\ud800":2}', 400, "unreadable_body", "appears twice"),
        (b'{"answer":', 400, "unreadable_body", "not JSON"),
        (b"   ", 400, "unreadable_body", "empty"),
        (b'{"answer":"\xff"}', 400, "unreadable_body", "UTF-8"),
        ('{"answer":"x"}'.encode("utf-16"), 400, "unreadable_body", "UTF-16"),
        (gzip.compress(b'{"answer":"x"}', mtime=0), 400, "unreadable_body", "gzip"),
        (b'"answer"', 422, "malformed_request", "the body"),
        (b"null", 422, "malformed_request", "the body"),
        (b"[1]", 422, "malformed_request", "the body"),
    ],
)
def test_bytes_that_are_no_request_are_named(post: Post, content: bytes, status: int, code: str, says: str) -> None:
    _assert_problem(post(content), status, code, says)


def test_a_byte_order_mark_is_read_over(post: Post) -> None:
    assert post(b"\xef\xbb\xbf" + json.dumps(ANSWER).encode()).status_code == 202


# F6, F7: ids


@pytest.mark.parametrize(
    "grading_id",
    [
        "nope",
        "%00",
        "a%00b",
        "%ff",
        "x%0a",
        "A" * 32,
        "0" * 31,
        "0" * 33,
        "%EF%BC%90" * 32,
        "0" * 5000,
        "..%2F..",
        "%0d%0a",
    ],
)
def test_what_is_no_id_is_404_on_every_route(client: httpx.Client, grading_id: str) -> None:
    address = f"/v1/gradings/{grading_id}"
    for reply in (client.get(address), client.post(f"{address}/cancel"), client.post(f"{address}/requeue")):
        assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("question_id", ["", " ", "\t", "a" * 65])
def test_an_empty_question_id_is_no_500(client: httpx.Client, question_id: str) -> None:
    assert client.post("/v1/gradings", json={**ANSWER, "question_id": question_id}).status_code in (404, 422)


# F14, F15, F16, F17: methods, addresses, types of content


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize(
    ("path", "allow"),
    [("/v1/gradings", "GET, HEAD, POST"), ("/healthz", "GET, HEAD"), (f"/v1/gradings/{ABSENT}/cancel", "POST")],
)
def test_a_wrong_method_is_told_the_right_ones(client: httpx.Client, method: str, path: str, allow: str) -> None:
    reply = client.request(method, path)
    _assert_problem(reply, 405, "method_not_allowed", "/docs")
    assert reply.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/questions", "/docs", "/openapi.json"])
def test_head_is_get_without_the_body(client: httpx.Client, path: str) -> None:
    reply = client.head(path, headers={"Accept-Encoding": "identity"})
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["content-length"]) > 0


def test_head_of_what_is_not_there_is_404_and_of_a_post_405(client: httpx.Client) -> None:
    assert client.head(f"/v1/gradings/{ABSENT}").status_code == 404
    assert client.head(f"/v1/gradings/{ABSENT}/cancel").headers["allow"] == "POST"


def test_a_405_names_all_methods_of_the_address(client: httpx.Client) -> None:
    assert client.delete("/v1/gradings").headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/v1/questions/", "/v1/gradings/", "/healthz/"])
def test_a_slash_at_the_end_leads_nowhere(client: httpx.Client, path: str) -> None:
    reply = client.get(path, headers={"Host": "evil.example"})
    _assert_problem(reply, 404, "not_found", "leave out the slash")
    assert "location" not in reply.headers


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "missing: send Content-Type: application/json"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "application/x-www-form-urlencoded"),
        ({"Content-Type": "text/plain"}, "send Content-Type: application/json"),
        ({"Content-Type": "application/json; charset=gbk"}, "charset of the body is gbk: send it in UTF-8"),
        ({**JSON, "Content-Encoding": "gzip"}, "compressed (gzip)"),
    ],
)
def test_another_type_of_body_is_415(post: Post, headers: dict[str, str], says: str) -> None:
    _assert_problem(post(json.dumps(ANSWER).encode(), headers), 415, "unsupported_media_type", says)


@pytest.mark.parametrize(
    "value", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_in_utf8_may_be_announced_in_any_way(post: Post, value: str) -> None:
    assert post(json.dumps(ANSWER).encode(), {"Content-Type": value}).status_code == 202


# F18: idempotency


@pytest.mark.parametrize(
    "change",
    [
        {"priority": "batch"},
        {"candidate": "c"},
        {"feedback_language": "zh"},
        {"language": "en"},
        {"question_id": "27.1"},
    ],
)
def test_a_key_is_for_one_body(client: httpx.Client, change: dict[str, str]) -> None:
    headers = {"Idempotency-Key": "k"}
    body = {**ANSWER, "answer": "INT8"}
    assert client.post("/v1/gradings", json=body, headers=headers).status_code == 202
    _assert_problem(
        client.post("/v1/gradings", json={**body, **change}, headers=headers), 422, "idempotency_mismatch", "new key"
    )
    # The order of fields and what is the default anyway are no other body.
    same = {"priority": "interactive", **dict(reversed(body.items()))}
    assert client.post("/v1/gradings", json=same, headers=headers).headers["idempotent-replayed"] == "true"


# F19: values that are nearly right


def _set(document: Any, path: str, value: Any) -> Any:
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner = document
    for part in parents:
        inner = inner[part]
    inner[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [("criteria.0.points", True), ("criteria.0.points", "6"), ("question.minutes", "5"), ("question.minutes", True)],
)
def test_numbers_of_a_rubric_are_numbers(client: httpx.Client, rubric: Rubric, path: str, value: object) -> None:
    own = _set(rubric.model_dump(mode="json"), path, value)
    reply = client.post("/v1/gradings", json={"rubric": own, "answer": "x"})
    _assert_problem(reply, 422, "malformed_request", "rubric.")


@pytest.mark.parametrize(
    "path",
    [
        "question.text",
        "criteria.0.statement",
        "criteria.1.levels.1.description",
        "expected_points.0.text",
        "notes",
        "references.0.text",
    ],
)
@pytest.mark.parametrize(("character", "says"), [("\x00", "NUL character"), ("\ud800", "half a character")])
def test_no_text_of_a_rubric_has_what_no_database_stores(
    post: Post, rubric: Rubric, path: str, character: str, says: str
) -> None:
    own = _set(rubric.model_dump(mode="json"), path, f"text{character}")
    reply = post(json.dumps({"rubric": own, "answer": "x"}).encode())
    _assert_problem(reply, 422, "unusable_answer", f"'rubric.{path}' has")
    assert says in reply.json()["detail"]
    assert "position 5" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        (f"/v1/gradings/{ABSENT}?waits=5", "did you mean 'wait'?"),
        (f"/v1/gradings/{ABSENT}?wait=1&wait=2", "appears twice"),
        ("/v1/questions?lang=en", "did you mean 'language'?"),
        ("/v1/questions?colour=red", "there is language"),
    ],
)
def test_an_unknown_query_parameter_is_named(client: httpx.Client, address: str, says: str) -> None:
    _assert_problem(client.get(address), 422, "malformed_request", says)


def test_an_unknown_query_parameter_of_a_submission_is_named(client: httpx.Client) -> None:
    reply = client.post("/v1/gradings?dry_run=1", json=ANSWER)
    _assert_problem(
        reply, 422, "malformed_request", "query.dry_run: this query parameter does not exist: there is none"
    )


def test_a_rubric_of_ones_own_has_its_own_language(client: httpx.Client, rubric: Rubric) -> None:
    body = {"rubric": rubric.model_dump(mode="json"), "answer": "x"}
    assert client.post("/v1/gradings", json={**body, "language": "en"}).status_code == 202
    _assert_problem(
        client.post("/v1/gradings", json={**body, "language": "zh"}), 422, "unusable_request", "rubric is in en"
    )


def test_a_rubric_of_ones_own_does_not_pass_for_the_banks(client: httpx.Client, rubric: Rubric) -> None:
    own = _set(rubric.model_dump(mode="json"), "criteria.0.points", 3)
    from_bank = client.post("/v1/gradings", json={**ANSWER, "language": "en"}).json()
    from_caller = client.post("/v1/gradings", json={"rubric": own, "answer": "x"}).json()
    assert (from_bank["question_id"], from_caller["question_id"]) == ("quantization", "quantization")
    assert (from_bank["source"], from_caller["source"]) == ("bank", "own")
    (question,) = client.get("/v1/questions").json()
    assert from_bank["rubric_hash"] == question["rubric_hash"] != from_caller["rubric_hash"]


# Headers of every reply


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v1/gradings/{ABSENT}", 404),
        ("GET", "/healthz", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/healthz", 405),
        ("POST", "/v1/gradings", 415),
        ("HEAD", "/readyz", 200),
    ],
)
def test_every_reply_keeps_browsers_from_harm(client: httpx.Client, method: str, path: str, status: int) -> None:
    reply = client.request(method, path)
    assert reply.status_code == status
    assert {name: reply.headers[name] for name in SECURITY} == SECURITY
    assert reply.headers["x-request-id"]


def test_a_body_that_is_too_large_gets_the_headers_too(post: Post) -> None:
    reply = post(b"a" * (MAX_BODY_BYTES + 1))
    assert {name: reply.headers[name] for name in SECURITY} == SECURITY
