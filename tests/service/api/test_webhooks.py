from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.service.access.scopes import Role
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, WebhookEndpoint

from ..events.logs import add_events
from ..keys import make_key_header
from ..samples import add_organisation

URL = "https://example.com/hooks?token=hidden"


def create(api: TestClient, **body: Any) -> dict[str, Any]:
    reply = api.post("/v1/webhooks", json={"url": URL, **body})
    assert reply.status_code == 201, reply.text
    created: dict[str, Any] = reply.json()
    return created


def test_the_secret_is_shown_once_and_stored_nowhere(
    api: TestClient, database: SessionFactory, caplog: pytest.LogCaptureFixture
) -> None:
    created = api.post("/v1/webhooks", json={"url": URL})
    address = created.headers["location"]
    secret = created.json()["secret"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert api.get(address).json() == created.json()["webhook"]
    with database() as session:
        stored = json.dumps(session.scalars(sa.select(WebhookEndpoint)).one().secrets)
        audited = json.dumps([event.details for event in session.scalars(sa.select(AuditEvent))])
    key = secret.removeprefix("whsec_")
    shown = [api.get("/v1/webhooks").text, api.get(address).text, stored, audited, caplog.text]
    assert not any(key in text for text in shown)
    assert "hidden" not in audited + caplog.text


def test_a_request_that_is_sent_twice_makes_one_webhook_with_one_secret(api: TestClient) -> None:
    header = {"Idempotency-Key": "mine"}
    first, second = (api.post("/v1/webhooks", json={"url": URL}, headers=header) for _ in range(2))
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert len(api.get("/v1/webhooks").json()["items"]) == 1
    other = api.post("/v1/webhooks", json={"url": f"{URL}2"}, headers=header)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_an_edit_names_what_it_was_made_from(api: TestClient) -> None:
    address = f"/v1/webhooks/{create(api, kinds=['grading.*'])['webhook']['id']}"
    tag = api.get(address).headers["etag"]
    assert api.patch(address, json={"kinds": None}).status_code == 428
    edited = api.patch(address, json={"kinds": ["ping"], "url": None}, headers={"If-Match": tag})
    assert (edited.json()["kinds"], edited.json()["url"]) == (["ping"], URL)
    assert api.patch(address, json={"kinds": None}, headers={"If-Match": tag}).status_code == 412
    assert api.patch(address, json={"kinds": None}, headers={"If-Match": "*"}).json()["kinds"] is None
    wrong = api.patch(address, json={"url": "http://127.0.0.1/"}, headers={"If-Match": "*"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_webhook")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"url": "https://10.0.0.1/"}, "not public"),
        ({"url": URL, "kinds": ["grading.gradet"]}, "did you mean 'grading.graded'?"),
        ({"url": URL, "kinds": []}, "at least 1"),
        ({"url": URL, "secret": "mine"}, "secret"),
        ({}, "url"),
    ],
)
def test_a_wrong_webhook_is_refused_in_a_sentence(api: TestClient, body: dict[str, Any], words: str) -> None:
    reply = api.post("/v1/webhooks", json=body)
    assert reply.status_code == 422
    assert words in reply.json()["detail"]


def test_a_rotation_has_an_overlap_and_is_safe_to_repeat(api: TestClient) -> None:
    created = create(api)
    address = f"/v1/webhooks/{created['webhook']['id']}"
    tag = api.get(address).headers["etag"]
    assert api.post(f"{address}/rotate-secret").status_code == 428
    headers = {"If-Match": tag, "Idempotency-Key": "rotation"}
    first, second = (
        api.post(f"{address}/rotate-secret", json={"overlap_hours": 48}, headers=headers) for _ in range(2)
    )
    assert first.json() == second.json()
    assert first.json()["secret"] != created["secret"]
    until = datetime.fromisoformat(first.json()["webhook"]["overlap_until"])
    assert timedelta(hours=47) < until - datetime.now(UTC) <= timedelta(hours=48)
    assert api.post(f"{address}/rotate-secret", headers={"If-Match": tag}).status_code == 412


def test_a_webhook_is_deleted_with_its_deliveries(api: TestClient) -> None:
    address = f"/v1/webhooks/{create(api)['webhook']['id']}"
    assert api.delete(address).status_code == 204
    for path in (address, f"{address}/deliveries"):
        assert api.get(path).status_code == 404
    assert api.delete(address).json()["code"] == "not_found"


def test_webhooks_are_listed_in_pages(api: TestClient) -> None:
    ids = [create(api)["webhook"]["id"] for _ in range(5)]
    first = api.get("/v1/webhooks?limit=3").json()
    second = api.get(f"/v1/webhooks?cursor={first['next_cursor']}").json()
    assert [webhook["id"] for webhook in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None


def test_what_needs_an_enabled_webhook_says_so(api: TestClient) -> None:
    address = f"/v1/webhooks/{create(api)['webhook']['id']}"
    disabled = api.post(f"{address}/disable").json()
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "A caller disabled it.")
    assert api.post(f"{address}/ping").json()["code"] == "wrong_state"
    assert api.post(f"{address}/replay", json={"after": 0}).json()["code"] == "wrong_state"
    assert api.post(f"{address}/enable").json()["state"] == "enabled"
    assert api.post(f"{address}/ping").status_code == 202
    kinds = [event["kind"] for event in api.get("/v1/events").json()["items"]]
    assert kinds == ["webhook.disabled", "ping"]
    assert "either 'after' or 'since'" in api.post(f"{address}/replay", json={}).json()["detail"]


def test_others_have_no_such_webhook(api: TestClient, database: SessionFactory) -> None:
    add_organisation(database)
    add_events(database, 1, organisation_id="other")
    address = f"/v1/webhooks/{create(api)['webhook']['id']}"
    other = make_key_header(database, organisation_id="other")
    assert api.get("/v1/webhooks", headers=other).json()["items"] == []
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", {}),
        ("POST", "/ping", None),
        ("POST", "/replay", {"after": 0}),
        ("POST", "/enable", {}),
        ("POST", "/disable", None),
        ("GET", "/deliveries", None),
        ("GET", f"/deliveries/{'0' * 32}", None),
    ]:
        reply = api.request(method, f"{address}{path}", json=body, headers={**other, "If-Match": "*"})
        assert reply.status_code == 404, (method, path)


def test_interviewers_see_no_webhook(api: TestClient, database: SessionFactory) -> None:
    assert api.get("/v1/webhooks", headers=make_key_header(database, role=Role.INTERVIEWER)).status_code == 403
