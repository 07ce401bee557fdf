from __future__ import annotations

import logging
import sqlite3
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, field_validator
from sqlalchemy.exc import OperationalError

from vivavoce.service import errors
from vivavoce.service.api.schemas.common import Problem
from vivavoce.service.errors import ServiceError
from vivavoce.service.problems import add_exception_handlers, problem_response

ERRORS = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, ServiceError)]
STATUSES = {
    "invalid_key": 401,
    "too_many_requests": 429,
    "unusable_key": 422,
    "events_gone": 410,
    "invalid_webhook": 422,
    "too_many_streams": 429,
    "invalid_rows": 422,
    "unreadable_file": 422,
    "name_taken": 409,
    "key_text_shown": 409,
    "busy": 503,
    "stale_regrade": 409,
    "unusable_export": 422,
    "unusable_edits": 422,
    "range_not_satisfiable": 416,
    "refused_items": 422,
    "not_found": 404,
    "wrong_state": 409,
    "missing_scope": 403,
    "precondition_failed": 412,
    "precondition_missing": 428,
    "unusable_answer": 422,
    "unusable_request": 422,
    "unusable_review": 422,
    "draft_rubric": 409,
    "invalid_rubric": 422,
    "unfinished_rubric": 409,
    "unreadable_head": 422,
    "judge_not_promoted": 409,
    "unknown_question": 404,
    "grading_not_found": 404,
    "grading_finished": 409,
    "idempotency_mismatch": 422,
    "idempotency_in_progress": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
}

NEEDED: dict[type[ServiceError], dict[str, Any]] = {
    errors.TooManyRequests: {"retry_seconds": 1},
    errors.RangeNotSatisfiable: {"size": 1},
    errors.RefusedItems: {"errors": []},
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

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
    assert list(body) == ["type", "title", "status", "detail", "code", "errors"]
    assert body["status"] == response.status_code  # type: ignore[attr-defined]
    return Problem.model_validate(body)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_service_error_is_a_problem(kind: type[ServiceError]) -> None:
    more = NEEDED.get(kind, {})
    problem = _read_problem(_client(kind("What is wrong: do this.", **more)).get("/fail"))
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
        ({}, {}, "parts: this is missing: add it."),
        ({"parts": [{"name": "a"}, {}]}, {}, "parts.1.name: this is missing: add it."),
        ({"parts": [{"name": "nobody"}]}, {}, "parts.0.name: somebody must be named."),
        ({"parts": []}, {"number": 0}, "query.number: give a number of at least 1."),
        ([], {}, "the body: give a JSON object, in braces."),
    ],
)
def test_a_malformed_request_names_the_field(body: object, query: dict[str, int], detail: str) -> None:
    problem = _read_problem(_client().post("/body", json=body, params=query))
    assert (problem.status, problem.code, problem.detail) == (422, "malformed_request", detail)


def test_all_errors_are_listed_with_their_places() -> None:
    body = {"parts": [{"name": "nobody"}, {}, {"name": 3}, {"a/b~c": 1, "name": "x"}, 5]}
    problem = _read_problem(_client().post("/body", json=body, params={"number": "many"}))
    assert problem.errors
    assert {(error.pointer, error.parameter, error.code) for error in problem.errors} == {
        (None, "query.number", "int_parsing"),
        ("/parts/0/name", None, "value_error"),
        ("/parts/1/name", None, "missing"),
        ("/parts/2/name", None, "string_type"),
        ("/parts/3/a~1b~0c", None, "extra_forbidden"),
        ("/parts/4", None, "model_attributes_type"),
    }
    assert problem.detail.endswith(problem.errors[0].detail)
    assert all(error.detail.endswith(".") and "\n" not in error.detail for error in problem.errors)


def test_at_most_50_errors_are_listed_and_their_texts_are_short() -> None:
    names = [{"name": "x", "y" * 5000: 1}] * 300
    reply = _client().post("/body", json={"parts": names})
    problem = _read_problem(reply)
    assert len(problem.errors or ()) == 50
    assert len(reply.content) < 30_000


def test_an_error_of_the_service_may_name_its_place() -> None:
    problem = _read_problem(_client(errors.UnusableAnswer("It is wrong: mend it.", pointer="/answer")).get("/fail"))
    assert [error.model_dump() for error in problem.errors or ()] == [
        {"pointer": "/answer", "parameter": None, "code": "unusable_answer", "detail": "It is wrong: mend it."}
    ]


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
    assert problem.model_dump(exclude={"type", "errors"}) == {
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too Many Requests",
        "code": "too_many_requests",
    }


def test_a_database_that_is_away_is_503_and_a_broken_query_is_not(caplog: pytest.LogCaptureFixture) -> None:
    lost = OperationalError("INSERT", {"answer": "INT8"}, Exception("connection refused"), hide_parameters=True)
    with caplog.at_level(logging.ERROR, logger="vivavoce.service.problems"):
        reply = _client(lost).get("/fail")
    assert (_read_problem(reply).status, reply.headers["retry-after"]) == (503, "5")
    assert "connection refused" in caplog.text
    broken = OperationalError("SELECT", {}, sqlite3.OperationalError("no such table"))
    assert _client(broken).get("/fail").status_code == 500


def test_a_detail_stays_one_short_line_of_valid_text() -> None:
    detail = _read_problem(_client(ServiceError("a\nb\x00\u202e\ud800c")).get("/fail")).detail
    assert detail == r"a\nb\x00\u202e\ud800c"
    assert len(_read_problem(_client(ServiceError("x" * 100_000)).get("/fail")).detail) < 700


def test_chinese_details_are_sent_as_utf8() -> None:
    response = problem_response(409, title="标题", detail="没有这道题。", code="c")
    assert "没有这道题。" in bytes(response.body).decode("utf-8")
