from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric
from vivavoce.service.errors import BodyTooLarge
from vivavoce.service.observability import metrics
from vivavoce.service.observability.middleware import MAX_BODY_BYTES, BodyLimitMiddleware, RequestContextMiddleware
from vivavoce.service.storage.engine import SessionFactory

from ..samples import read_grading

App = Callable[[Any, Any, Any], Awaitable[None]]
TOO_LARGE = {
    "type": "about:blank",
    "title": "The request is too large",
    "status": 413,
    "detail": "The body is larger than 300 KiB: send one answer a request, with a shorter rubric.",
    "code": "body_too_large",
    "errors": None,
}


async def _reply_ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"ok"})


async def _read_then_reply(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["more_body"]:
        pass
    await _reply_ok(scope, receive, send)


async def _reply_then_read(scope: Any, receive: Any, send: Any) -> None:
    await _reply_ok(scope, receive, send)
    await receive()


def _call(
    app: App, *, headers: dict[str, str] | None = None, chunks: list[bytes] | None = None, **scope: Any
) -> list[dict[str, Any]]:
    """What an ASGI application sends for a request whose body comes in chunks."""
    sent: list[dict[str, Any]] = []
    queue = list(chunks or [b""])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": queue.pop(0), "more_body": bool(queue)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
    asyncio.run(app({"type": "http", "method": "GET", "path": "/x", "headers": raw, **scope}, receive, send))
    return sent


def _status(sent: list[dict[str, Any]]) -> int:
    return int(next(message["status"] for message in sent if message["type"] == "http.response.start"))


def _request_id(sent: list[dict[str, Any]]) -> str:
    return dict(sent[0]["headers"])[b"x-request-id"].decode()


@pytest.mark.parametrize("wanted", ["a", "A-1_b.c:d", "x" * 64])
def test_a_well_formed_request_id_is_kept(wanted: str) -> None:
    sent = _call(RequestContextMiddleware(_reply_ok), headers={"X-Request-ID": wanted})
    assert _request_id(sent) == wanted


@pytest.mark.parametrize("wanted", ["", "x" * 65, "a b", "a\nb", "a/b", "é", "a\n"])
def test_a_malformed_request_id_is_replaced(wanted: str) -> None:
    request_id = _request_id(_call(RequestContextMiddleware(_reply_ok), headers={"X-Request-ID": wanted}))
    assert len(request_id) == 32
    assert int(request_id, 16)


def test_requests_without_an_id_get_different_ones() -> None:
    assert len({_request_id(_call(RequestContextMiddleware(_reply_ok))) for _ in range(3)}) == 3


def test_the_application_sees_the_id() -> None:
    seen: list[str] = []

    async def look(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["state"]["request_id"])

    _call(RequestContextMiddleware(look), headers={"X-Request-ID": "r-1"})
    assert seen == ["r-1"]


def _count(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return metrics.registry.get_sample_value("vivavoce_http_requests_total", labels) or 0.0


async def _fail(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("password=hunter2")


async def _reply_then_fail(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})
    raise RuntimeError("broken")


def test_an_unexpected_error_is_a_500_and_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    before = _count("GET", "other", 500)
    with caplog.at_level(logging.ERROR):
        sent = _call(RequestContextMiddleware(_fail), headers={"X-Request-ID": "r-1"})
    assert (_status(sent), _request_id(sent)) == (500, "r-1")
    assert json.loads(sent[1]["body"])["code"] == "internal_error"
    assert "hunter2" not in str(sent)
    (line,) = caplog.records
    assert line.getMessage() == "unexpected error on GET /x"
    assert "hunter2" in str(line.exc_info)
    assert _count("GET", "other", 500) == before + 1


def test_an_error_after_the_response_has_started_goes_on() -> None:
    with pytest.raises(RuntimeError, match="broken"):
        _call(RequestContextMiddleware(_reply_then_fail))


def _stream_and_raise(*errors: Exception) -> Any:
    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise ExceptionGroup("unhandled errors in a TaskGroup", errors)

    return stream


def test_a_reader_who_leaves_a_stream_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _call(RequestContextMiddleware(_stream_and_raise(anyio.BrokenResourceError())))
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert "the reader of GET /x left before its end" in caplog.messages


def test_an_error_beside_a_reader_who_leaves_goes_on() -> None:
    errors = (anyio.BrokenResourceError(), RuntimeError("broken"))
    with pytest.raises(ExceptionGroup):
        _call(RequestContextMiddleware(_stream_and_raise(*errors)))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (
            "/v1/gradings/x\n2026-11-29 10:00:00,000 ERROR forged",
            "/v1/gradings/x%0A2026-11-29%2010:00:00,000%20ERROR%20forged",
        ),
        ("/\x00\u2028量", "/%00%E2%80%A8%E9%87%8F"),
        ("/" + "a" * 5000, "/" + "a" * 499),
    ],
)
def test_a_path_is_one_word_of_the_log(path: str, shown: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="vivavoce.http"):
        _call(RequestContextMiddleware(_reply_ok), path=path)
    assert caplog.records[-1].getMessage().startswith(f"GET {shown} 200 in ")


