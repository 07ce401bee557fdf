from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Bank
from vivavoce.service.app import create_app
from vivavoce.service.notifier import SilentNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

from ..keys import make_key_header

BuildApi = Callable[..., TestClient]
PRODUCTION = {
    "environment": "production",
    "secret": "x" * 32,
    "database_url": "postgresql+psycopg://viva@localhost/viva",
}
"""Settings of production; the database of the test is used in spite of them."""


@pytest.fixture
def build_api(sqlite_database: SessionFactory, bank: Bank) -> BuildApi:
    """Builds a replica with settings, and a client with an administrator's key; each call is another process."""

    def build(**values: Any) -> TestClient:
        app = create_app(
            Settings(**values),
            sessions=sqlite_database,
            bank=bank,
            notifier=SilentNotifier(),
            judge_status=lambda: "secret-judge.example is away",
        )
        return TestClient(app, raise_server_exceptions=False, headers=make_key_header(sqlite_database))

    return build
