from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vivavoce.graders.testing import scripted_panel
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.background import run_next_job
from vivavoce.workers.job_handlers import HANDLERS, ON_FAILURE

Export = Callable[..., dict[str, Any]]


@pytest.fixture
def work(database: SessionFactory, settings: Settings) -> Callable[[], bool]:
    """Carries out the next job as a worker does."""

    def run() -> bool:
        return run_next_job(database, scripted_panel(), settings, HANDLERS, owner="w", on_failure=ON_FAILURE)

    return run


@pytest.fixture
def export(api: TestClient, work: Callable[[], bool]) -> Export:
    """Asks for an export, lets a worker write it and returns it."""

    def ask(**options: Any) -> dict[str, Any]:
        reply = api.post("/v1/exports", json=options)
        assert reply.status_code == 202, reply.text
        assert work()
        found: dict[str, Any] = api.get(reply.headers["Location"]).json()
        return found

    return ask
