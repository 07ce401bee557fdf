from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Bank
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

ORIGIN = "https://hr.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
}


@pytest.fixture
def open_api(
    settings: Settings, bank: Bank, notifier: EventNotifier, database: SessionFactory
) -> Callable[[str], TestClient]:
    def build(origins: str) -> TestClient:
        chosen = settings.model_copy(update={"cors_origins": origins})
        return TestClient(
            create_app(chosen, sessions=database, bank=bank, notifier=notifier, judge_status=lambda: "ok")
        )

    return build


def test_a_page_of_a_named_origin_may_call_and_read_the_fields(open_api: Callable[[str], TestClient]) -> None:
    api = open_api(f"https://other.example, {ORIGIN}")
    asked = api.options("/v1/gradings", headers=PREFLIGHT)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in asked.headers["access-control-allow-methods"]
    # Also errors must be readable.
    reply = api.post("/v1/gradings", json={}, headers={"Origin": ORIGIN})
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (401, ORIGIN)
    assert "Retry-After" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("origins", ["", "https://other.example"])
def test_a_page_of_any_other_origin_may_not(open_api: Callable[[str], TestClient], origins: str) -> None:
    api = open_api(origins)
    assert "access-control-allow-origin" not in api.options("/v1/gradings", headers=PREFLIGHT).headers
    assert "access-control-allow-origin" not in api.get("/healthz", headers={"Origin": ORIGIN}).headers
