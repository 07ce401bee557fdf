from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Role
from vivavoce.service.judges import versions as judge_versions
from vivavoce.service.judges.versions import Figures, JudgeKey
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, Review

from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, claim_one, make_report, record_report, submit_answer

QUESTIONS = [f"q{number}/en" for number in range(10)]


def register(database: SessionFactory, revision: str, *wrong: int) -> str:
    # Engine, model and hash of the prompts are those of the sample reports.
    key = JudgeKey("vllm", "m", revision, "fast", "p", {"asked": "fast", "samples": 1})
    figures = Figures({name: at not in wrong for at, name in enumerate(QUESTIONS)}, spearman=0.9, rejections=4)
    with database.begin() as session:
        return judge_versions.register(session, key, figures, engine_version="1").id


def review(database: SessionFactory, rubric: Rubric, machine: float, *people: float) -> None:
    submit_answer(database, rubric)
    lease = claim_one(database)
    record_report(database, lease, make_report(score=machine))
    for score in people:
        with database.begin() as session:
            session.add(
                Review(
                    organisation_id="default",
                    grading_id=lease.grading_id,
                    reviewer="r",
                    score=score,
                    levels={},
                    source="api",
                    created_at=clock.now(),
                )
            )


def test_a_judge_shows_its_qualification(api: TestClient, sqlite_database: SessionFactory) -> None:
    judge_id = register(sqlite_database, "1", 3)
    (judge,) = api.get("/v1/judges").json()
    assert api.get(f"/v1/judges/{judge_id}").json() == judge
    assert (judge["id"], judge["is_active"], judge["model"], judge["agreement"]) == (judge_id, False, "m", None)
    assert judge["qualification"] == {
        "questions": 10,
        "in_order": 9,
        "share_in_order": 0.9,
        "out_of_order": ["q3/en"],
        "unscored": 0,
        "spearman": 0.9,
        "language_gap": None,
        "held_against": 0,
        "rejections": 4,
    }


def test_a_judge_shows_how_well_it_agrees_with_people(
    api: TestClient, sqlite_database: SessionFactory, rubric: Rubric
) -> None:
    register(sqlite_database, "1")
    other = register(sqlite_database, "2")
    # Of two reviews the newest counts.
    review(sqlite_database, rubric, 7.0, 1.0, 5.5)
    review(sqlite_database, rubric, 6.0, 8.0)
    review(sqlite_database, rubric, 6.0)
    shown = {judge["revision"]: judge["agreement"] for judge in api.get("/v1/judges").json()}
    agreement = shown["1"]
    assert (agreement["reviews"], agreement["mean_absolute_difference"]) == (2, pytest.approx(1.75))
    assert (agreement["bias"], agreement["share_within_1_5"]) == (pytest.approx(-0.25), pytest.approx(0.5))
    assert shown["2"] is None
    assert api.get(f"/v1/judges/{other}").json()["agreement"] is None


def test_a_judge_is_promoted_by_its_id(api: TestClient, sqlite_database: SessionFactory) -> None:
    first, worse, better = (
        register(sqlite_database, name, *wrong) for name, wrong in (("1", (0,)), ("2", (1, 2)), ("3", ()))
    )
    promoted = api.post(f"/v1/judges/{first}/promote")
    assert (promoted.status_code, promoted.json()["is_active"]) == (200, True)
    assert api.post(f"/v1/judges/{first}/promote").json() == promoted.json()
    refused = api.post(f"/v1/judges/{worse}/promote")
    assert (refused.status_code, refused.json()["code"]) == (409, "judge_not_promoted")
    assert "8 of 10 questions are in order, with the active version 9 are" in refused.json()["detail"]
    assert api.post(f"/v1/judges/{worse}/promote", json={"at_least": 0.75}).json()["is_active"]
    assert api.post(f"/v1/judges/{better}/promote", json={}).json()["is_active"]
    assert api.post(f"/v1/judges/{better}/rollback").json()["id"] == worse
    assert api.post(f"/v1/judges/{better}/rollback").json()["code"] == "wrong_state"
    assert api.post(f"/v1/judges/{worse}/rollback").json()["id"] == first
    assert api.post(f"/v1/judges/{first}/rollback").json()["code"] == "judge_not_promoted"
    with sqlite_database() as session:
        query = sa.select(AuditEvent).where(AuditEvent.kind.in_(["judge_promoted", "judge_taken_back"]))
        actors = {event.actor.split(" ")[0] for event in session.scalars(query)}
    assert actors == {"key"}


def test_a_run_that_was_repeated_is_not_promoted(api: TestClient, sqlite_database: SessionFactory) -> None:
    old, new = register(sqlite_database, "1"), register(sqlite_database, "1")
    refused = api.post(f"/v1/judges/{old}/promote")
    assert (refused.status_code, new in refused.json()["detail"]) == (409, True)


def test_only_the_active_judge_is_retired(api: TestClient, sqlite_database: SessionFactory) -> None:
    judge_id = register(sqlite_database, "1")
    assert api.post(f"/v1/judges/{judge_id}/retire").status_code == 409
    api.post(f"/v1/judges/{judge_id}/promote")
    retired = api.post(f"/v1/judges/{judge_id}/retire")
    assert (retired.status_code, retired.json()["is_active"]) == (200, False)
    assert api.post(f"/v1/judges/{judge_id}/retire").json() == retired.json()
    with sqlite_database() as session:
        kinds = session.scalars(
            sa.select(AuditEvent.kind).where(AuditEvent.subject == judge_id).order_by(AuditEvent.id)
        )
        assert list(kinds) == ["judge_registered", "judge_promoted", "judge_retired"]


@pytest.mark.parametrize(("body", "status"), [({"at_least": 1.5}, 422), ({"atleast": 0.5}, 422), (None, 200)])
def test_a_promotion_is_checked(api: TestClient, sqlite_database: SessionFactory, body: Any, status: int) -> None:
    judge_id = register(sqlite_database, "1")
    reply = api.post(f"/v1/judges/{judge_id}/promote", **({"json": body} if body else {}))
    assert reply.status_code == status


def test_interviewers_read_judges_and_only_administrators_change_them(
    api: TestClient, sqlite_database: SessionFactory
) -> None:
    judge_id = register(sqlite_database, "1")
    interviewer = make_key_header(sqlite_database, role=Role.INTERVIEWER)
    other = make_key_header(sqlite_database, organisation_id=OTHER_ORGANISATION)
    assert api.get("/v1/judges", headers=interviewer).status_code == 200
    for action in ("promote", "retire"):
        assert api.post(f"/v1/judges/{judge_id}/{action}", headers=interviewer).status_code == 403
        assert api.post(f"/v1/judges/{judge_id}/{action}", headers=other).status_code == 404
    assert api.get("/v1/judges", headers=other).json() == []


def test_an_address_of_a_server_shows_no_password(api: TestClient, sqlite_database: SessionFactory) -> None:
    key = JudgeKey("vllm", "http://u:secret@host/m", "1", "fast", "p", {"asked": "fast", "samples": 1})
    with sqlite_database.begin() as session:
        judge_versions.register(session, replace(key), Figures({}), engine_version="1")
    assert "secret" not in api.get("/v1/judges").text
