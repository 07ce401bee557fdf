from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce.service.access.scopes import SCOPES_BY_ROLE, Role, Scope
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import ApiKey, AuditEvent

from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, FixedClock

Client = Callable[..., TestClient]


@pytest.fixture
def client_of(app: FastAPI, sqlite_database: SessionFactory) -> Client:
    """A client with a new key of a role, scopes or organisation; or with the text of a key."""

    def build(text: str | None = None, **key: Any) -> TestClient:
        headers = {"Authorization": f"Bearer {text}"} if text else make_key_header(sqlite_database, **key)
        return TestClient(app, raise_server_exceptions=False, headers=headers)

    return build


def _create(api: TestClient, **values: Any) -> dict[str, Any]:
    reply = api.post("/v1/keys", json={"name": "ATS", "role": "integrator", **values})
    assert reply.status_code == 201, reply.text
    created: dict[str, Any] = reply.json()
    return created


def _own_id(api: TestClient) -> str:
    return str(api.get("/v1/me").json()["key"]["id"])


def test_a_new_key_is_shown_once_and_works(api: TestClient, client_of: Client) -> None:
    reply = api.post("/v1/keys", json={"name": " ATS ", "role": "integrator"})
    created = reply.json()
    assert reply.status_code == 201
    assert reply.headers["location"] == f"/v1/keys/{created['id']}"
    assert created["key"].startswith(f"viva_{created['id']}_")
    assert created["scopes"] == sorted(SCOPES_BY_ROLE[Role.INTEGRATOR])
    assert (created["name"], created["state"], created["last_used_at"]) == ("ATS", "active", None)
    assert client_of(created["key"]).get("/v1/questions").status_code == 200
    read = api.get(reply.headers["location"]).json()
    assert read == {**{name: value for name, value in created.items() if name != "key"}, **_times(read)}
    assert read["last_used_at"]
    assert created["key"] not in api.get("/v1/keys").text


def _times(read: dict[str, Any]) -> dict[str, Any]:
    return {"last_used_at": read["last_used_at"]}


def test_me_says_whose_key_it_is(client_of: Client) -> None:
    client = client_of(role=Role.AUDITOR, scopes=[Scope.AUDIT_READ], organisation_id=OTHER_ORGANISATION)
    found = client.get("/v1/me").json()
    assert found["organisation"]["id"] == OTHER_ORGANISATION
    assert (found["key"]["role"], found["key"]["scopes"], found["key"]["name"]) == ("auditor", ["audit:read"], "test")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"role": "integrator", "scopes": ["keys:write"]}, "The role 'integrator' has not the scope 'keys:write'"),
        ({"role": "integrator", "scopes": []}, "scopes"),
        ({"role": "integrator", "scopes": ["all"]}, "scopes"),
        ({"role": "boss"}, "role"),
        ({"role": "admin", "name": ""}, "name"),
        ({"role": "admin", "name": "a\nb"}, "the name has a line break"),
        ({"role": "admin", "name": "x" * 101}, "name"),
        ({"role": "admin", "expires_at": "2020-01-01T00:00:00Z"}, "would have expired already"),
        ({"role": "admin", "expires_at": "2099-01-01T00:00:00"}, "give a time with its zone"),
        ({"role": "admin", "secret": "mine"}, "secret"),
    ],
)
def test_a_key_that_cannot_be_is_refused(api: TestClient, body: dict[str, Any], part: str) -> None:
    reply = api.post("/v1/keys", json={"name": "x", **body})
    assert reply.status_code == 422
    assert part in reply.json()["detail"]


def test_a_key_gives_no_scope_that_it_has_not(client_of: Client) -> None:
    api = client_of(scopes=[Scope.KEYS_WRITE, Scope.GRADINGS_READ])
    refused = api.post("/v1/keys", json={"name": "x", "role": "admin"})
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert "name the scopes of the new key" in refused.json()["detail"]
    assert _create(api, role="admin", scopes=["gradings:read"])["scopes"] == ["gradings:read"]


def test_a_key_gives_no_longer_life_than_its_own(api: TestClient, client_of: Client) -> None:
    short = client_of(_create(api, role="admin", expires_at="2098-01-01T00:00:00Z")["key"])
    for end in (None, "2098-01-01T00:00:01Z"):
        refused = short.post("/v1/keys", json={"name": "x", "role": "admin", "expires_at": end})
        assert refused.status_code == 403
        assert "expires on 2098-01-01T00:00:00Z" in refused.json()["detail"]
    assert _create(short, expires_at="2097-12-31T23:59:59+08:00")["expires_at"] == "2097-12-31T15:59:59Z"


def test_a_rotation_gives_no_more_than_the_caller_has(api: TestClient, client_of: Client) -> None:
    weak = client_of(scopes=[Scope.KEYS_WRITE])
    assert weak.post(f"/v1/keys/{_own_id(api)}/rotate").status_code == 403


def test_after_a_rotation_both_keys_work_until_the_overlap_ends(
    api: TestClient, client_of: Client, fixed_clock: FixedClock
) -> None:
    old = _create(api)
    reply = api.post(f"/v1/keys/{old['id']}/rotate", json={"overlap_hours": 2})
    new = reply.json()
    assert (reply.status_code, reply.headers["location"]) == (201, f"/v1/keys/{new['id']}")
    same = ("name", "role", "scopes", "expires_at")
    assert [new[name] for name in same] == [old[name] for name in same]
    assert new["key"] != old["key"]
    for seconds, status in ((0, 200), (7199, 200), (1, 401)):
        fixed_clock.advance(seconds)
        assert client_of(old["key"]).get("/v1/me").status_code == status
        assert client_of(new["key"]).get("/v1/me").status_code == 200
    read = api.get(f"/v1/keys/{old['id']}").json()
    assert (read["state"], read["replaced_by"]) == ("expired", new["id"])


