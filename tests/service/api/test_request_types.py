"""What JSON bodies may be, the same on every route that takes one."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

_ID = "0" * 32
_COHORT = f"/v1/cohorts/{_ID}"
_REPLAY = f"/v1/webhooks/{_ID}/replay"


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", "/v1/cohorts", {"name": "a", "open": 1}, "/open"),
        ("POST", "/v1/cohorts", {"name": "a", "max_calls": "5"}, "/max_calls"),
        ("POST", "/v1/cohorts", {"name": "a", "pass_mark": True}, "/pass_mark"),
        ("POST", "/v1/cohorts", {"name": "a", "finish_by": 1900000000}, "/finish_by"),
        ("POST", "/v1/cohorts", {"name": "a", "finish_by": "1900000000"}, "/finish_by"),
        ("PATCH", _COHORT, {"name": None}, "/name"),
        ("POST", f"{_COHORT}/resume", {"retry_failed": 0}, "/retry_failed"),
        ("POST", f"{_COHORT}/duplicates", {"threshold": "0.8"}, "/threshold"),
        ("POST", f"{_COHORT}/regrades", {"pass_mark": 6, "judge": 0}, "/judge"),
        ("POST", f"{_COHORT}/regrades/{_ID}/apply", {"grade_again": 0}, "/grade_again"),
        ("POST", "/v1/exports", {"format": "csv", "include_answers": "yes"}, "/include_answers"),
        ("POST", "/v1/exports", {"filters": {"created_after": 0}}, "/filters/created_after"),
        ("POST", "/v1/exports", {"filters": {"created_after": "2027-01-01T00:00:00"}}, "/filters/created_after"),
        ("POST", "/v1/keys", {"name": "a", "role": "auditor", "expires_at": 4000000000}, "/expires_at"),
        ("POST", "/v1/keys/0123456789ab/rotate", {"overlap_hours": False}, "/overlap_hours"),
        ("POST", f"/v1/webhooks/{_ID}/enable", {"replay": 0}, "/replay"),
        ("POST", _REPLAY, {"since": 0}, "/since"),
        ("POST", _REPLAY, {"after": "7"}, "/after"),
    ],
)
def test_values_of_another_type_are_refused(
    api: TestClient, method: str, path: str, body: dict[str, Any], pointer: str
) -> None:
    reply = api.request(method, path, json=body)
    assert reply.status_code == 422, reply.text
    assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ("application/vnd.api+json", 201),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/json; charset=utf-16", 415),
        (None, 415),
    ],
)
def test_a_body_must_be_announced_as_json(api: TestClient, content_type: str | None, status: int) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    reply = api.post("/v1/cohorts", content=b'{"name": "a"}', headers=headers)
    assert reply.status_code == status, reply.text
    if status == 415:
        assert reply.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/cohorts", {"name": "a", "max_calls": 5.0}, 201),
        ("POST", "/v1/cohorts", {"name": "a", "max_calls": 5.5}, 422),
        ("POST", "/v1/cohorts", {"name": "a", "max_calls": -1.0}, 422),
        ("POST", "/v1/cohorts", {"name": "a", "pass_mark": 5}, 201),
        ("POST", _REPLAY, {"after": 0.0}, 404),
        ("POST", "/v1/keys", {"name": "\U000f64af 面试", "role": "auditor"}, 201),
        ("POST", "/v1/keys", {"name": "a\nb", "role": "auditor"}, 422),
        ("POST", "/v1/keys", {"name": "a\u202eb", "role": "auditor"}, 422),
        ("POST", "/v1/keys", {"name": " ", "role": "auditor"}, 422),
    ],
)
def test_values_that_the_schema_allows_are_taken(
    api: TestClient, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    assert api.request(method, path, json=body).status_code == status
    operation = next(
        operations[method.lower()]
        for template, operations in api.app.openapi()["paths"].items()  # type: ignore[attr-defined]
        if method.lower() in operations and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
    )
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    document = {**schema, "components": api.app.openapi()["components"]}  # type: ignore[attr-defined]
    assert jsonschema.Draft202012Validator(document).is_valid(body) is (status != 422)


def test_a_key_is_asked_for_before_the_type_of_the_body(api: TestClient) -> None:
    anonymous = TestClient(api.app)
    assert anonymous.post("/v1/cohorts", content=b"name=a", headers={"Content-Type": "text/plain"}).status_code == 401


def test_an_optional_body_may_be_missing_whatever_its_type(api: TestClient) -> None:
    path = f"/v1/cohorts/{_ID}/resume"
    assert api.post(path).status_code == 404
    assert api.post(path, headers={"Content-Type": "text/plain"}).status_code == 404
