"""`viva bench api`: what taking an answer in over HTTP costs, beside a bare route on the same database.

Both run all the time and are measured in turns, so that whatever else the machine does strikes both.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import sqlalchemy as sa

from vivavoce.evaluation.agreement import bootstrap
from vivavoce.rubrics import Rubric
from vivavoce.service.access.key_lifecycle import create_key
from vivavoce.service.access.scopes import Role
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect, migrate, sessions
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION

from .api_servers import ApiServer, serve_processes
from .bare_api import prepare_tables
from .http_load import send_load
from .process_times import find_database_process, read_tree_seconds
from .queue_load import AnswerSource

# Requests are counted as always, and never refused.
_NO_QUOTA = "1000000000"
_SEED = 7


@dataclass(frozen=True)
class Block:
    """One turn of one service: requests a second, and milliseconds of processor time per request.

    `server_ms` is that of its processes, `database_ms` that of PostgreSQL, `client_ms` that of the load generator; None
    where it cannot be read.
    """

    per_second: float
    server_ms: float | None
    database_ms: float | None
    client_ms: float


@dataclass(frozen=True)
class ApiFigures:
    """What was measured. Each round has a block of both, `ours` first in every other one.

    `throughput_ratio` is the median over the rounds of our requests a second divided by the bare route's, `cpu_ratio`
    that of the bare route's processor time (processes and PostgreSQL) divided by ours; above 1 ours is the better.
    """

    database: str
    bare_route: str
    processes: int
    connections: int
    seconds: float
    ours: list[Block]
    bare: list[Block]
    throughput_ratio: float
    throughput_interval: tuple[float, float] | None
    server_cpu_ratio: float | None
    server_cpu_interval: tuple[float, float] | None
    cpu_ratio: float | None
    cpu_interval: tuple[float, float] | None


@dataclass
class _Bench:
    """What the blocks share."""

    engine: sa.Engine
    key: str
    answers: AnswerSource
    connections: int
    seconds: float
    database_process: int | None
    sent: int = field(default=0)

    def make_request(self) -> bytes:
        """The next request, with an answer that no other has."""
        question = self.answers.rubric.question
        body = {
            "question_id": question.id,
            "language": question.language,
            "answer": self.answers.make_answer(),
            "candidate": f"candidate-{self.answers.count}",
            "metadata": {"job": "ml-engineer", "interview": str(self.answers.count)},
        }
        content = json.dumps(body).encode()
        head = (
            "POST /v1/gradings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    def measure(self, server: ApiServer) -> Block:
        """Measures one block."""
        before = read_tree_seconds(server.pid), self._read_database_seconds()
        load = send_load(server.port, self.make_request, connections=self.connections, seconds=self.seconds, status=202)
        after = read_tree_seconds(server.pid), self._read_database_seconds()
        server_ms, database_ms = (
            None if end is None or start is None else (end - start) / load.requests * 1000
            for start, end in zip(before, after, strict=True)
        )
        return Block(load.per_second, server_ms, database_ms, load.cpu_seconds / load.requests * 1000)

    def _read_database_seconds(self) -> float | None:
        return read_tree_seconds(self.database_process) if self.database_process else None


def measure_api(
    rubric: Rubric,
    *,
    database_url: str,
    with_orm: bool,
    processes: int,
    connections: int,
    rounds: int,
    seconds: float,
    on_step: Callable[[str], None] = lambda step: None,
) -> ApiFigures:
    """Measures both services in turns, on a new SQLite file or on the empty database at `database_url`."""
    with tempfile.TemporaryDirectory(prefix="vivavoce-bench-") as name:
        folder = Path(name)
        url = database_url or f"sqlite:///{folder / 'vivavoce.db'}"
        engine = connect(url)
        migrate(engine)
        with sessions(engine).begin() as session:
            _, key = create_key(
                session, organisation_id=DEFAULT_ORGANISATION, name="viva bench api", role=Role.INTEGRATOR
            )
        prepare_tables(engine, key=key)
        bench = _Bench(engine, key, AnswerSource(rubric), connections, seconds, find_database_process(engine))
        settings = _build_environment(url, folder)
        bare_route = "create_bare_orm" if with_orm else "create_bare"
        try:
            on_step("starting both services")
            with (
                serve_processes("create_service", processes=processes, settings=settings, folder=folder) as ours,
                serve_processes(bare_route, processes=processes, settings=settings, folder=folder) as bare,
            ):
                pairs = _run_rounds(bench, ours, bare, rounds, on_step)
        finally:
            engine.dispose()
    return _sum_up(pairs, bench, processes, with_orm=with_orm)


def _build_environment(url: str, folder: Path) -> dict[str, str]:
    return {
        "VIVA_DATABASE_URL": url,
        "VIVA_STATE_DIR": str(folder),
        # As in deployments with one address; Redis would be another server to measure.
        "VIVA_REDIS_URL": "",
        "VIVA_ENVIRONMENT": Settings().environment,
        "VIVA_RATE_LIMIT_KEY": _NO_QUOTA,
        "VIVA_RATE_LIMIT_ORGANISATION": _NO_QUOTA,
    }


def _run_rounds(
    bench: _Bench, ours: ApiServer, bare: ApiServer, rounds: int, on_step: Callable[[str], None]
) -> list[tuple[Block, Block]]:
    on_step("warming up")
    for server in (ours, bare, ours, bare):
        bench.measure(server)
    pairs = []
    for number in range(rounds):
        on_step(f"round {number + 1} of {rounds}")
        # Whoever comes second may profit from a warmer machine.
        if number % 2 == 0:
            block = bench.measure(ours)
            pairs.append((block, bench.measure(bare)))
        else:
            block = bench.measure(bare)
            pairs.append((bench.measure(ours), block))
    return pairs


def _sum_up(pairs: list[tuple[Block, Block]], bench: _Bench, processes: int, *, with_orm: bool) -> ApiFigures:
    ours, bare = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    throughput = [a.per_second / b.per_second for a, b in pairs]
    servers = [b.server_ms / a.server_ms for a, b in pairs if a.server_ms and b.server_ms]
    totals = [_add_up(b) / _add_up(a) for a, b in pairs if a.server_ms and b.server_ms]
    return ApiFigures(
        database=bench.engine.dialect.name,
        bare_route="orm" if with_orm else "core",
        processes=processes,
        connections=bench.connections,
        seconds=bench.seconds,
        ours=ours,
        bare=bare,
        throughput_ratio=median(throughput),
        throughput_interval=_find_interval(throughput),
        server_cpu_ratio=median(servers) if servers else None,
        server_cpu_interval=_find_interval(servers),
        cpu_ratio=median(totals) if totals else None,
        cpu_interval=_find_interval(totals),
    )


def _add_up(block: Block) -> float:
    return (block.server_ms or 0.0) + (block.database_ms or 0.0)


def _find_interval(ratios: list[float]) -> tuple[float, float] | None:
    """The 95 % interval of the median, by resampling."""
    values = np.array(ratios)
    found = bootstrap(lambda drawn: float(np.median(values[drawn])), len(values), seed=_SEED)
    return (found.low, found.high) if found else None


def find_median(blocks: Sequence[Block], field: str) -> float | None:
    """The median of a field over blocks; None if one of them lacks it."""
    values = [getattr(block, field) for block in blocks]
    return None if None in values else median(values)
