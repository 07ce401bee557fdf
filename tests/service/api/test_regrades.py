from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.graders import AnswerInput, Panel, Report, grade
from vivavoce.graders.testing import scripted_panel
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Rubric, content_hash
from vivavoce.service import audit
from vivavoce.service.access.scopes import Role
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, Cohort, CohortItem, CohortState, Event, State, StoredRubric
from vivavoce.workers.background import run_next_job
from vivavoce.workers.job_handlers import HANDLERS

from ...rubrics.builders import edited
from ..cohort_samples import add_item, add_review, make_cohort
from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, read_grading

GOOD = "Weights use INT8 instead of FP16, so it is faster, by GPTQ or AWQ, at some loss of accuracy"
POOR = "Weights take less storage, and some accuracy is lost"
_VERSIONS = itertools.count(1)


@dataclass
class Regrades:
    """A cohort of two candidates, and what the tests do with its regrades."""

    api: TestClient
    database: SessionFactory
    settings: Settings
    panel: Panel
    rubric: Rubric
    cohort_id: str
    items: dict[str, CohortItem]

    @property
    def path(self) -> str:
        return f"/v1/cohorts/{self.cohort_id}/regrades"

    def store(self, rubric: Rubric, *, status: Any = "frozen") -> dict[str, str]:
        row = StoredRubric(
            organisation_id="default",
            question_id=rubric.question.id,
            language=rubric.question.language,
            version=next(_VERSIONS),
            status=status,
            document=rubric.model_dump(mode="json"),
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        with self.database.begin() as session:
            session.add(row)
        return {"question_id": rubric.question.id, "rubric_id": row.id}

    def work(self, panel: Panel | None = None) -> None:
        assert run_next_job(self.database, panel or self.panel, self.settings, HANDLERS, owner="w")

    def compare(self, panel: Panel | None = None, **body: Any) -> dict[str, Any]:
        reply = self.api.post(self.path, json=body)
        assert reply.status_code == 202, reply.text
        self.work(panel)
        return self.read(reply.json()["id"])

    def read(self, regrade_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"{self.path}/{regrade_id}").json()
        return found

    def score(self, name: str) -> float | None:
        report = read_grading(self.database, self.items[name].grading_id or "").report
        return report.score if report else None

    def earlier(self, name: str, **headers: Any) -> list[dict[str, Any]]:
        reply = self.api.get(f"/v1/gradings/{self.items[name].grading_id}/reports", **headers)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["items"]
        return found


def _grade(answer: str, rubric: Rubric, panel: Panel) -> Report:
    return grade([AnswerInput(answer)], rubric, panel)[0]


@pytest.fixture
def panel() -> Panel:
    return scripted_panel(lambda answer, name: (-6.0 if name == "wrong" else 3.0) if "INT8" in answer else -3.0)


@pytest.fixture
def regrades(
    api: TestClient, sqlite_database: SessionFactory, settings: Settings, rubric: Rubric, panel: Panel
) -> Regrades:
    cohort_id = make_cohort(sqlite_database)
    items = {
        name: add_item(
            sqlite_database, cohort_id, rubric, candidate=name, answer=answer, report=_grade(answer, rubric, panel)
        )
        for name, answer in (("ann", GOOD), ("bob", POOR), ("kim", f"{GOOD}."))
    }
    return Regrades(api, sqlite_database, settings, panel, rubric, cohort_id, items)


@pytest.fixture
def harder(rubric: Rubric) -> Rubric:
    """The rubric with fewer points for its first criterion."""
    return edited(rubric, "criteria", 0, "points", value=0.5)


def test_a_dry_run_says_who_moves_and_changes_nothing(regrades: Regrades, harder: Rubric) -> None:
    before = regrades.score("ann")
    found = regrades.compare(rubrics=[regrades.store(harder)])
    assert (found["state"], found["error"], found["applied_at"]) == ("finished", None, None)
    assert found["rubric_hashes"] == {"quantization (en)": content_hash(harder)}
    assert found["counts"] == {"unchanged": 0, "recomputed": 3, "needs_judge": 0, "kept_human": 0, "not_graded": 0}
    assert found["estimated_calls"] == 0
    moved = {item["candidate"]: item for item in found["items"]}
    expected = _grade(GOOD, harder, regrades.panel).score
    assert expected is not None
    assert before is not None
    assert before != expected
    assert (moved["ann"]["old_score"], moved["ann"]["new_score"]) == (before, expected)
    assert moved["ann"]["change"] == round(expected - before, 2)
    assert moved["ann"]["crosses"] is None
    assert [candidate["candidate"] for candidate in found["candidates"]] == ["ann", "bob", "kim"]
    assert (regrades.score("ann"), regrades.earlier("ann")) == (before, [])


def test_an_applied_regrade_replaces_reports_and_keeps_the_earlier_ones(regrades: Regrades, harder: Rubric) -> None:
    before = regrades.score("ann")
    found = regrades.compare(rubrics=[regrades.store(harder)])
    reply = regrades.api.post(f"{regrades.path}/{found['id']}/apply")
    assert (reply.status_code, reply.json()["state"]) == (202, "applying")
    regrades.work()
    assert regrades.read(found["id"])["state"] == "applied"
    grading = read_grading(regrades.database, regrades.items["ann"].grading_id or "")
    assert grading.report
    assert grading.report.score == _grade(GOOD, harder, regrades.panel).score
    assert grading.rubric_version.content_hash == content_hash(harder)
    (earlier,) = regrades.earlier("ann")
    assert (earlier["score"], earlier["regrade_id"], earlier["state"]) == (before, found["id"], "graded")
    assert earlier["report"]["provenance"]["rubric_hash"] == content_hash(regrades.rubric)
    with regrades.database() as session:
        assert isinstance(audit.verify(session), audit.Verified)
        item = session.get_one(CohortItem, regrades.items["ann"].id)
        assert item.rubric_version_id == grading.rubric_version_id
        kinds = list(session.scalars(sa.select(Event.kind).order_by(Event.sequence)))
    assert kinds[-4:] == ["analysis.finished", *["grading.graded"] * 3]
    again = regrades.api.post(f"{regrades.path}/{found['id']}/apply")
    assert (again.status_code, again.json()["state"]) == (202, "applied")
    assert len(regrades.earlier("ann")) == 1


def test_grades_of_people_stay(regrades: Regrades, harder: Rubric) -> None:
    add_review(regrades.database, regrades.items["ann"], 9.0)
    before = regrades.score("ann")
    found = regrades.compare(rubrics=[regrades.store(harder)])
    assert (found["counts"]["kept_human"], found["counts"]["recomputed"]) == (1, 2)
    regrades.api.post(f"{regrades.path}/{found['id']}/apply")
    regrades.work()
    assert (regrades.score("ann"), regrades.earlier("ann")) == (before, [])
    shown = regrades.api.get(f"/v1/cohorts/{regrades.cohort_id}/candidates/ann").json()
    assert (shown["total"], shown["human_total"]) == (9.0, 9.0)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_stale_difference_is_not_applied(regrades: Regrades, harder: Rubric, when: str) -> None:
    """Whether the review comes before the request to apply, or between the request and the job."""
    scores = [regrades.score(name) for name in regrades.items]
    found = regrades.compare(rubrics=[regrades.store(harder)])
    path = f"{regrades.path}/{found['id']}/apply"
    if when == "after":
        assert regrades.api.post(path).status_code == 202
    add_review(regrades.database, regrades.items["kim"], 1.0)
    if when == "after":
        regrades.work()
        shown = regrades.read(found["id"])
        assert shown["state"] == "failed"
        assert "make another one" in shown["error"]
    else:
        reply = regrades.api.post(path)
        assert (reply.status_code, reply.json()["code"]) == (409, "stale_regrade")
    assert [regrades.score(name) for name in regrades.items] == scores


def test_one_of_two_regrades_makes_the_other_stale(regrades: Regrades, harder: Rubric) -> None:
    first, second = regrades.compare(rubrics=[regrades.store(harder)]), regrades.compare(pass_mark=5.0)
    regrades.api.post(f"{regrades.path}/{first['id']}/apply")
    regrades.work()
    assert regrades.api.post(f"{regrades.path}/{second['id']}/apply").json()["code"] == "stale_regrade"


def test_other_words_need_the_judge_and_its_calls_are_not_made_unasked(regrades: Regrades) -> None:
    reworded = edited(regrades.rubric, "criteria", 0, "statement", value="The answer says INT8.")
    found = regrades.compare(rubrics=[regrades.store(reworded)])
    assert (found["counts"]["needs_judge"], found["counts"]["recomputed"]) == (3, 0)
    assert found["estimated_calls"] >= 3
    assert {item["new_score"] for item in found["items"]} == {None}
    assert found["candidates"][0]["needs_judge"] == 1
    path = f"{regrades.path}/{found['id']}/apply"
    reply = regrades.api.post(path)
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")
    assert "grade_again" in reply.json()["detail"]
    before = regrades.score("ann")
    assert regrades.api.post(path, json={"grade_again": True}).status_code == 202
    regrades.work()
    grading = read_grading(regrades.database, regrades.items["ann"].grading_id or "")
    assert (State(grading.state), grading.report) == (State.QUEUED, None)
    assert grading.rubric_version.content_hash == content_hash(reworded)
    assert [earlier["score"] for earlier in regrades.earlier("ann")] == [before]
    with regrades.database() as session:
        assert session.get_one(Cohort, regrades.cohort_id).state == CohortState.PAUSED
        changes = session.scalars(sa.select(AuditEvent).where(AuditEvent.subject == regrades.cohort_id)).all()
    assert [change.details["state"] for change in changes if change.kind == audit.Kind.COHORT_STATE_CHANGED] == [
        "paused"
    ]


def test_a_pass_mark_says_who_crosses_it(regrades: Regrades) -> None:
    ann, bob = regrades.score("ann"), regrades.score("bob")
    assert ann is not None
    assert bob is not None
    assert bob < 5 < ann
    first = regrades.compare(pass_mark=5.0)
    assert {item["crosses"] for item in first["items"]} == {None}
    regrades.api.post(f"{regrades.path}/{first['id']}/apply")
    regrades.work()
    second = regrades.compare(pass_mark=ann)
    assert {item["crosses"] for item in second["items"]} == {None}
    strict = regrades.compare(pass_mark=10.0)
    assert {item["candidate"]: item["crosses"] for item in strict["candidates"]} == {
        "ann": "down",
        "bob": None,
        "kim": "down",
    }
    regrades.api.post(f"{regrades.path}/{second['id']}/apply")
    regrades.work()
    report = read_grading(regrades.database, regrades.items["ann"].grading_id or "").report
    assert report
    assert report.score == ann
    assert report.document["provenance"]["pass_mark"] == ann
    assert "near_pass_mark" in report.document["flags"]
    assert report.document["needs_review"]


def test_another_judge_grades_again_what_it_did_not_grade(regrades: Regrades) -> None:
    same = regrades.compare(judge=True)
    assert (same["counts"]["unchanged"], same["counts"]["needs_judge"]) == (3, 0)
    other = scripted_panel()
    other.judge.identity = EngineIdentity("scripted", "another", "2")  # type: ignore[misc]
    assert regrades.compare(other, judge=True)["counts"]["needs_judge"] == 3


def test_what_was_not_graded_moves_to_the_new_rubric(regrades: Regrades, harder: Rubric) -> None:
    waiting = add_item(regrades.database, regrades.cohort_id, regrades.rubric, candidate="lee", answer="INT8?")
    found = regrades.compare(rubrics=[regrades.store(harder)])
    assert found["counts"]["not_graded"] == 1
    regrades.api.post(f"{regrades.path}/{found['id']}/apply")
    regrades.work()
    grading = read_grading(regrades.database, waiting.grading_id or "")
    assert grading.rubric_version.content_hash == content_hash(harder)
    assert State(grading.state) is State.QUEUED


def test_regrades_that_make_no_sense_are_refused(regrades: Regrades, harder: Rubric) -> None:
    other = edited(harder, "question", "id", value="other")
    frozen = regrades.store(harder)
    for body, status, says in (
        ({}, 422, "changes nothing"),
        ({"rubrics": [regrades.store(harder, status="draft")]}, 422, "draft"),
        ({"rubrics": [regrades.store(other)]}, 422, "no answer to 'other'"),
        ({"rubrics": [frozen, frozen]}, 422, "two rubrics"),
        ({"rubrics": [{**frozen, "question_id": "other"}]}, 422, "not of 'other'"),
        ({"rubrics": [{"question_id": "quantization"}]}, 422, "no rubric_id"),
        ({"rubrics": [{"question_id": "none", "language": "en"}]}, 404, "no question 'none'"),
        ({"rubrics": [{"question_id": "quantization", "rubric_id": "0" * 32}]}, 404, "no rubric"),
        ({"pass_mark": 11}, 422, "pass_mark"),
        ({"pass_mark": 5, "dry_run": False}, 422, "dry_run"),
    ):
        reply = regrades.api.post(regrades.path, json=body)
        assert (reply.status_code, says in reply.json()["detail"]) == (status, True), reply.text


def test_the_banks_rubric_may_be_named_by_its_language(regrades: Regrades) -> None:
    found = regrades.compare(rubrics=[{"question_id": "quantization", "language": "en"}])
    assert found["counts"]["unchanged"] == 3


def test_the_state_decides_what_can_be_done(regrades: Regrades) -> None:
    waiting = regrades.api.post(regrades.path, json={"pass_mark": 5}).json()
    reply = regrades.api.post(f"{regrades.path}/{waiting['id']}/apply")
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")
    with regrades.database.begin() as session:
        session.get_one(Cohort, regrades.cohort_id).state = CohortState.RUNNING
    reply = regrades.api.post(regrades.path, json={"pass_mark": 5})
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")


def test_keys_see_what_they_may(regrades: Regrades, harder: Rubric) -> None:
    found = regrades.compare(rubrics=[regrades.store(harder)])
    assert [regrade["items"] for regrade in regrades.api.get(regrades.path).json()["items"]] == [None]
    regrades.api.post(f"{regrades.path}/{found['id']}/apply")
    regrades.work()
    integrator = make_key_header(regrades.database, role=Role.INTEGRATOR)
    (hidden,) = regrades.earlier("ann", headers=integrator)
    texts = [point["text"] for criterion in hidden["report"]["criteria"] for point in criterion["expected_points"]]
    assert set(texts) == {None}
    other = make_key_header(regrades.database, organisation_id=OTHER_ORGANISATION)
    grading_path = f"/v1/gradings/{regrades.items['ann'].grading_id}/reports"
    for method, path in (
        ("GET", regrades.path),
        ("POST", regrades.path),
        ("GET", f"{regrades.path}/{found['id']}"),
        ("POST", f"{regrades.path}/{found['id']}/apply"),
        ("GET", grading_path),
    ):
        body = {"pass_mark": 5} if path == regrades.path and method == "POST" else None
        assert regrades.api.request(method, path, json=body, headers=other).status_code == 404, path
