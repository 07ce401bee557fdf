from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce import __version__
from vivavoce.graders import UnscoredReason
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import lifecycle
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State

from ..samples import FixedClock, bring_to, claim_one, make_report, record_report, submit_answer


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
    grading = "/v1/gradings/{grading_id}"
    gradings = {"/v1/gradings", grading, f"{grading}/cancel", f"{grading}/requeue"}
    assert set(paths) >= gradings | {"/v1/questions", "/v1/me", "/v1/keys", "/healthz", "/readyz", "/metrics"}
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


def test_a_judge_that_is_away_does_not_make_it_unready(api: TestClient) -> None:
    reply = api.get("/readyz")
    assert (reply.status_code, reply.json()["ready"], reply.json()["judge"]) == (200, True, "unreachable")


@pytest.mark.parametrize(
    ("limit", "age", "status"), [(900, 900, 200), (900, 900.5, 503), (0, 1_000_000, 200), (10, 10.5, 503)]
)
def test_readiness_ends_beyond_the_limit(
    app: FastAPI,
    api: TestClient,
    sqlite_database: SessionFactory,
    settings: Settings,
    rubric: Rubric,
    fixed_clock: FixedClock,
    limit: float,
    age: float,
    status: int,
) -> None:
    app.state.settings = settings.model_copy(update={"ready_max_age_seconds": float(limit)})
    submit_answer(sqlite_database, rubric)
    fixed_clock.advance(age)
    reply = api.get("/readyz")
    assert (reply.status_code, reply.json()["ready"]) == (status, status == 200)
    assert reply.json()["oldest_open_seconds"] == age


def test_a_grading_that_a_worker_works_on_keeps_it_ready(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    submit_answer(sqlite_database, rubric)
    lease = claim_one(sqlite_database)
    fixed_clock.advance(10_000)
    assert api.get("/readyz").status_code == 503
    with sqlite_database.begin() as session:
        lifecycle.renew(session, [lease], lease_seconds=10)
    assert api.get("/readyz").status_code == 200


def test_results_keep_it_ready(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    submit_answer(sqlite_database, rubric)
    submit_answer(sqlite_database, rubric)
    fixed_clock.advance(800)
    record_report(sqlite_database, claim_one(sqlite_database), make_report())
    fixed_clock.advance(800)
    assert api.get("/readyz").status_code == 200
    fixed_clock.advance(101)
    assert api.get("/readyz").status_code == 503


def test_attempts_at_a_judge_that_is_away_are_no_progress(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    submit_answer(sqlite_database, rubric)
    lease = claim_one(sqlite_database)
    with sqlite_database.begin() as session:
        lifecycle.release(session, [lease], reason=UnscoredReason.INFRASTRUCTURE)
    fixed_clock.advance(1000)
    claim_one(sqlite_database)
    assert api.get("/readyz").status_code == 503


def test_finished_gradings_do_not_age(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    bring_to(sqlite_database, rubric, State.FAILED)
    fixed_clock.advance(1_000_000)
    body = api.get("/readyz").json()
    assert (body["ready"], body["queue"], body["oldest_open_seconds"]) == (True, {"failed": 1}, None)


def test_without_its_database_it_lives_and_is_not_ready(api: TestClient, sqlite_database: SessionFactory) -> None:
    with sqlite_database.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE grading"))
    reply = api.get("/readyz")
    assert reply.status_code == 503
    assert reply.json() == {
        "ready": False,
        "database": "not reachable (OperationalError)",
        "judge": "unreachable",
        "queue": {},
        "oldest_open_seconds": None,
    }
    assert api.get("/healthz").status_code == 200
    assert api.get("/metrics").status_code == 200
