"""`viva bench queue`: what it costs to take an answer in and return its result, without the graders' models.

The judge is a stand-in with a fixed service time that needs no processor, and nothing is embedded. Everything else is
the product: database, leases, screening, word overlap, report, HTTP.
"""

from __future__ import annotations

import gc
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import httpx
import uvicorn

from vivavoce.graders import Panel
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Bank, Rubric
from vivavoce.service.access.key_lifecycle import create_key
from vivavoce.service.access.scopes import Role
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.repositories import GradingRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, State
from vivavoce.workers.grading import process_queue
from vivavoce.workers.in_process import InProcessWorker

from .queue_load import AnswerSource, NoEmbedder, TimedJudge

# Gradings before anything is measured: caches fill with them.
_WARM_UP = 50
_POSTS = 100
# The first connections are slower.
_WARM_UP_POSTS = 5
_MEMORY_STEP = 500


@dataclass(frozen=True)
class QueueFigures:
    """What was measured.

    `cpu_ms_*` are milliseconds of processor time per grading in this process, `per_second` and `possible_per_second`
    gradings a second, `post_to_result_*` milliseconds, `memory_*_mib` resident MiB after so many gradings.
    """

    database: str
    gradings: int
    cpu_ms_submit: float
    cpu_ms_grade: float
    judge_seconds: float
    concurrency: int
    per_second: float
    possible_per_second: float
    share_of_possible: float
    posts: int
    post_to_result_ms_p50: float
    post_to_result_ms_p95: float
    memory_early_after: int
    memory_early_mib: float
    memory_late_after: int
    memory_late_mib: float
    memory_ratio: float


@dataclass(frozen=True)
class _Plan:
    """How much is measured, and with which judge."""

    gradings: int
    judge_seconds: float
    concurrency: int
    memory_early: int
    memory_late: int


@dataclass(frozen=True)
class _Bench:
    """What all measurements share: an empty database, a panel without models, and answers."""

    database: SessionFactory
    settings: Settings
    panel: Panel
    answers: AnswerSource


def measure_queue(
    rubric: Rubric,
    bank: Bank,
    *,
    database_url: str,
    gradings: int,
    judge_seconds: float,
    concurrency: int,
    memory_early: int,
    memory_late: int,
    on_step: Callable[[str], None] = lambda step: None,
) -> QueueFigures:
    """Run all measurements, on an empty SQLite file or on the database at `database_url`, which must be empty."""
    plan = _Plan(gradings, judge_seconds, concurrency, memory_early, memory_late)
    with tempfile.TemporaryDirectory(prefix="vivavoce-bench-") as folder:
        settings = Settings.model_validate(
            {**Settings().model_dump(), "state_dir": Path(folder), "database_url": database_url}
        )
        engine = connect(settings.database)
        migrate(engine)
        panel = replace(scripted_panel(), embedder=NoEmbedder())
        try:
            return _run_plan(_Bench(sessions(engine), settings, panel, AnswerSource(rubric)), bank, plan, on_step)
        finally:
            engine.dispose()


def _run_plan(bench: _Bench, bank: Bank, plan: _Plan, on_step: Callable[[str], None]) -> QueueFigures:
    gradings, concurrency = plan.gradings, plan.concurrency
    _grade_answers(bench, _WARM_UP)
    on_step(f"processor time of {gradings} gradings")
    submit_seconds, grade_seconds = _grade_answers(bench, gradings)
    on_step(f"{gradings} gradings with a judge of {plan.judge_seconds:g} s, {concurrency} at a time")
    slow = replace(bench.panel, judge=TimedJudge(seconds=plan.judge_seconds, concurrency=concurrency))
    per_second = _measure_throughput(replace(bench, panel=slow), gradings)
    on_step(f"{_POSTS} answers, each posted when the one before has its result")
    waits = sorted(_measure_waits(bench, bank))
    on_step(f"memory after {plan.memory_early} and {plan.memory_late} gradings")
    early_mib, late_mib = _measure_memory(bench, plan.memory_early, plan.memory_late)
    possible = concurrency / plan.judge_seconds
    return QueueFigures(
        database=bench.database.engine.dialect.name,
        gradings=gradings,
        cpu_ms_submit=submit_seconds / gradings * 1000,
        cpu_ms_grade=grade_seconds / gradings * 1000,
        judge_seconds=plan.judge_seconds,
        concurrency=concurrency,
        per_second=per_second,
        possible_per_second=possible,
        share_of_possible=per_second / possible,
        posts=len(waits),
        post_to_result_ms_p50=median(waits) * 1000,
        post_to_result_ms_p95=waits[int(len(waits) * 0.95)] * 1000,
        memory_early_after=plan.memory_early,
        memory_early_mib=early_mib,
        memory_late_after=plan.memory_late,
        memory_late_mib=late_mib,
        memory_ratio=late_mib / early_mib,
    )


