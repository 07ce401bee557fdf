"""Real servers on free ports, for tests: PostgreSQL and Redis, started, frozen, killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
import sqlalchemy as sa


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait for a condition; AssertionError names what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


class PostgresServer:
    """A server of its own; a context manager. Nothing is synced to disk: the machine does not fail, processes do."""

    def __init__(self) -> None:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert binaries, "PostgreSQL is missing: run 'make packages'"
        self._commands = binaries[-1].parent
        # The server refuses to run as root, and its user may not enter root's folders.
        self._folder = Path(tempfile.mkdtemp(prefix="vivavoce-postgres-", dir="/tmp"))
        self._as_user: list[str] = []
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
            self._as_user = ["runuser", "-u", "postgres", "--"]
        self._data = self._folder / "data"
        self._port = free_port()
        self.url = f"postgresql+psycopg://viva@127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "viva", "--no-sync")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop("fast")
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder} -c fsync=off"
        )
        self._run("pg_ctl", "-D", self._data, "-l", self._folder / "log", "-o", settings, "-w", "-t", "60", "start")

    def stop(self, mode: str) -> None:
        """Stop it: `fast` lets it finish its books, `immediate` is as good as a crash."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def create_database(self, *, template: str | None = None, name: str | None = None) -> str:
        """The URL of a new database."""
        name = name or f"viva_{uuid.uuid4().hex[:12]}"
        self.administer(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return f"{self.url}/{name}"

    def administer(self, statement: str) -> None:
        """Run a statement outside of any database of ours."""
        engine = sa.create_engine(f"{self.url}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def _run(self, command: str, *arguments: str | Path) -> None:
        subprocess.run(
            [*self._as_user, self._commands / command, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/tmp",
        )


class RedisServer:
    """A server of its own that keeps nothing when it dies; a context manager."""

    def __init__(self) -> None:
        binary = shutil.which("redis-server")
        assert binary, "redis-server is missing: run 'make packages'"
        self._binary = binary
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [self._binary, "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers, seconds=10, what="Redis answers")

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing comes."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> None:
        """A command, such as FLUSHALL."""
        with redis.Redis.from_url(self.url) as client:
            client.execute_command(*words)

    def _answers(self) -> bool:
        try:
            self.command("PING")
        except redis.RedisError:
            return False
        return True
