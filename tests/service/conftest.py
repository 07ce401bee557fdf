from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from vivavoce.rubrics import Bank
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory


@pytest.fixture
def notifier() -> EventNotifier:
    return EventNotifier()


@pytest.fixture
def client(server: uvicorn.Server) -> Iterator[httpx.Client]:
    """A client of the server."""
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
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