def _grade_answers(bench: _Bench, count: int) -> tuple[float, float]:
    """Submit and grade answers; seconds of processor time for each of the two."""
    began = time.process_time()
    bench.answers.submit_answers(bench.database, count)
    submitted = time.process_time()
    process_queue(bench.database, bench.panel, bench.settings, owner="bench")
    return submitted - began, time.process_time() - submitted


def _measure_throughput(bench: _Bench, gradings: int) -> float:
    """Gradings a second, from the start of the worker to the last result."""
    bench.answers.submit_answers(bench.database, gradings)
    threads = bench.settings.worker_threads or 4
    settings = bench.settings.model_copy(update={"worker_threads": threads})
    worker = InProcessWorker(bench.database, bench.panel, settings, EventNotifier())
    began = time.perf_counter()
    worker.start()
    while _count_open_gradings(bench.database):
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    worker.stop()
    worker.join()
    return gradings / seconds


def _measure_waits(bench: _Bench, bank: Bank) -> Iterator[float]:
    """Seconds from each POST until the caller has its result, over real HTTP."""
    notifier = EventNotifier()
    worker = InProcessWorker(bench.database, bench.panel, bench.settings, notifier)
    app = create_app(bench.settings, sessions=bench.database, bank=bank, notifier=notifier, judge_status=lambda: "ok")
    question = bench.answers.rubric.question
    headers = {"Authorization": f"Bearer {_make_key(bench.database)}"}
    with _serve(app) as url, httpx.Client(base_url=url, headers=headers, trust_env=False) as http:
        worker.start()
        try:
            for number in range(_POSTS + _WARM_UP_POSTS):
                answer = bench.answers.make_answer()
                body = {"question_id": question.id, "language": question.language, "answer": answer}
                began = time.perf_counter()
                posted = http.post("/v1/gradings", json=body).raise_for_status().json()
                grading = http.get(f"/v1/gradings/{posted['id']}", params={"wait": 30}).raise_for_status().json()
                seconds = time.perf_counter() - began
                assert not State(grading["state"]).open
                if number >= _WARM_UP_POSTS:
                    yield seconds
        finally:
            worker.stop()
            worker.join()


def _make_key(database: SessionFactory) -> str:
    with database.begin() as session:
        _, text = create_key(
            session, organisation_id=DEFAULT_ORGANISATION, name="viva bench queue", role=Role.INTEGRATOR
        )
    return text


def _measure_memory(bench: _Bench, *goals: int) -> list[float]:
    """Resident MiB after each number of gradings, which must rise."""
    done = 0
    memory = []
    for goal in goals:
        while done < goal:
            count = min(_MEMORY_STEP, goal - done)
            _grade_answers(bench, count)
            done += count
        # Garbage would count as growth.
        gc.collect()
        memory.append(_read_resident_mib())
    return memory


@contextmanager
def _serve(app: object) -> Iterator[str]:
    """Serve an app on a free port; yields its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _count_open_gradings(database: SessionFactory) -> int:
    with database() as session:
        counts = GradingRepository(session).counts_by_state()
    return sum(count for state, count in counts.items() if State(state).open)


def _read_resident_mib() -> float:
    """Resident memory of this process in MiB."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    # Other systems tell only the peak.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
