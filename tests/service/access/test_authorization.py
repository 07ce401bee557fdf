from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from vivavoce.rubrics import Bank
from vivavoce.service import app as app_module
from vivavoce.service.access.rules import PUBLIC, RULES, check_rules
from vivavoce.service.access.scopes import Scope
from vivavoce.service.app import create_app
from vivavoce.service.notifier import SilentNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

from ..keys import make_key_header
from .conftest import PRODUCTION, BuildApi

FOR_THE_OPERATOR = ("/metrics", "/docs", "/openapi.json")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dmlhOnZpdmE=", "viva_x", "Bearer viva_x", "Token viva_x", "Bearer \xff"],
)
def test_without_a_key_there_is_401_that_names_the_scheme(api: TestClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    anonymous = TestClient(api.app, raise_server_exceptions=False)
    reply = anonymous.get("/v1/questions", headers=headers)  # type: ignore[arg-type]
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert (reply.json()["code"], reply.json()["status"]) == ("invalid_key", 401)
    assert "Authorization: Bearer KEY" in reply.json()["detail"] or "mistyped" in reply.json()["detail"]


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}", "Bearer {} "])
def test_the_scheme_is_read_in_any_case(api: TestClient, form: str) -> None:
    key = api.headers["authorization"].removeprefix("Bearer ")
    assert api.get("/v1/me", headers={"Authorization": form.format(key)}).status_code == 200


def test_a_missing_scope_is_named(api: TestClient, sqlite_database: SessionFactory) -> None:
    header = make_key_header(sqlite_database, scopes=[Scope.QUESTIONS_READ])
    reply = api.get("/v1/keys", headers=header)
    assert (reply.status_code, reply.json()["code"]) == (403, "missing_scope")
    assert "has not the scope 'keys:read', which this route needs" in reply.json()["detail"]


def test_an_address_that_does_not_exist_is_404_without_a_key(api: TestClient) -> None:
    assert TestClient(api.app).get("/v1/nothing").status_code == 404


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("list_secrets", "routes without a rule of access: list_secrets"),
        # It would get the rule of the other route.
        ("list_keys", "routes that share a name, and so a rule of access: list_keys"),
    ],
)
def test_a_route_without_a_rule_of_its_own_stops_the_service(
    settings: Settings,
    sqlite_database: SessionFactory,
    bank: Bank,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    message: str,
) -> None:
    router = APIRouter()

    @router.get("/v1/secrets", name=name)
    def list_secrets() -> list[str]:
        return []

    monkeypatch.setattr(app_module, "ROUTERS", (*app_module.ROUTERS, router))
    with pytest.raises(AssertionError, match=message):
        create_app(settings, sessions=sqlite_database, bank=bank, notifier=SilentNotifier(), judge_status=lambda: "ok")
    check_rules(["alive", "ready"])


def test_only_probes_are_public() -> None:
    assert {name for name, rule in RULES.items() if rule is PUBLIC} == {"alive", "ready"}


@pytest.mark.parametrize("path", FOR_THE_OPERATOR)
def test_what_is_for_the_operator_needs_a_key_in_production_only(
    build_api: BuildApi, sqlite_database: SessionFactory, path: str
) -> None:
    development, production = build_api(), build_api(**PRODUCTION)
    assert TestClient(development.app).get(path).status_code == 200
    assert TestClient(production.app).get(path).status_code == 401
    others = make_key_header(sqlite_database, scopes=sorted(set(Scope) - {Scope.SERVICE_READ}))
    assert production.get(path, headers=others).status_code == 403
    only = make_key_header(sqlite_database, scopes=[Scope.SERVICE_READ])
    assert production.get(path, headers=only).status_code == 200


def _ready(api: TestClient, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    reply = TestClient(api.app, raise_server_exceptions=False).get("/readyz", headers=headers)
    return reply.status_code, reply.json()


@pytest.fixture
def ready_without_parts() -> Callable[[bool], dict[str, Any]]:
    return lambda ready: {
        "ready": ready,
        "database": None,
        "judge": None,
        "queue": None,
        "oldest_open_seconds": None,
    }


def test_readiness_names_no_part_to_everybody_in_production(
    build_api: BuildApi, sqlite_database: SessionFactory, ready_without_parts: Callable[[bool], dict[str, Any]]
) -> None:
    api = build_api(**PRODUCTION)
    assert _ready(api, {}) == (200, ready_without_parts(True))
    weak = make_key_header(sqlite_database, scopes=[Scope.GRADINGS_READ])
    assert _ready(api, weak) == (200, ready_without_parts(True))
    status, parts = _ready(api, dict(api.headers))
    assert (status, parts["database"], parts["judge"]) == (200, "ok", "secret-judge.example is away")
    assert _ready(api, {"Authorization": "Bearer wrong"})[0] == 401
    assert _ready(build_api(), {})[1]["judge"] == "secret-judge.example is away"


def test_without_its_database_a_service_in_production_is_not_ready(
    build_api: BuildApi, sqlite_database: SessionFactory, ready_without_parts: Callable[[bool], dict[str, Any]]
) -> None:
    api = build_api(**PRODUCTION)
    with sqlite_database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE grading")
    assert _ready(api, {}) == (503, ready_without_parts(False))
