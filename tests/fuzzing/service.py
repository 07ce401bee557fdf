"""A service to fuzz: a real server, an administrator's key, and the workers of a deployment, with a scripted judge."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Bank, load_rubric
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.workers.background import BackgroundThread, run_next_job
from vivavoce.workers.exports.pruning import ExportPruning
from vivavoce.workers.grading import process_queue
from vivavoce.workers.job_handlers import HANDLERS, ON_FAILURE
from vivavoce.workers.webhooks import WebhookSender

from ..service.keys import make_key_header

RUBRIC = Path(__file__).parents[1] / "data" / "rubric.yaml"
SECRET = "of-a-service-that-is-fuzzed-and-gone"
_SLOW_SECONDS = 0.3
_ENDING_SECONDS = 30.0


class ErrorLog(logging.Handler):
    """Keeps what the service and its workers log as errors, which no caller may cause."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        self.lines.append(self.format(record))


@dataclass(frozen=True)
class FuzzedService:
    """Where the service listens, the header with its key, its OpenAPI document, its database and its errors."""

    url: str
    headers: dict[str, str]
    schema: dict[str, Any]
    database: SessionFactory
    errors: list[str] = field(default_factory=list)

    @property
    def key_id(self) -> str:
        """Id of the key in the header."""
        return self.headers["Authorization"].split("_")[1]


@contextlib.contextmanager
def run_service(folder: Path) -> Iterator[FuzzedService]:
    """Runs a service over SQLite in a folder until the block ends."""
    settings = Settings(
        state_dir=folder,
        secret=SECRET,
        max_wait_seconds=0.05,
        stream_seconds=0.05,
        judge_price_prompt=1.0,
        judge_price_completion=1.0,
        rate_limit_key=0,
        rate_limit_organisation=0,
        rate_limit_failures=0,
    )
    engine = connect(settings.database)
    migrate(engine)
    database = sessions(engine)
    errors = ErrorLog()
    app = create_app(
        settings,
        sessions=database,
        bank=Bank([load_rubric(RUBRIC)]),
        notifier=EventNotifier(),
        judge_status=lambda: "ok",
    )
    schema, headers = app.openapi(), make_key_header(database)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    serving = threading.Thread(target=server.run)
    workers = _build_workers(database, settings)
    logging.getLogger().addHandler(errors)
    serving.start()
    for worker in workers:
        worker.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield FuzzedService(f"http://127.0.0.1:{port}", headers, schema, database, errors.lines)
    finally:
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join(_ENDING_SECONDS)
        server.should_exit = True
        serving.join()
        logging.getLogger().removeHandler(errors)
        engine.dispose()


def _build_workers(database: SessionFactory, settings: Settings) -> list[BackgroundThread]:
    """The threads of a worker process; the sender of webhooks finds no host, so that nothing leaves this machine."""
    panel = scripted_panel(_judge, review=ReviewPolicy(below=0.5))

    def grade() -> bool:
        return process_queue(database, panel, settings, owner="fuzz").finished > 0

    def run_job() -> bool:
        return run_next_job(database, panel, settings, HANDLERS, owner="fuzz-jobs", on_failure=ON_FAILURE)

    return [
        BackgroundThread("gradings", grade),
        BackgroundThread("jobs", run_job),
        BackgroundThread("webhooks", WebhookSender(database, settings, resolve=_find_no_host).step),
        BackgroundThread("expired exports", ExportPruning(database)),
    ]


def _judge(answer: str, criterion: str) -> float | JudgeFailure:
    """Log-odds by the letters of the answer: one in ten is slow, two fail, so that all ends occur."""
    letters = sum(character.isalpha() for character in answer)
    if letters % 10 == 0:
        time.sleep(_SLOW_SECONDS)
    if letters % 10 in (1, 2):
        return JudgeFailure(UnscoredReason.PARSE, "The scripted judge gave no verdict.")
    return (2.0, -2.0, 0.0)[letters % 3]


def _find_no_host(host: str, port: int) -> Sequence[str]:
    raise OSError(f"{host}:{port} is not looked up while fuzzing")
