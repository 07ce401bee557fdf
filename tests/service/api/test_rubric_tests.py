from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.graders import JudgeFailure, Panel, UnscoredReason
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import sweeping
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, Event, Grading, RubricTest, Submission
from vivavoce.workers.background import run_next_job
from vivavoce.workers.job_handlers import HANDLERS

from ..samples import FixedClock

ANSWER = "Weights are stored as INT8 or INT4 rather than FP16. Low bit widths can reduce accuracy."


@pytest.fixture
def address(api: TestClient, rubric: Rubric) -> str:
    """The address of a complete draft."""
    location: str = api.post("/v1/rubrics", json=rubric.model_dump(mode="json")).headers["location"]
    return location


def _work(database: SessionFactory, settings: Settings, panel: Panel | None = None) -> bool:
    return run_next_job(database, panel or scripted_panel(), settings, HANDLERS, owner="w")


def _start(api: TestClient, address: str, **more: Any) -> Any:
    return api.post(f"{address}/test", json={"answer": ANSWER, **more})


def test_a_draft_grades_an_answer_that_counts_nowhere(
    api: TestClient, address: str, sqlite_database: SessionFactory, settings: Settings
) -> None:
    started = _start(api, address, feedback_language="zh")
    assert (started.status_code, started.json()["state"], started.json()["report"]) == (202, "queued", None)
    location = started.headers["location"]
    assert location == f"{address}/tests/{started.json()['id']}"
    assert _work(sqlite_database, settings)
    finished = api.get(location).json()
    assert (finished["state"], finished["error"], finished["rubric_revision"]) == ("finished", None, 1)
    report = finished["report"]
    assert 0 < report["score"] <= 10
    assert report["feedback"]["language"] == "zh"
    assert [criterion["id"] for criterion in report["criteria"]] == ["lower", "methods", "loss", "wrong"]
    assert [finding for finding in finished["findings"] if finding["severity"] == "unsure"] == []
    with sqlite_database() as session:
        for kind in (Grading, Submission, Event, AuditEvent):
            assert session.scalar(sa.select(sa.func.count()).select_from(kind)) == 0


def test_a_failed_judge_gives_a_test_without_a_score(
    api: TestClient, address: str, sqlite_database: SessionFactory, settings: Settings
) -> None:
    failure = JudgeFailure(UnscoredReason.INFRASTRUCTURE, "no judge answers")
    location = _start(api, address).headers["location"]
    _work(sqlite_database, settings, scripted_panel(lambda *_: failure))
    finished = api.get(location).json()
    assert (finished["state"], finished["report"]["score"]) == ("finished", None)
    assert finished["report"]["unscored_reason"] == "infrastructure"


def test_an_incomplete_draft_is_not_tested(api: TestClient, rubric: Rubric) -> None:
    document = {**rubric.model_dump(mode="json"), "references": []}
    address = api.post("/v1/rubrics", json=document).headers["location"]
    reply = _start(api, address)
    assert (reply.status_code, reply.json()["code"]) == (409, "unfinished_rubric")
    assert "no reference answer" in reply.json()["detail"]


@pytest.mark.parametrize(("answer", "code"), [("x" * 20_001, "unusable_answer"), ("a\x00b", "unusable_answer")])
def test_an_answer_that_cannot_be_graded_is_refused(api: TestClient, address: str, answer: str, code: str) -> None:
    reply = _start(api, address, answer=answer)
    assert (reply.status_code, reply.json()["code"]) == (422, code)


def test_a_test_grades_by_the_revision_that_it_was_started_with(
    api: TestClient, address: str, rubric: Rubric, sqlite_database: SessionFactory, settings: Settings
) -> None:
    location = _start(api, address).headers["location"]
    other = rubric.model_dump(mode="json")
    other["criteria"] = other["criteria"][:1]
    other["expected_points"] = other["expected_points"][:1]
    assert api.put(address, json=other, headers={"If-Match": "*"}).status_code == 200
    _work(sqlite_database, settings)
    assert len(api.get(location).json()["report"]["criteria"]) == 4


def test_a_request_waits_for_the_result(
    api: TestClient, address: str, sqlite_database: SessionFactory, settings: Settings
) -> None:
    location = _start(api, address).headers["location"]
    worker = threading.Timer(0.3, _work, (sqlite_database, settings))
    worker.start()
    assert api.get(location, params={"wait": 30}).json()["state"] == "finished"
    worker.join()


def test_the_time_to_wait_ends(api: TestClient, address: str) -> None:
    location = _start(api, address).headers["location"]
    assert api.get(location, params={"wait": 0.3}).json()["state"] == "queued"


def test_a_test_is_gone_after_seven_days(
    api: TestClient, address: str, sqlite_database: SessionFactory, fixed_clock: FixedClock
) -> None:
    location = _start(api, address).headers["location"]
    fixed_clock.advance(7 * 86_400 - 1)
    assert api.get(location).status_code == 200
    fixed_clock.advance(2)
    assert api.get(location).status_code == 404
    with sqlite_database.begin() as session:
        sweeping.sweep(session, max_attempts=3)
        assert session.scalar(sa.select(sa.func.count()).select_from(RubricTest)) == 0


def test_a_test_belongs_to_its_rubric(api: TestClient, address: str, rubric: Rubric) -> None:
    test_id = _start(api, address).json()["id"]
    other = api.post("/v1/rubrics", json=rubric.model_dump(mode="json")).headers["location"]
    assert api.get(f"{other}/tests/{test_id}").status_code == 404


def test_an_error_of_the_program_fails_the_test_in_words(
    api: TestClient, address: str, sqlite_database: SessionFactory, settings: Settings, fixed_clock: FixedClock
) -> None:
    location = _start(api, address).headers["location"]
    broken = replace(scripted_panel(), embedder=None)  # type: ignore[arg-type]
    for _ in range(3):
        assert _work(sqlite_database, settings, broken)
        fixed_clock.advance(60)
    failed = api.get(location).json()
    assert (failed["state"], failed["report"]) == ("failed", None)
    assert "see the worker's log" in failed["error"]
