from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from vivavoce.cli import service_process
from vivavoce.cli.errors import UserError
from vivavoce.cli.service_process import run_service
from vivavoce.graders import Panel
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.testing import ScriptedJudge, scripted_panel
from vivavoce.service.notifier import EventNotifier, SilentNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.celery_app import CeleryNotifier

from ..servers import free_port
from ..service.keys import make_key_header


@pytest.fixture(autouse=True)
def _restored_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the service was built with; its server starts and stops at once."""
    built: list[dict[str, Any]] = []
    monkeypatch.setattr(service_process, "create_app", lambda settings, **parts: built.append(parts))
    monkeypatch.setattr(service_process, "warm_up", lambda app: None)
    monkeypatch.setattr(uvicorn.Server, "run", lambda server: setattr(server, "started", True))
    return built


def _judge_settings(url: str, **values: Any) -> Settings:
    return Settings(judge_url=url, judge_model="stub", judge_revision="1", **values)


def test_a_port_in_use_is_one_sentence(settings: Settings, database: SessionFactory) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} on 127.0.0.1 cannot be used: choose another with --port"):
            run_service(settings.model_copy(update={"port": port}), worker=False)


def test_metrics_stand_on_a_port_of_their_own_without_a_key(
    database: SessionFactory, apps: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    shown: list[str] = []

    def run(server: uvicorn.Server) -> None:
        server.started = True
        shown.append(httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    run_service(Settings(metrics_port=port), worker=False)
    lines = shown[0].splitlines()
    assert 'vivavoce_gradings{state="queued"} 0.0' in lines
    assert any(line.startswith("vivavoce_gradings_submitted_total ") for line in lines)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


def test_a_metrics_port_in_use_is_one_sentence(database: SessionFactory, apps: list[dict[str, Any]]) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            UserError, match=f"Port {port} for metrics cannot be used: choose another with VIVA_METRICS"
        ):
            run_service(Settings(metrics_port=port), worker=False)


def test_a_service_without_a_key_that_works_says_how_to_make_one(
    database: SessionFactory, apps: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    shared = Settings(database_url=settings.database)
    run_service(shared, worker=False)
    assert "make the first with 'viva admin create'" in caplog.text
    caplog.clear()
    make_key_header(database)
    run_service(shared, worker=False)
    assert "viva admin create" not in caplog.text


@pytest.mark.parametrize(("redis_url", "kind"), [("", SilentNotifier), ("redis://127.0.0.1:9/0", CeleryNotifier)])
def test_outside_workers_are_notified_through_redis(
    database: SessionFactory, apps: list[dict[str, Any]], redis_url: str, kind: type
) -> None:
    run_service(Settings(redis_url=redis_url), worker=False)
    assert type(apps[0]["notifier"]) is kind
    assert apps[0]["judge_status"]() == "run by the workers"


def test_the_status_names_servers_that_do_not_answer(
    database: SessionFactory, apps: list[dict[str, Any]], stub_judge: StubJudgeServer
) -> None:
    run_service(_judge_settings(stub_judge.url), worker=False)
    assert apps[0]["judge_status"]() == "ok"
    run_service(_judge_settings(f"{stub_judge.url},http://127.0.0.1:9"), worker=False)
    status = apps[1]["judge_status"]()
    assert "http://127.0.0.1:9" in status
    assert stub_judge.url not in status


def test_the_status_shows_no_password(database: SessionFactory, apps: list[dict[str, Any]]) -> None:
    run_service(_judge_settings("http://judge:TOPSECRET@127.0.0.1:9"), worker=False)
    status = apps[0]["judge_status"]()
    assert status.startswith("no judge answers at http://127.0.0.1:9 (")


def test_a_worker_ends_before_its_judge(
    database: SessionFactory,
    apps: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    events: list[str] = []

    class Worker:
        def __init__(self, *parts: Any) -> None:
            assert isinstance(parts[1].judge, ScriptedJudge)

        def start(self) -> None:
            events.append("start")

        def stop(self) -> None:
            events.append("stop")

        def join(self, timeout_seconds: float | None = None) -> None:
            events.append(f"join {timeout_seconds}")

    @contextmanager
    def open_panel(*_: Any) -> Iterator[Panel]:
        yield scripted_panel()
        events.append("close judge")

    monkeypatch.setattr(service_process, "InProcessWorker", Worker)
    monkeypatch.setattr(service_process, "open_panel", open_panel)
    with caplog.at_level(logging.INFO, service_process.__name__):
        run_service(Settings(stop_seconds=7), worker=True)
    assert events == ["start", "stop", "join 7.0", "close judge", "join None"]
    assert isinstance(apps[0]["notifier"], EventNotifier)
    assert "the judge is scripted on scripted" in caplog.text
