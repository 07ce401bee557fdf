from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import celery
import httpx
import pytest
import redis

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import lifecycle, submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers import celery_app
from vivavoce.workers.celery_app import GRADE_TASK, CeleryNotifier, create_celery
from vivavoce.workers.grading import QueueRun

from ..servers import free_port, wait_until


@contextmanager
def _celery_worker(redis_url: str, judge_url: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "VIVA_REDIS_URL": redis_url,
        "VIVA_JUDGE_URL": judge_url,
        "VIVA_JUDGE_MODEL": "stub",
        "VIVA_JUDGE_REVISION": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "vivavoce.cli", "work", *options], env=environment, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _submit(database: SessionFactory, rubric: Rubric, answer: str) -> str:
    with database.begin() as session:
        return submission.submit(session, NewAnswer(rubric=rubric, answer=answer)).grading.id


def _is_graded(database: SessionFactory, grading_id: str) -> bool:
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        return bool(grading.report and grading.report.score is not None)


def test_tasks_are_safe_to_lose_and_to_repeat() -> None:
    conf = create_celery(Settings(redis_url="redis://127.0.0.1:9/0")).conf
    assert conf.broker_url == "redis://127.0.0.1:9/0"
    # A killed worker's task is delivered again; an old one is dropped.
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.task_ignore_result) == (True, True, True)
    assert conf.task_default_expires == 60
    assert conf.worker_prefetch_multiplier == 1


def test_the_beat_replaces_lost_notifications() -> None:
    app = create_celery(Settings())
    (entry,) = app.conf.beat_schedule.values()
    assert entry["task"] == GRADE_TASK in app.tasks
    assert entry["schedule"] == 2.0
    # A sweep that waits for longer than the next one is worthless.
    assert entry["options"]["expires"] >= entry["schedule"]


def test_a_notification_names_the_grading(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr(celery.Celery, "send_task", lambda app, name, **options: sent.append((name, options)))
    CeleryNotifier(Settings()).notify("g1")
    assert sent == [(GRADE_TASK, {"args": ("g1",), "retry": False})]


def test_a_broker_out_of_reach_is_a_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise celery.exceptions.OperationalError("connection refused")

    monkeypatch.setattr(celery.Celery, "send_task", fail)
    CeleryNotifier(Settings()).notify("g1")
    (record,) = [record for record in caplog.records if record.name == celery_app.__name__]
    assert record.levelname == "WARNING"
    assert record.getMessage() == ("Redis cannot be reached, the next sweep picks up grading g1: connection refused")


def test_a_task_processes_the_whole_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    process = SimpleNamespace(sessions="sessions", panel="panel", settings="settings", stopping=threading.Event())
    calls: list[tuple[Any, ...]] = []

    def record(*arguments: Any, **options: Any) -> QueueRun:
        calls.append((arguments, options))
        return QueueRun(finished=3)

    monkeypatch.setattr(celery_app, "_process", process)
    monkeypatch.setattr(celery_app, "process_queue", record)
    assert create_celery(Settings()).tasks[GRADE_TASK]("any id") == 3
    ((arguments, options),) = calls
    assert arguments == ("sessions", "panel", "settings")
    assert not options["stopping"]()
    process.stopping.set()
    assert options["stopping"]()


@pytest.mark.processes
def test_a_celery_worker_grades_notified_and_forgotten_answers(
    database: SessionFactory,
    rubric: Rubric,
    redis_url: str,
    stub_judge: StubJudgeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIVA_REDIS_URL", redis_url)
    notifier = CeleryNotifier(Settings())
    with _celery_worker(redis_url, stub_judge.url) as worker:
        announced = _submit(database, rubric, "INT8 instead of FP16")
        notifier.notify(announced)
        wait_until(lambda: _is_graded(database, announced), seconds=60, what="the answers are graded")

        # Redis loses the notification, the database keeps the row.
        unpublished = _submit(database, rubric, "4 bits, and accuracy may drop")
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        wait_until(lambda: _is_graded(database, unpublished), seconds=60, what="the answers are graded")
        assert worker.poll() is None


@pytest.mark.processes
def test_an_answer_is_accepted_while_redis_is_down(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIVA_REDIS_URL", "redis://127.0.0.1:9/0")
    started = time.monotonic()
    CeleryNotifier(Settings()).notify(_submit(database, rubric, "INT8"))
    assert time.monotonic() - started < 10


@pytest.mark.processes
def test_a_threaded_worker_shows_metrics_and_stops(
    database: SessionFactory,
    rubric: Rubric,
    redis_url: str,
    stub_judge: StubJudgeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    monkeypatch.setenv("VIVA_METRICS_PORT", str(port))
    ids = [_submit(database, rubric, f"INT8 number {number}") for number in range(6)]
    with _celery_worker(redis_url, stub_judge.url, "--pool", "threads", "--concurrency", "2") as worker:
        wait_until(
            lambda: all(_is_graded(database, grading_id) for grading_id in ids),
            seconds=60,
            what="the answers are graded",
        )
        shown = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        counted = re.findall(r'vivavoce_gradings_finished_total\{.*state="(?:graded|needs_review)"\} (\S+)', shown)
        assert sum(map(float, counted)) == 6
        worker.terminate()
        assert worker.wait(30) == 0
