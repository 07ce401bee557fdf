from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import redis

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import Rubric
from vivavoce.service import lifecycle, submission
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.submission import NewAnswer
from vivavoce.workers.celery_app import CeleryNotifier

from ..servers import free_port, wait_until

pytestmark = pytest.mark.processes


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


def test_a_celery_worker_grades_what_the_doorbell_announces_and_what_it_never_heard_of(
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

        # The ring is lost with everything else in Redis; the row in the database is not.
        unpublished = _submit(database, rubric, "4 bits, and accuracy may drop")
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        wait_until(lambda: _is_graded(database, unpublished), seconds=60, what="the answers are graded")
        assert worker.poll() is None


def test_an_answer_is_taken_in_while_redis_is_away(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIVA_REDIS_URL", "redis://127.0.0.1:9/0")
    started = time.monotonic()
    CeleryNotifier(Settings()).notify(_submit(database, rubric, "INT8"))
    assert time.monotonic() - started < 10


def test_a_worker_with_threads_shows_its_metrics_and_stops_in_order(
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
        wait_until(lambda: all(_is_graded(database, one) for one in ids), seconds=60, what="the answers are graded")
        shown = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        counted = re.findall(r'vivavoce_gradings_finished_total\{.*state="(?:graded|needs_review)"\} (\S+)', shown)
        assert sum(map(float, counted)) == 6
        worker.terminate()
        assert worker.wait(30) == 0