def test_invented_methods_are_one_series() -> None:
    before = _count("other", "other", 200)
    for method in ("BREW", "STEEP"):
        _call(RequestContextMiddleware(_reply_ok), method=method)
    assert _count("other", "other", 200) == before + 2


@pytest.mark.parametrize(
    ("path", "level"), [("/healthz", "DEBUG"), ("/readyz", "DEBUG"), ("/metrics", "DEBUG"), ("/v1/questions", "INFO")]
)
def test_probes_are_logged_quietly(path: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="vivavoce.http"):
        _call(RequestContextMiddleware(_reply_ok), path=path)
    (line,) = [record for record in caplog.records if record.name == "vivavoce.http"]
    assert (line.levelname, line.getMessage().split(" in ")[0]) == (level, f"GET {path} 200")


def test_metrics_name_the_route_and_not_the_path(api: TestClient) -> None:
    before = _count("GET", "/v1/gradings/{grading_id}", 404)
    for grading_id in ("a", "b"):
        assert api.get(f"/v1/gradings/{grading_id}").status_code == 404
    assert _count("GET", "/v1/gradings/{grading_id}", 404) == before + 2


@pytest.mark.parametrize("middleware", [RequestContextMiddleware, BodyLimitMiddleware])
def test_other_protocols_pass_untouched(middleware: Callable[[App], App]) -> None:
    seen: list[str] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    _call(middleware(note), type="lifespan")
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    ("length", "chunks", "status"),
    [
        (MAX_BODY_BYTES, [b"a" * MAX_BODY_BYTES], 200),
        (MAX_BODY_BYTES + 1, [b""], 413),
        # The length is wrong, missing or no number.
        (3, [b"a" * (MAX_BODY_BYTES + 1)], 413),
        (None, [b"a" * MAX_BODY_BYTES, b"a"], 413),
        (None, [b"a" * MAX_BODY_BYTES, b""], 200),
        ("many", [b"abc"], 200),
        ("-5", [b"abc"], 200),
    ],
)
def test_a_body_has_a_largest_size(length: object, chunks: list[bytes], status: int) -> None:
    headers = {} if length is None else {"Content-Length": str(length)}
    assert _status(_call(BodyLimitMiddleware(_read_then_reply), headers=headers, chunks=chunks)) == status


def test_a_declared_size_is_refused_unread() -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the application was called")

    assert _status(_call(BodyLimitMiddleware(fail), headers={"Content-Length": str(2 * MAX_BODY_BYTES)})) == 413


def test_after_the_response_has_started_the_error_goes_on() -> None:
    with pytest.raises(BodyTooLarge):
        _call(BodyLimitMiddleware(_reply_then_read), chunks=[b"a" * (MAX_BODY_BYTES + 1)])


def test_a_large_body_is_one_problem_however_it_comes(api: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"answer": "'
        for _ in range(12):
            yield b"a" * 100_000
        yield b'"}'

    whole = b"".join(chunks())
    for content in (whole, chunks()):
        reply = api.post("/v1/gradings", content=content, headers={"Content-Type": "application/json"})
        assert (reply.status_code, reply.json()) == (413, TOO_LARGE)
        assert reply.headers["x-request-id"]


def test_the_id_stays_with_the_grading(api: TestClient, sqlite_database: SessionFactory, rubric: Rubric) -> None:
    body = {"question_id": rubric.question.id, "answer": "INT8", "language": "en"}
    reply = api.post("/v1/gradings", json=body, headers={"X-Request-ID": "from-the-caller"})
    assert read_grading(sqlite_database, reply.json()["id"]).request_id == "from-the-caller"
