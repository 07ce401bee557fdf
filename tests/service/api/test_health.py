from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from vivavoce import __version__
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory


def test_the_process_says_that_it_is_alive(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readiness_names_the_parts_and_the_queue(client: httpx.Client) -> None:
    before = client.get("/readyz").json()
    assert (before["ready"], before["database"], before["judge"], before["queue"]) == (True, "ok", "ok", {})
    client.post("/v1/gradings", json={"question_id": "27.1", "answer": "INT8", "language": "en"})
    after = client.get("/readyz").json()
    assert after["queue"] == {"queued": 1}
    assert after["oldest_open_seconds"] >= 0


def test_a_queue_that_grows_old_is_not_ready(
    client: httpx.Client, database: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v1/gradings", json={"question_id": "27.1", "answer": "INT8", "language": "en"})
    later = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()["ready"]) == (503, False)
    assert reply.json()["oldest_open_seconds"] > 3590


def test_the_documentation_describes_every_route(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    one = "/v1/gradings/{grading_id}"
    gradings = {"/v1/gradings", one, f"{one}/cancel", f"{one}/requeue"}
    assert set(paths) == gradings | {"/v1/questions", "/healthz", "/readyz", "/metrics"}
    assert client.get("/docs").status_code == 200


def test_prometheus_is_told_of_requests_and_of_the_queue(client: httpx.Client) -> None:
    client.post("/v1/gradings", json={"question_id": "27.1", "answer": "INT8", "language": "en"})
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    lines = reply.text.splitlines()
    assert 'vivavoce_gradings{state="queued"} 1.0' in lines
    assert any(line.startswith("vivavoce_oldest_open_seconds ") for line in lines)
    counted = 'vivavoce_http_requests_total{method="POST",route="/v1/gradings",status="202"}'
    assert any(line.startswith(counted) for line in lines)


def test_prometheus_is_told_what_is_rare_before_it_happens(client: httpx.Client) -> None:
    lines = client.get("/metrics").text.splitlines()
    assert f'vivavoce_build_info{{version="{__version__}"}} 1.0' in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
    for state in ("graded", "needs_review", "failed", "dead"):
        assert any(line.startswith(f'vivavoce_gradings_finished_total{{state="{state}"}}') for line in lines)
