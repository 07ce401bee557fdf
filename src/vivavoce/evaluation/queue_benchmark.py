"""`viva bench queue`: what taking an answer in and bringing its result back costs, with the graders taken out.

The judge is a stand-in that takes a set time and no work, and nothing is embedded. All else is the product:
database, leases, screening, word overlap, report, HTTP.
"""

from __future__ import annotations

import gc
import heapq
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import uvicorn

from vivavoce.graders import Panel
from vivavoce.graders.judge.types import AnswerVerdicts
from vivavoce.graders.models.embedder import Vectors
from vivavoce.graders.testing import ScriptedJudge, scripted_panel
from vivavoce.rubrics import Bank, Rubric
from vivavoce.service import submission
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.repositories import GradingRepository
from vivavoce.service.storage.tables import State
from vivavoce.service.submission import NewAnswer
from vivavoce.workers.grading import process_queue
from vivavoce.workers.in_process import InProcessWorker

_WARM_UP = 50
_POSTS = 100


@dataclass(frozen=True)
class QueueFigures:
    """What was measured; `cpu_ms_*` per grading in this process, memory as resident MiB."""

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


class NoEmbedder:
    """An embedder that finds all texts alike."""

    name = "none"
    revision = "1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder."""
        return np.ones((len(texts), 1), dtype=np.float32)


class TimedJudge(ScriptedJudge):
    """A judge server with so many slots, each taken for so long by an answer; who finds none free queues there."""

    def __init__(self, *, seconds: float, concurrency: int) -> None:
        super().__init__()
        self._seconds = seconds
        self._free_at = [0.0] * concurrency
        self._lock = threading.Lock()

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge."""
        last = max(self._take_slot() for _ in answers)
        time.sleep(max(last - time.perf_counter(), 0.0))
        return super().judge(answers, rubric)

    def _take_slot(self) -> float:
        """When an answer that comes now is judged: its slot is the one that is free first."""
        with self._lock:
            begins = max(heapq.heappop(self._free_at), time.perf_counter())
            heapq.heappush(self._free_at, begins + self._seconds)
            return begins + self._seconds


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
    """Run all measurements, on an empty SQLite file, or on the database at `database_url`, which must be empty."""
    with tempfile.TemporaryDirectory(prefix="vivavoce-bench-") as folder:
        settings = Settings.model_validate(
            {**Settings().model_dump(), "state_dir": Path(folder), "database_url": database_url}
        )
        engine = connect(settings.database)
        migrate(engine)
        try:
            return _measure(
                sessions(engine),
                settings,
                rubric,
                bank,
                gradings=gradings,
                judge_seconds=judge_seconds,
                concurrency=concurrency,
                memory_early=memory_early,
                memory_late=memory_late,
                on_step=on_step,
            )
        finally:
            engine.dispose()


def _measure(
    database: SessionFactory,
    settings: Settings,
    rubric: Rubric,
    bank: Bank,
    *,
    gradings: int,
    judge_seconds: float,
    concurrency: int,
    memory_early: int,
    memory_late: int,
    on_step: Callable[[str], None],
) -> QueueFigures:
    answers = _Answers(rubric)
    panel = replace(scripted_panel(), embedder=NoEmbedder())
    answers.submit(database, _WARM_UP)
    process_queue(database, panel, settings, owner="warm-up")

    on_step(f"processor time of {gradings} gradings")
    began = time.process_time()
    answers.submit(database, gradings)
    submitted = time.process_time()
    process_queue(database, panel, settings, owner="bench")
    graded = time.process_time()

    on_step(f"{gradings} gradings with a judge of {judge_seconds:g} s, {concurrency} at a time")
    slow = replace(panel, judge=TimedJudge(seconds=judge_seconds, concurrency=concurrency))
    per_second = _throughput(database, settings, slow, answers, gradings)

    on_step(f"{_POSTS} answers, each posted when the one before has its result")
    waits = sorted(_waits(database, settings, panel, bank, answers))

    on_step(f"memory after {memory_early} and {memory_late} gradings")
    done = 0
    memory = []
    for goal in (memory_early, memory_late):
        while done < goal:
            some = min(500, goal - done)
            answers.submit(database, some)
            process_queue(database, panel, settings, owner="bench")
            done += some
        gc.collect()
        memory.append(_resident_mib())
    possible = concurrency / judge_seconds
    return QueueFigures(
        database=database.engine.dialect.name,
        gradings=gradings,
        cpu_ms_submit=(submitted - began) / gradings * 1000,
        cpu_ms_grade=(graded - submitted) / gradings * 1000,
        judge_seconds=judge_seconds,
        concurrency=concurrency,
        per_second=per_second,
        possible_per_second=possible,
        share_of_possible=per_second / possible,
        posts=len(waits),
        post_to_result_ms_p50=median(waits) * 1000,
        post_to_result_ms_p95=waits[int(len(waits) * 0.95)] * 1000,
        memory_early_after=memory_early,
        memory_early_mib=memory[0],
        memory_late_after=memory_late,
        memory_late_mib=memory[1],
        memory_ratio=memory[1] / memory[0],
    )


class _Answers:
    """Answers that are all different, of some sixty words each."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.count = 0
        self._text = max((reference.text for reference in rubric.references), key=len)[:400]

    def next(self) -> str:
        """The next one."""
        self.count += 1
        return f"{self._text} This is answer number {self.count}."

    def submit(self, database: SessionFactory, count: int) -> None:
        """Take so many in, a transaction each."""
        for _ in range(count):
            new = NewAnswer(rubric=self.rubric, answer=self.next())
            database.run(lambda session, new=new: submission.submit(session, new))  # type: ignore[misc]


def _throughput(database: SessionFactory, settings: Settings, panel: Panel, answers: _Answers, gradings: int) -> float:
    """Gradings a second, from the start of the worker to the last result."""
    answers.submit(database, gradings)
    remote = settings.model_copy(update={"worker_threads": settings.worker_threads or 4})
    worker = InProcessWorker(database, panel, remote, EventNotifier())
    began = time.perf_counter()
    worker.start()
    while _open_gradings(database):
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    worker.stop()
    worker.join()
    return gradings / seconds


def _waits(
    database: SessionFactory, settings: Settings, panel: Panel, bank: Bank, answers: _Answers
) -> Iterator[float]:
    """Seconds from each POST to its result in the caller's hands, over real HTTP."""
    notifier = EventNotifier()
    worker = InProcessWorker(database, panel, settings, notifier)
    app = create_app(settings, sessions=database, bank=bank, notifier=notifier, judge_status=lambda: "ok")
    question = answers.rubric.question
    with _serving(app) as url, httpx.Client(base_url=url, trust_env=False) as http:
        worker.start()
        try:
            for number in range(_POSTS + 5):
                body = {"question_id": question.id, "language": question.language, "answer": answers.next()}
                began = time.perf_counter()
                posted = http.post("/v1/gradings", json=body).raise_for_status().json()
                found = http.get(f"/v1/gradings/{posted['id']}", params={"wait": 30}).raise_for_status().json()
                seconds = time.perf_counter() - began
                assert not State(found["state"]).open
                if number >= 5:
                    yield seconds
        finally:
            worker.stop()
            worker.join()


@contextmanager
def _serving(app: object) -> Iterator[str]:
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


def _open_gradings(database: SessionFactory) -> int:
    with database() as session:
        counts = GradingRepository(session).counts_by_state()
    return sum(count for state, count in counts.items() if State(state).open)


def _resident_mib() -> float:
    """Memory of this process that is in use now."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    # The most that was ever in use: all that other systems tell.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
