"""The two services that `viva bench api` compares, each with uvicorn and several processes of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from vivavoce.rubrics import default_bank
from vivavoce.service.app import create_app, warm_up
from vivavoce.service.notifier import SilentNotifier
from vivavoce.service.observability.logs import configure_logs
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect, sessions

from .bare_api import create_bare_app, create_bare_orm_app

_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
# uvicorn logs it once in each process.
_STARTED = "Application startup complete"


@dataclass(frozen=True)
class ApiServer:
    """A running service: its port, and the process that began the others."""

    port: int
    pid: int


def create_service() -> FastAPI:
    """Builds the API of the settings, as `viva serve --no-worker` does, for uvicorn."""
    settings = Settings()
    configure_logs(settings.log_format, level=settings.log_level)
    app = create_app(
        settings,
        sessions=sessions(connect(settings.database)),
        bank=default_bank(),
        notifier=SilentNotifier(),
        judge_status=lambda: "ok",
    )
    warm_up(app)
    return app


def create_bare() -> FastAPI:
    """Builds the bare route on the database of the settings, for uvicorn."""
    return create_bare_app(connect(Settings().database))


def create_bare_orm() -> FastAPI:
    """Builds the bare route with the ORM on the database of the settings, for uvicorn."""
    return create_bare_orm_app(connect(Settings().database))


@contextmanager
def serve_processes(factory: str, *, processes: int, settings: Mapping[str, str], folder: Path) -> Iterator[ApiServer]:
    """Serves what a function of this module builds, with so many processes; `settings` are variables of theirs.

    Raises RuntimeError, with what the server wrote, if it does not start.
    """
    port = _find_free_port()
    log = folder / f"{factory}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, factory, str(port), str(processes)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **settings},
        )
    try:
        _wait_until_started(process, log, processes)
        yield ApiServer(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_started(process: subprocess.Popen[bytes], log: Path, processes: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while (written := log.read_text(encoding="utf-8", errors="replace")).count(_STARTED) < processes:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the service did not start; it wrote: {written[-2000:]}")
        time.sleep(0.05)


def _find_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def run_processes(factory: str, *, port: int, processes: int) -> None:
    """Runs uvicorn with several processes, as `uvicorn --workers` does, until SIGTERM."""
    # With a protocol: without one, as uvicorn makes it, asyncio does not turn Nagle's algorithm off, and each reply on
    # a connection that stays open waits 40 ms for the acknowledgement of its first half.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        name = "vivavoce.evaluation.benchmarks.api_servers"
        config = uvicorn.Config(
            f"{name}:{factory}",
            factory=True,
            workers=processes,
            access_log=False,
            # On a busy machine a process needs longer than the usual 5 s to start, and would be killed meanwhile.
            timeout_worker_healthcheck=round(_START_SECONDS),
        )
        Multiprocess(config, sockets=[listener]).run()


if __name__ == "__main__":
    run_processes(sys.argv[1], port=int(sys.argv[2]), processes=int(sys.argv[3]))
