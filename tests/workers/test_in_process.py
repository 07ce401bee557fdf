from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import lifecycle, submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers import in_process
from vivavoce.workers.grading import QueueRun
from vivavoce.workers.in_process import InProcessWorker, count_worker_threads

# Far longer than any of these tests takes.
SECONDS = 30


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of every run of the queue; nothing is graded, and no sweep comes before a notification."""
    recorded: list[dict[str, Any]] = []

    def record(*_: Any, **options: Any) -> QueueRun:
        recorded.append(options)
        return QueueRun()

    monkeypatch.setattr(in_process, "process_queue", record)
    monkeypatch.setattr(in_process, "_SWEEP_SECONDS", SECONDS)
    return recorded


@pytest.fixture
def start(database: SessionFactory, settings: Settings) -> Callable[..., Any]:
    @contextmanager
    def run(notifier: EventNotifier, **values: Any) -> Iterator[InProcessWorker]:
        changed = settings.model_copy(update={"worker_threads": 1, **values})
        worker = InProcessWorker(database, scripted_panel(), changed, notifier)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()
            worker.join(SECONDS)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker-")]

    return run


def _wait_for(runs: list[Any], count: int) -> None:
    done = threading.Event()
    for _ in range(SECONDS * 100):
        if len(runs) >= count:
            return
        done.wait(0.01)
    raise AssertionError(f"the queue ran {len(runs)} times, not {count}")


def test_a_notification_leads_to_a_report(start: Callable[..., Any], database: SessionFactory, rubric: Rubric) -> None:
    notifier = EventNotifier()
    finished = threading.Event()
    with database.begin() as session:
        grading_id = submission.submit(session, NewAnswer(rubric=rubric, answer="INT8")).grading.id
    with start(notifier):
        notifier.notify(grading_id)
        for _ in range(SECONDS * 100):
            with database() as session:
                grading = lifecycle.get(session, grading_id)
                if not grading.is_open:
                    break
            finished.wait(0.01)
    assert grading.report
    assert grading.report.score


def test_the_queue_is_read_at_the_start_and_at_notifications(
    start: Callable[..., Any], runs: list[dict[str, Any]]
) -> None:
    notifier = EventNotifier()
    with start(notifier):
        for count in (1, 2, 3):
            _wait_for(runs, count)
            assert len(runs) == count
            notifier.notify("any")
    assert len({options["owner"] for options in runs}) == 1


def test_a_thread_outlives_a_batch_that_fails(
    start: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs: list[None] = []

    def fail_first(*_: Any, **__: Any) -> QueueRun:
        runs.append(None)
        if len(runs) == 1:
            raise RuntimeError("the model broke")
        return QueueRun()

    monkeypatch.setattr(in_process, "process_queue", fail_first)
    monkeypatch.setattr(in_process, "_SWEEP_SECONDS", 0.01)
    with start(EventNotifier()):
        _wait_for(runs, 3)
    (record,) = [record for record in caplog.records if record.name == in_process.__name__]
    assert record.getMessage() == "a batch failed; its gradings are requeued when their lease expires"
    assert record.exc_info
    assert str(record.exc_info[1]) == "the model broke"


def test_stopping_wakes_threads_and_is_told_to_the_queue(start: Callable[..., Any], runs: list[dict[str, Any]]) -> None:
    with start(EventNotifier(), worker_threads=3) as worker:
        _wait_for(runs, 3)
        assert len({options["owner"] for options in runs}) == 3
        assert not runs[0]["stopping"]()
        # The threads wait for half a minute, were they not woken.
        worker.stop()
        assert runs[0]["stopping"]()
        worker.join(SECONDS / 3)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker-")]


def test_joining_ends_in_time_though_a_thread_does_not(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(in_process, "process_queue", lambda *_, **__: release.wait(SECONDS))
    with start(EventNotifier()) as worker:
        worker.stop()
        worker.join(0.01)
        assert [thread for thread in threading.enumerate() if thread.name == "worker-0"]
        release.set()


@pytest.mark.parametrize(
    ("threads", "judge_url", "count"),
    [(0, "", 1), (0, "http://127.0.0.1:9", 4), (3, "", 3), (2, "http://127.0.0.1:9", 2)],
)
def test_a_judge_server_gets_several_batches_at_a_time(threads: int, judge_url: str, count: int) -> None:
    settings = Settings(worker_threads=threads, judge_url=judge_url, judge_model="stub", judge_revision="1")
    assert count_worker_threads(settings) == count
