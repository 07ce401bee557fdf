from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from vivavoce.cli import service_process
from vivavoce.cli.commands import serve
from vivavoce.graders.models.model_files import DEFAULT_JUDGE, SMALL_JUDGE
from vivavoce.workers import celery_app

from ..conftest import Viva


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """What the commands would have run: settings and options of each call. No log is set up."""
    recorded: list[tuple[Any, dict[str, Any]]] = []

    def record(settings: Any, *arguments: Any, **options: Any) -> None:
        recorded.append((settings, {**options, "arguments": arguments}))

    monkeypatch.setattr(service_process, "run_service", record)
    monkeypatch.setattr(service_process, "run_judge", record)
    monkeypatch.setattr(celery_app, "run_celery_worker", record)
    monkeypatch.setattr(serve, "configure_logs", lambda *arguments, **options: None)
    return recorded


@pytest.mark.parametrize(
    ("options", "environment", "address"),
    [
        ([], {}, ("127.0.0.1", 8000)),
        ([], {"VIVA_HOST": "0.0.0.0", "VIVA_PORT": "80"}, ("0.0.0.0", 80)),
        (["--host", "10.0.0.1", "--port", "8080"], {"VIVA_PORT": "80"}, ("10.0.0.1", 8080)),
        (["--port", "0"], {"VIVA_PORT": "80"}, ("127.0.0.1", 0)),
    ],
)
def test_options_come_before_settings(
    viva: Viva, calls: list[Any], options: list[str], environment: dict[str, str], address: tuple[str, int]
) -> None:
    assert viva("serve", *options, **environment).returncode == 0
    ((settings, arguments),) = calls
    assert (settings.host, settings.port) == address
    assert arguments["worker"] is True


def test_the_api_can_run_without_a_worker(viva: Viva, calls: list[Any]) -> None:
    assert viva("serve", "--no-worker").returncode == 0
    assert calls[0][1]["worker"] is False


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_celery_worker_gets_its_pool(viva: Viva, calls: list[Any], pool: str) -> None:
    done = viva("work", "--pool", pool, "--concurrency", "3", VIVA_REDIS_URL="redis://127.0.0.1:9/0")
    assert done.returncode == 0, done.stderr
    ((settings, options),) = calls
    assert settings.redis_url == "redis://127.0.0.1:9/0"
    assert (options["pool"], options["concurrency"]) == (pool, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--pool", "solo"], "There is no pool 'solo': use prefork or threads."), (["--concurrency", "0"], "concurrency")],
)
def test_a_wrong_pool_starts_nothing(viva: Viva, calls: list[Any], options: list[str], words: str) -> None:
    done = viva("work", *options, VIVA_REDIS_URL="redis://127.0.0.1:9/0")
    assert (done.returncode, words in done.stderr) == (2, True)
    assert calls == []


@pytest.mark.parametrize("port", ["0", "9100"])
def test_processes_share_a_folder_for_metrics(viva: Viva, calls: list[Any], monkeypatch: Any, port: str) -> None:
    folders: list[str | None] = []
    monkeypatch.setattr(
        celery_app,
        "run_celery_worker",
        lambda *_, **__: folders.append(os.environ.get("PROMETHEUS_MULTIPROC_DIR")),
    )
    assert viva("work", VIVA_REDIS_URL="redis://127.0.0.1:9/0", VIVA_METRICS_PORT=port).returncode == 0
    (folder,) = folders
    assert (folder is not None) == (port != "0")
    if folder:
        Path(folder).rmdir()


@pytest.mark.parametrize("source", [DEFAULT_JUDGE, SMALL_JUDGE], ids=lambda source: source.name)
def test_the_judge_serves_a_known_model(viva: Viva, calls: list[Any], source: Any) -> None:
    assert viva("judge", "--model", source.name, "--port", "81").returncode == 0
    ((_, options),) = calls
    assert options["arguments"] == (source,)
    assert (options["host"], options["port"]) == ("127.0.0.1", 81)


def test_a_model_is_fetched_only_when_told(viva: Viva, calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(serve, "fetch_with_progress", lambda source, settings: fetched.append(source.name))
    assert viva("judge").returncode == 0
    assert fetched == []
    assert viva("judge", "--fetch").returncode == 0
    assert fetched == [DEFAULT_JUDGE.name]
