"""A whole service for tests of callers: a real server, a worker, and a stub for a judge; nothing of it is replaced."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from vivavoce.graders import Panel, build_panel
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.testing import HashingEmbedder, WordVerifier
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Bank, load_rubric
from vivavoce.service.access.local_key import ensure_local_key
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.verdicts import StoredVerdicts
from vivavoce.workers.in_process import InProcessWorker

RUBRIC = Path(__file__).parent / "data" / "rubric.yaml"


@dataclass(frozen=True)
class GradedService:
    """Where the service listens, an administrator's key, and what is behind it."""

    url: str
    key: str
    settings: Settings
    database: SessionFactory
    judge: StubJudgeServer


@contextlib.contextmanager
def run_graded_service(folder: Path, **values: float) -> Iterator[GradedService]:
    """Runs a service over SQLite in a folder until the block ends; `values` are settings."""
    settings = Settings(state_dir=folder, worker_threads=2, **values)
    engine = connect(settings.database)
    migrate(engine)
    database, notifier = sessions(engine), EventNotifier()
    key_file = ensure_local_key(settings, database)
    assert key_file
    with StubJudgeServer() as judge, _judge_with(judge, database) as panel:
        app = create_app(
            settings,
            sessions=database,
            bank=Bank([load_rubric(RUBRIC)]),
            notifier=notifier,
            judge_status=lambda: "ok",
        )
        worker = InProcessWorker(database, panel, settings, notifier)
        worker.start()
        try:
            with _serve(app) as url:
                yield GradedService(url, key_file.read_text().strip(), settings, database, judge)
        finally:
            worker.stop()
            worker.join(10)
            engine.dispose()


@contextlib.contextmanager
def _judge_with(server: StubJudgeServer, database: SessionFactory) -> Iterator[Panel]:
    with RubricJudge(
        base_urls=[server.url],
        identity=EngineIdentity("stub", "stub", "1"),
        secret=b"",
        cache=StoredVerdicts(database),
        deadlines=Deadlines(10, 20),
    ) as judge:
        yield build_panel(embedder=HashingEmbedder(), verifier=WordVerifier(), judge=judge)


@contextlib.contextmanager
def _serve(app: object) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
