from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce.graders import AnswerInput, JudgeFailure, UnscoredReason, grade
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Role
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Report, State

from ..keys import make_key_header
from ..samples import bring_to, claim_one, record_report, submit_answer

KEY_IN_REASON = "the answer should say: post-training quantization"


@pytest.fixture
def api(app: FastAPI, sqlite_database: SessionFactory) -> TestClient:
    return TestClient(app, headers=make_key_header(sqlite_database, role=Role.INTEGRATOR))


@pytest.fixture
def interviewer(sqlite_database: SessionFactory) -> dict[str, str]:
    return make_key_header(sqlite_database, role=Role.INTERVIEWER)


def _key_texts(rubric: Rubric) -> list[str]:
    levels = [level.description for criterion in rubric.criteria for level in criterion.levels[1:]]
    return [*(p.text for p in rubric.expected_points), *(r.text for r in rubric.references), *levels]


def _submit_graded(database: SessionFactory, rubric: Rubric, log_odds: Any = 0.2) -> str:
    grading_id = submit_answer(database, rubric)
    lease = claim_one(database)
    panel = scripted_panel(lambda answer, criterion: log_odds)
    (report,) = grade([AnswerInput("Weights need fewer bits, so it is fast.")], rubric, panel)
    record_report(database, lease, report)
    return grading_id


@pytest.mark.parametrize("log_odds", [-4.0, 0.2, 4.0])
def test_a_report_names_no_text_of_the_key(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric, log_odds: float
) -> None:
    address = f"/v1/gradings/{_submit_graded(sqlite_database, rubric, log_odds)}"
    for reply in (api.get(address), api.get(address, params={"wait": 1}), api.post(f"{address}/requeue")):
        assert [text for text in _key_texts(rubric) if text in reply.text] == []
    report = api.get(address).json()["report"]
    points = [point for criterion in report["criteria"] for point in criterion["expected_points"]]
    assert {point["id"] for point in points} == {"bits", "ptq", "qat", "acc"}
    assert {point["text"] for point in points} == {None}
    assert all(isinstance(point["found"], bool) for point in points)
    assert report["feedback"]["interviewer"] is None
    assert report["feedback"]["candidate"]
    assert report["score"] is not None


def test_an_interviewer_reads_the_key(
    api: TestClient, interviewer: dict[str, str], sqlite_database: SessionFactory, rubric: Rubric
) -> None:
    reply = api.get(f"/v1/gradings/{_submit_graded(sqlite_database, rubric, -4.0)}", headers=interviewer)
    for point in rubric.expected_points:
        assert point.text in reply.text
    assert "not covered" in reply.json()["report"]["feedback"]["interviewer"]


def _explain(document: dict[str, Any]) -> dict[str, Any]:
    """A report as the judge's explained mode makes it."""
    changed: dict[str, Any] = json.loads(json.dumps(document))
    for criterion in changed["criteria"]:
        criterion["reason"] += f"; the judge's reason: {KEY_IN_REASON}"
        verdict = {"log_odds": 1.0, "quote": "", "reason": KEY_IN_REASON}
        criterion["votes"] = [{"judge": "j", "verdicts": [verdict], "unscored_reason": None}]
    return changed


def test_the_judges_own_words_are_for_interviewers(
    api: TestClient, interviewer: dict[str, str], sqlite_database: SessionFactory, rubric: Rubric
) -> None:
    grading_id = _submit_graded(sqlite_database, rubric, 4.0)
    with sqlite_database.begin() as session:
        stored = session.get_one(Report, grading_id)
        stored.document = _explain(stored.document)
    reply = api.get(f"/v1/gradings/{grading_id}")
    assert KEY_IN_REASON not in reply.text
    assert all(criterion["reason"] for criterion in reply.json()["report"]["criteria"])
    assert KEY_IN_REASON in api.get(f"/v1/gradings/{grading_id}", headers=interviewer).text


def test_a_servers_error_page_is_for_interviewers(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric
) -> None:
    words = f"the judge rejects the request (HTTP 400): bad prompt\n{rubric.expected_points[0].text}"
    grading_id = _submit_graded(sqlite_database, rubric, JudgeFailure(UnscoredReason.PARSE, words))
    reply = api.get(f"/v1/gradings/{grading_id}")
    assert reply.json()["state"] == "failed"
    assert "rejects the request (HTTP 400)" in reply.json()["detail"]
    assert rubric.expected_points[0].text not in reply.text


def test_reports_of_an_earlier_time_are_shown_without_the_key(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric
) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, State.GRADED)
    with sqlite_database.begin() as session:
        document = {"score": 4.2, "criteria": [{"id": "a", "max_points": 2.0}], "talk": []}
        session.get_one(Report, grading_id).document = document
    report = api.get(f"/v1/gradings/{grading_id}").json()["report"]
    assert (report["score"], report["filler"]) == (4.2, [])
    assert report["criteria"] == [{"id": "a", "max_points": 2.0, "reason": "", "expected_points": [], "votes": []}]
