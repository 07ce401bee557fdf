from __future__ import annotations

import asyncio
import logging
from typing import Annotated

import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.testclient import TestClient
from pydantic import BaseModel, field_validator

from vivavoce.service import errors
from vivavoce.service.api.schemas import Problem
from vivavoce.service.errors import ServiceError
from vivavoce.service.problems import add_exception_handlers, problem_response

ERRORS = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, ServiceError)]
STATUSES = {
    "unusable_answer": 422,
    "unusable_request": 422,
    "draft_rubric": 409,
    "unknown_question": 404,
    "grading_not_found": 404,
    "grading_finished": 409,
    "idempotency_mismatch": 422,
    "idempotency_in_progress": 409,
    "body_too_large": 413,
}


class _Part(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if value == "nobody":
            raise ValueError("somebody must be named")
        return value


class _Body(BaseModel):
    parts: list[_Part]


def _client(error: Exception | None = None) -> TestClient:
    app = FastAPI()
    add_exception_handlers(app)

    @app.get("/fail")
    def fail() -> None:
        assert error
        raise error

    @app.post("/body")
    def read_body(body: _Body, number: Annotated[int, Query(ge=1)] = 1) -> None:
        return None

    return TestClient(app, raise_server_exceptions=False)


def _read_problem(response: object) -> Problem:
    assert response.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    body = response.json()  # type: ignore[attr-defined]
    assert list(body) == ["type", "title", "status", "detail", "code"]
    assert body["status"] == response.status_code  # type: ignore[attr-defined]
    return Problem.model_validate(body)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_service_error_is_a_problem(kind: type[ServiceError]) -> None:
    problem = _read_problem(_client(kind("What is wrong: do this.")).get("/fail"))
    assert (problem.status, problem.code) == (STATUSES.get(kind.code, 400), kind.code)
    assert problem.detail == "What is wrong: do this."
    assert problem.type == "about:blank"
    assert problem.title
    assert problem.title[-1] != "."
    assert "\n" not in problem.title


def test_codes_of_errors_are_distinct() -> None:
    codes = [error.code for error in ERRORS]
    assert len(set(codes)) == len(codes) > 10


@pytest.mark.parametrize(
    ("body", "query", "detail"),
    [
        ({}, {}, "parts: Field required."),
        ({"parts": [{"name": "a"}, {}]}, {}, "parts.1.name: Field required."),
        ({"parts": [{"name": "nobody"}]}, {}, "parts.0.name: somebody must be named."),
        ({"parts": []}, {"number": 0}, "query.number: Input should be greater than or equal to 1."),
        ([], {}, "the body: Input should be a valid dictionary or object to extract fields from."),
    ],
)
def test_a_malformed_request_names_the_field(body: object, query: dict[str, int], detail: str) -> None:
    problem = _read_problem(_client().post("/body", json=body, params=query))
    assert (problem.status, problem.code, problem.detail) == (422, "malformed_request", detail)


@pytest.mark.parametrize(
    ("content", "status", "code", "words"),
    [
        (b"{", 422, "malformed_request", "send a JSON object as UTF-8"),
        (b'{"a": \xff}', 400, "unreadable_body", "not JSON in UTF-8"),
    ],
)
def test_bytes_that_are_no_json_are_named(content: bytes, status: int, code: str, words: str) -> None:
    reply = _client().post("/body", content=content, headers={"Content-Type": "application/json"})
    problem = _read_problem(reply)
    assert (problem.status, problem.code) == (status, code)
    assert words in problem.detail


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not_found"), ("DELETE", "/body", 405, "method_not_allowed")],
)
def test_unknown_addresses_and_methods_point_to_docs(method: str, path: str, status: int, code: str) -> None:
    problem = _read_problem(_client().request(method, path))
    assert (problem.status, problem.code) == (status, code)
    assert "/docs" in problem.detail


def test_other_http_errors_keep_their_words() -> None:
    problem = _read_problem(_client(HTTPException(429, "Too Many Requests")).get("/fail"))
    assert problem.model_dump(exclude={"type"}) == {
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too Many Requests",
        "code": "too_many_requests",
    }


def test_an_unexpected_error_tells_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="vivavoce.service.problems"):
        reply = _client(RuntimeError("password=hunter2")).get("/fail")
    problem = _read_problem(reply)
    assert (problem.status, problem.code) == (500, "internal_error")
    assert "hunter2" not in reply.text
    assert "unexpected error on GET /fail" in caplog.text
    assert "hunter2" in caplog.text


def test_chinese_details_are_sent_as_utf8() -> None:
    response = problem_response(409, title="标题", detail="没有这道题。", code="c")
    assert "没有这道题。" in bytes(response.body).decode("utf-8")


def test_an_error_while_reading_keeps_its_status() -> None:
    app = FastAPI()
    add_exception_handlers(app)

    @app.post("/body")
    def read_body(body: _Body) -> None:
        return None

    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        raise errors.BodyTooLarge("too much")

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/body", "query_string": b"", "headers": [], "state": {}}
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 413
