"""A whole installation on this machine: database, Redis, judge, API and workers, all of them killable."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import httpx
import sqlalchemy as sa

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import load_rubric
from vivavoce.service.storage.engine import connect, migrate, sessions
from vivavoce.service.storage.tables import Grading, State

from ..servers import PostgresServer, RedisServer, free_port, wait_until
from ..service.keys import make_key_header

Kind = Literal["sqlite", "postgresql"]
RUBRIC = Path(__file__).parents[1] / "data" / "rubric.yaml"
_LAUNCH = Path(__file__).parent / "launch.py"
# Every report that was ever written, also one that was deleted when its grading was put back in line.
_AUDIT = {
    "sqlite": ["CREATE TRIGGER audit AFTER INSERT ON report BEGIN INSERT INTO written VALUES (NEW.grading_id); END"],
    "postgresql": [
        "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO written VALUES (NEW.grading_id); RETURN NEW; END $$",
        "CREATE TRIGGER audit AFTER INSERT ON report FOR EACH ROW EXECUTE FUNCTION audit()",
    ],
}


class Service:
    """A command in a process group of its own; `log` has all that it said in all its lives."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, str(_LAUNCH), *command]
        self._environment = {**environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.lives = 0

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, **environment: str) -> None:
        self._environment |= environment
        self.lives += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True, cwd="/tmp"
            )

    def times_said(self, words: str) -> int:
        return self.log.read_text(errors="replace").count(words)

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill_group(self) -> None:
        self.signal_group(signal.SIGKILL)
        assert self._process
        self._process.wait()

    def terminate(self, *, seconds: float = 60) -> int:
        """SIGTERM to the main process; the exit status."""
        assert self._process
        self._process.terminate()
        return self._process.wait(seconds)

    def children(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in found.stdout.split()]


class Site:
    """The installation; a context manager. `workers` workers of `concurrency` processes or threads each."""

    def __init__(
        self,
        folder: Path,
        kind: Kind,
        *,
        workers: int = 2,
        concurrency: int = 1,
        pool: Literal["prefork", "threads"] = "prefork",
        judge_seconds: float = 0.02,
        **settings: str,
    ) -> None:
        self.kind = kind
        self.rubric = load_rubric(RUBRIC)
        self.judge = StubJudgeServer(delay_seconds=judge_seconds)
        self.redis = RedisServer()
        self.postgres = PostgresServer() if kind == "postgresql" else None
        self._folder = folder
        self._open = ExitStack()
        self._port = free_port()
        self._names = [f"worker{number}" for number in range(workers)]
        self._concurrency = concurrency
        self._pool = pool
        self._settings = settings

    def __enter__(self) -> Self:
        self._open.enter_context(self.judge)
        self._open.enter_context(self.redis)
        if self.postgres:
            self._open.enter_context(self.postgres)
            url = self.postgres.create_database()
        else:
            url = f"sqlite:///{self._folder / 'vivavoce.db'}"
        engine = connect(url)
        migrate(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE written (grading_id VARCHAR(32))")
            for statement in _AUDIT[self.kind]:
                connection.exec_driver_sql(statement)
        self._open.callback(engine.dispose)
        self.engine = engine
        self.sessions = sessions(engine)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VIVA_")},
            "VIVA_STATE_DIR": str(self._folder),
            "VIVA_DATABASE_URL": url,
            "VIVA_REDIS_URL": self.redis.url,
            "VIVA_JUDGE_URL": self.judge.url,
            "VIVA_JUDGE_ENGINE": "stub",
            "VIVA_JUDGE_MODEL": "stub",
            "VIVA_JUDGE_REVISION": "1",
            **self._settings,
        }
        serve = ["serve", "--no-worker", "--port", str(self._port)]
        work = ["work", "--concurrency", str(self._concurrency), "--pool", self._pool]
        self.api = Service("api", serve, environment, self._folder)
        self.workers = [Service(name, work, environment, self._folder) for name in self._names]
        self._open.callback(self._end)
        self.http = self._open.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{self._port}",
                headers=make_key_header(self.sessions),
                timeout=15,
                trust_env=False,
            )
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def start(self) -> None:
        """API and workers, ready to work."""
        for service in (self.api, *self.workers):
            service.start()
        self.wait_for_api()
        self.wait_for_workers()

    def wait_for_workers(self) -> None:
        wait_until(self._all_workers_ready, seconds=60, what="the workers are ready")

    def lost_attempts(self) -> int:
        """Claims that did not end in order, over all gradings."""
        with self.sessions() as session:
            attempts = list(session.scalars(sa.select(Grading.attempt)))
        return sum(max(attempt - 1, 0) for attempt in attempts)

    def wait_for_api(self) -> None:
        wait_until(self._api_answers, seconds=60, what="the API answers")

    def submit(self, answer: str, *, key: str) -> str:
        """The id of a grading; like any caller with an idempotency key, this tries until it has a reply."""
        body = {"rubric": self.rubric.model_dump(mode="json"), "answer": answer}
        found: list[str] = []

        def try_once() -> bool:
            try:
                reply = self.http.post("/v1/gradings", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                return False
            if reply.status_code == 202:
                found.append(reply.json()["id"])
            assert reply.status_code in (202, 409, 500, 502, 503), reply.text
            return bool(found)

        wait_until(try_once, seconds=120, what=f"{key} is taken in")
        return found[0]

    def states(self) -> dict[str, tuple[State, str | None]]:
        """State and reason by grading."""
        with self.sessions() as session:
            rows = session.execute(sa.select(Grading.id, Grading.state, Grading.reason))
            return {str(one): (State(state), reason) for one, state, reason in rows}

    def holder_of(self, grading_id: str) -> Service:
        """The worker that grades it; waits until there is one."""
        found: list[Service] = []

        def look() -> bool:
            with self.sessions() as session:
                owner = session.scalar(sa.select(Grading.lease_owner).where(Grading.id == grading_id))
            process = int(owner.split(":")[1]) if owner else 0
            found[:] = [worker for worker in self.workers if process in worker.children()]
            return bool(found)

        wait_until(look, seconds=30, what="a worker holds the grading")
        return found[0]

    def wait_until_done(self, *, seconds: float) -> None:
        """Until no grading is open."""
        wait_until(
            lambda: not any(state.open for state, _ in self.states().values()), seconds=seconds, what="all are finished"
        )

    def written(self) -> list[str]:
        """The grading of every report that was ever written."""
        with self.engine.connect() as connection:
            return [row[0] for row in connection.exec_driver_sql("SELECT grading_id FROM written")]

    def logs(self) -> str:
        """All that API and workers said."""
        services = (self.api, *self.workers)
        return "".join(service.log.read_text(errors="replace") for service in services if service.log.exists())

    def verdicts_paid(self) -> int:
        """Prompts that the judge answered, without those that only asked whether it is well."""
        return sum(len(messages) > 1 for messages in list(self.judge.answered))

    def verdicts_needed(self) -> int:
        """Different prompts among them."""
        return len({str(messages) for messages in list(self.judge.answered) if len(messages) > 1})

    def _api_answers(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def _all_workers_ready(self) -> bool:
        return all(worker.times_said("ready to grade") == worker.lives for worker in self.workers)

    def _end(self) -> None:
        for service in (self.api, *self.workers):
            if service.is_running:
                service.signal_group(signal.SIGCONT)
                service.kill_group()
