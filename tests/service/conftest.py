from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce.rubrics import Bank
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory

from .keys import make_key_header
from .samples import FixedClock


@pytest.fixture
def notifier() -> EventNotifier:
    return EventNotifier()


@pytest.fixture
def sqlite_database(sqlite_database: SessionFactory) -> SessionFactory:
    """The empty SQLite database, without waiting for the disk at each commit."""
    sa.event.listen(
        sqlite_database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF")
    )
    return sqlite_database


@pytest.fixture
def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """The time of the service, which only the test moves."""
    fixed = FixedClock()
    monkeypatch.setattr(clock, "now", fixed)
    return fixed


@pytest.fixture
def app(settings: Settings, sqlite_database: SessionFactory, bank: Bank, notifier: EventNotifier) -> FastAPI:
    """The API over SQLite, without a server."""
    return create_app(
        settings, sessions=sqlite_database, bank=bank, notifier=notifier, judge_status=lambda: "unreachable"
    )


@pytest.fixture
def api(app: FastAPI, sqlite_database: SessionFactory) -> TestClient:
    """A client with an administrator's key that calls the API in this process; unexpected errors become responses."""
    return TestClient(app, raise_server_exceptions=False, headers=make_key_header(sqlite_database))


@pytest.fixture
def client(server: uvicorn.Server, database: SessionFactory) -> Iterator[httpx.Client]:
    """A client of the server, with an administrator's key."""
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=make_key_header(database), trust_env=False) as http:
        yield http


@pytest.fixture
def server(
    settings: Settings, database: SessionFactory, bank: Bank, notifier: EventNotifier
) -> Iterator[uvicorn.Server]:
    """A real server on a free port."""
    app = create_app(
        settings,
        sessions=database,
        bank=bank,
        notifier=notifier,
        judge_status=lambda: "ok",
        is_stopping=lambda: server.should_exit,
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server
    server.should_exit = True
    thread.join()
