"""What a worker stands on: a panel with its judge, and the loop that drains the queue in this process."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vivavoce.graders import Panel, build_panel
from vivavoce.graders.embedding import build_embedder
from vivavoce.graders.judge.client import EngineIdentity
from vivavoce.graders.judge.embedded import EmbeddedEngine
from vivavoce.graders.judge.judging import RubricJudge, VerdictCache
from vivavoce.graders.models import DEFAULT_JUDGE, verified_model
from vivavoce.service.doorbell import EventDoorbell
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

from .drain import drain

_SWEEP_SECONDS = 1.0
_log = logging.getLogger(__name__)


def worker_name() -> str:
    """Host, process and thread: who holds a lease."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{threading.get_ident() % 100_000}"


@contextmanager
def open_judge(settings: Settings, cache: VerdictCache) -> Iterator[RubricJudge]:
    """The judge that the settings name; the embedded one runs for as long as the context is open.

    Raises ModelMissing when the embedded judge has no model yet.
    """
    secret = settings.secret.get_secret_value().encode()
    if settings.judge_url:
        identity = EngineIdentity(
            engine=settings.judge_engine,
            model=settings.judge_model,
            revision=settings.judge_revision,
        )
        key = settings.judge_api_key
        yield RubricJudge(
            base_url=str(settings.judge_url),
            identity=identity,
            secret=secret,
            cache=cache,
            timeout_seconds=settings.judge_timeout_seconds,
            api_key=key.get_secret_value() if key else None,
        )
        return
    with embedded_engine(settings) as engine:
        yield RubricJudge(
            base_url=engine.url,
            identity=engine.identity,
            secret=secret,
            cache=cache,
            timeout_seconds=settings.judge_timeout_seconds,
        )


@contextmanager
def embedded_engine(settings: Settings, *, port: int = 0) -> Iterator[EmbeddedEngine]:
    """The embedded judge's server, running."""
    model = verified_model(DEFAULT_JUDGE, settings.models_dir)
    engine = EmbeddedEngine(
        model_file=model.path,
        model_name=DEFAULT_JUDGE.name,
        model_sha256=DEFAULT_JUDGE.sha256,
        log_file=settings.state_dir / "judge.log",
        threads=settings.judge_threads,
        port=port,
    )
    with engine:
        yield engine


@contextmanager
def open_panel(settings: Settings, cache: VerdictCache) -> Iterator[Panel]:
    """The panel that the settings name, ready to grade."""
    with open_judge(settings, cache) as judge:
        yield build_panel(
            embedder=build_embedder(settings.embedding_model),
            judge=judge,
            review_below=settings.review_below,
        )


class InProcessWorker:
    """A thread that drains the queue whenever the doorbell rings, and every second in any case."""

    def __init__(self, sessions: SessionFactory, panel: Panel, settings: Settings, doorbell: EventDoorbell) -> None:
        self._sessions = sessions
        self._panel = panel
        self._settings = settings
        self._doorbell = doorbell
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after the batch in hand."""
        self._stopping.set()
        self._doorbell.rung.set()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._doorbell.rung.wait(_SWEEP_SECONDS)
            self._doorbell.rung.clear()
            try:
                drain(
                    self._sessions,
                    self._panel,
                    self._settings,
                    owner=worker_name(),
                    stopping=self._stopping.is_set,
                )
            except Exception:  # noqa: BLE001  a worker outlives whatever a batch does; the lease brings it back
                _log.exception("a batch failed; its gradings come back when their lease runs out")
                self._stopping.wait(_SWEEP_SECONDS)