def test_a_rotated_key_lives_as_long_again(api: TestClient, fixed_clock: FixedClock) -> None:
    end = fixed_clock.moment + timedelta(days=30)
    old = _create(api, expires_at=end.isoformat())
    fixed_clock.advance(20 * 24 * 3600)
    new = api.post(f"/v1/keys/{old['id']}/rotate").json()
    assert new["expires_at"] == "2030-02-20T12:00:00Z"
    assert api.get(f"/v1/keys/{old['id']}").json()["expires_at"] == "2030-01-22T12:00:00Z"


def test_what_does_not_work_is_not_rotated(api: TestClient) -> None:
    key = _create(api)
    assert api.post(f"/v1/keys/{key['id']}/rotate").status_code == 201
    again = api.post(f"/v1/keys/{key['id']}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert "rotate its successor" in again.json()["detail"]
    revoked = _create(api)
    api.post(f"/v1/keys/{revoked['id']}/revoke")
    assert "is revoked: create another one" in api.post(f"/v1/keys/{revoked['id']}/rotate").json()["detail"]


@pytest.mark.parametrize(("hours", "status"), [(-1, 422), (0, 201), (720, 201), (721, 422), ("1", 422), (True, 422)])
def test_the_overlap_is_at_most_a_month(api: TestClient, hours: object, status: int) -> None:
    assert api.post(f"/v1/keys/{_own_id(api)}/rotate", json={"overlap_hours": hours}).status_code == status


def test_a_revoked_key_ends_at_once(api: TestClient, client_of: Client) -> None:
    key = _create(api)
    client = client_of(key["key"])
    assert client.get("/v1/me").status_code == 200
    first = api.post(f"/v1/keys/{key['id']}/revoke").json()
    assert first["state"] == "revoked"
    refused = client.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_key")
    assert api.post(f"/v1/keys/{key['id']}/revoke").json()["revoked_at"] == first["revoked_at"]


def test_the_last_administrator_cannot_revoke_itself(api: TestClient, client_of: Client) -> None:
    own = _own_id(api)
    # None of these can make keys: another role, no scope for it, or soon over.
    _create(api)
    _create(api, role="admin", scopes=["keys:read"])
    client_of(organisation_id=OTHER_ORGANISATION)
    refused = api.post(f"/v1/keys/{own}/revoke")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert "create another one first" in refused.json()["detail"]
    other = client_of(_create(api, role="admin")["key"])
    assert api.post(f"/v1/keys/{own}/revoke").status_code == 200
    assert other.post(f"/v1/keys/{_own_id(other)}/revoke").status_code == 409


def test_the_list_comes_in_pages_by_state_the_newest_first(api: TestClient, fixed_clock: FixedClock) -> None:
    made = []
    for number in range(5):
        # Two at the same time: the id decides.
        fixed_clock.advance(number % 2)
        made.append(_create(api, name=f"key {number}")["id"])
    api.post(f"/v1/keys/{made[1]}/revoke")
    _create(api, expires_at=(fixed_clock.moment + timedelta(seconds=1)).isoformat())
    fixed_clock.advance(1)
    found: list[str] = []
    page = api.get("/v1/keys", params={"state": "active", "limit": 2})
    while True:
        assert page.status_code == 200, page.text
        found += [key["id"] for key in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
        assert page.headers["link"] == f'</v1/keys?cursor={cursor}>; rel="next"'
        page = api.get("/v1/keys", params={"cursor": cursor})
    assert sorted(found) == sorted([made[0], *made[2:], _own_id(api)])
    assert len(found) == len(set(found))
    for state in ("revoked", "expired"):
        assert [key["state"] for key in api.get("/v1/keys", params={"state": state}).json()["items"]] == [state]
    assert len(api.get("/v1/keys").json()["items"]) == 7
    assert api.get("/v1/keys", params={"state": "lost"}).status_code == 422


@pytest.mark.parametrize("key_id", ["nokeyhere000", "A" * 12, "é", "x" * 500, "%00"])
def test_an_unknown_key_is_not_found(api: TestClient, key_id: str) -> None:
    for method, path in (("GET", ""), ("POST", "/rotate"), ("POST", "/revoke")):
        assert api.request(method, f"/v1/keys/{key_id}{path}").status_code == 404


def test_changes_are_in_the_audit_trail_and_secrets_nowhere(
    api: TestClient, sqlite_database: SessionFactory, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        first = _create(api)
        second = api.post(f"/v1/keys/{first['id']}/rotate").json()
        api.post(f"/v1/keys/{second['id']}/revoke")
    with sqlite_database() as session:
        events = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()
        actor = f"key {_own_id(api)} (test)"
        assert [(event.kind, event.subject, event.actor) for event in events] == [
            ("key_created", first["id"], actor),
            ("key_rotated", first["id"], actor),
            ("key_revoked", second["id"], actor),
        ]
        assert events[1].details["replaced_by"] == second["id"]
        kept = " ".join(str(event.details) for event in events)
        hashes = session.scalars(sa.select(ApiKey.secret_hash)).all()
    for text in (first["key"], second["key"]):
        secret = text.split("_")[2]
        assert secret not in kept
        assert secret not in caplog.text
    assert not any(digest in kept + caplog.text for digest in hashes)
