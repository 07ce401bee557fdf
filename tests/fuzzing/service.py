"""A service to fuzz: a real server, an administrator's key, and a worker that grades without a judge."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from vivavoce.rubrics import Bank, load_rubric
from vivavoce.service import lifecycle
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions

from ..service.keys import make_key_header
from ..service.samples import make_report

RUBRIC = Path(__file__).parents[1] / "data" / "rubric.yaml"


@dataclass(frozen=True)
class FuzzedService:
    """Where the service listens, and the header with its key."""

    url: str
    headers: dict[str, str]
    schema: dict[str, Any]


@contextlib.contextmanager
def run_service(folder: Path) -> Iterator[FuzzedService]:
    """Runs a service over SQLite in a folder until the block ends."""
    settings = Settings(state_dir=folder, max_wait_seconds=0.05)
    engine = connect(settings.database)
    migrate(engine)
    database = sessions(engine)
    app = create_app(
        settings,
        sessions=database,
        bank=Bank([load_rubric(RUBRIC)]),
        notifier=EventNotifier(),
        judge_status=lambda: "ok",
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    threads = [threading.Thread(target=server.run), threading.Thread(target=_grade, args=(database, server))]
    for thread in threads:
        thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield FuzzedService(f"http://127.0.0.1:{port}", make_key_header(database), app.openapi())
    finally:
        server.should_exit = True
        for thread in threads:
            thread.join()
        engine.dispose()


def _grade(database: SessionFactory, server: uvicorn.Server) -> None:
    """Gives every second answer a report, so that operations on open and on finished gradings are reached."""
    turn = 0
    while not server.should_exit:
        turn += 1
        with database.begin() as session:
            batch = lifecycle.claim(session, owner="fuzz", limit=1, lease_seconds=60) if turn % 2 else None
        for lease in batch.leases if batch else ():
            with database.begin() as session, contextlib.suppress(Exception):
                lifecycle.record(session, lease, make_report(needs_review=turn % 3 == 0))
        time.sleep(0.1)
