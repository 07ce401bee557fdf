from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from vivavoce.graders import AnswerInput, JudgeFailure, UnscoredReason, grade
from vivavoce.graders.judge.replay import ReplayJudge
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service import audit
from vivavoce.service.access.scopes import Role
from vivavoce.service.audit import Verified
from vivavoce.service.audit_check import check_part
from vivavoce.service.errors import LostLease
from vivavoce.service.gradings import erasure, lifecycle
from vivavoce.service.gradings.leases import Lease
from vivavoce.service.gradings.sweeping import sweep
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import (
    DEFAULT_ORGANISATION,
    Base,
    CohortItem,
    Event,
    Grading,
    JudgeCall,
    State,
    Submission,
)

from ..cohort_samples import add_item, add_review, make_cohort
from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, FixedClock, bring_to, claim_one, make_report, submit_answer

SECRET = "zebra-crossing"
"""Stands in answers, and so must stand nowhere after an erasure."""


def _erase(database: SessionFactory, candidate: str) -> dict[str, int]:
    with database.begin() as session:
        erased = erasure.erase_candidate(session, candidate, organisation_id=DEFAULT_ORGANISATION, actor="a")
    return {name: count for name, count in asdict(erased).items() if count}


def _tables_with(database: SessionFactory, text: str) -> list[str]:
    """The tables in which a text stands anywhere."""
    found = []
    with database() as session:
        for table in Base.metadata.sorted_tables:
            rows = session.execute(sa.select(table)).all()
            if any(text in str(value) for row in rows for value in row):
                found.append(table.name)
    return found


def _count(database: SessionFactory, kind: type) -> int:
    with database() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(kind)) or 0


@pytest.mark.parametrize(
    "database_name", ["sqlite_database", pytest.param("postgres_database", marks=pytest.mark.processes)]
)
def test_nothing_of_a_candidate_is_left_and_others_stay(
    request: pytest.FixtureRequest, rubric: Rubric, database_name: str
) -> None:
    database: SessionFactory = request.getfixturevalue(database_name)
    cohort_id = make_cohort(database)
    for candidate in ("ann", "bob"):
        item = add_item(
            database, cohort_id, rubric, candidate=candidate, report=make_report(), answer=f"{SECRET} of {candidate}"
        )
        add_review(database, item, 5.0)
    before = set(_tables_with(database, f"{SECRET} of ann"))
    assert "submission" in before
    assert _erase(database, "ann") == {"submissions": 1, "gradings": 1, "reports": 1, "reviews": 1, "items": 1}
    assert _tables_with(database, f"{SECRET} of ann") == []
    assert _tables_with(database, "ann") == []
    assert set(_tables_with(database, f"{SECRET} of bob")) == before
    assert _count(database, CohortItem) == 1
    assert _erase(database, "ann") == {}


def test_the_audit_trail_stays_whole(database: SessionFactory, rubric: Rubric) -> None:
    cohort_id = make_cohort(database)
    item = add_item(database, cohort_id, rubric, candidate="ann", report=make_report(), answer=SECRET)
    _erase(database, "ann")
    with database() as session:
        assert isinstance(audit.verify(session), Verified)
        assert check_part(session, DEFAULT_ORGANISATION, start=audit.Head(), limit=100).broken is None
        kinds = session.scalars(sa.select(Event.kind).where(Event.subject_id == item.grading_id)).all()
    assert kinds[-1] == "grading.erased"


def test_a_report_that_was_deleted_without_an_erasure_is_still_missed(database: SessionFactory, rubric: Rubric) -> None:
    bring_to(database, rubric, State.GRADED)
    with database.begin() as session:
        session.execute(sa.text("DELETE FROM report"))
    with database() as session:
        assert not isinstance(audit.verify(session), Verified)


@pytest.mark.parametrize(
    "finish",
    [
        lambda session, lease: lifecycle.record(session, lease, make_report()),
        lambda session, lease: lifecycle.retry_later(session, lease, make_report()),
        lambda session, lease: lifecycle.fail(
            session, lease, JudgeFailure(UnscoredReason.TOO_LONG, "too long", unavailable=False)
        ),
    ],
    ids=["record", "retry", "fail"],
)
def test_a_worker_whose_answer_was_erased_has_lost_its_lease(
    database: SessionFactory, rubric: Rubric, finish: Callable[[Session, Lease], object]
) -> None:
    submit_answer(database, rubric)
    lease = claim_one(database)
    with database.begin() as session:
        ids = list(session.scalars(sa.select(Submission.id)))
        erasure.erase_submissions(session, ids, organisation_id=DEFAULT_ORGANISATION)
    with pytest.raises(LostLease), database.begin() as session:
        finish(session, lease)
    assert _count(database, Grading) == 0


def test_old_answers_are_erased_by_the_sweep_and_open_ones_stay(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    bring_to(database, rubric, State.GRADED)
    submit_answer(database, rubric)
    fixed_clock.advance(timedelta(days=31).total_seconds())
    submit_answer(database, rubric)
    with database.begin() as session:
        sweep(session, max_attempts=3)
    assert _count(database, Grading) == 3
    with database.begin() as session:
        sweep(session, max_attempts=3, answer_days=30)
    with database() as session:
        states = sorted(session.scalars(sa.select(Grading.state)))
        ages = [clock.now() - moment for moment in session.scalars(sa.select(Submission.created_at))]
    assert states == ["queued", "queued"]
    assert max(ages) > timedelta(days=30)


def test_an_answer_and_a_candidate_are_erased_over_http(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    cohort_id = make_cohort(database)
    items = [
        add_item(database, cohort_id, rubric, candidate="ann", report=make_report(), answer=SECRET, external_id=name)
        for name in ("a", "b", "c")
    ]
    export = api.post("/v1/exports", json={"cohort_id": cohort_id, "format": "csv"}).json()["id"]
    path = f"/v1/submissions/{items[0].submission_id}"
    assert (api.delete(path).status_code, api.get(path).status_code, api.delete(path).status_code) == (204, 404, 404)
    assert api.get(f"/v1/exports/{export}").status_code == 404
    erased = api.post("/v1/erasures", json={"candidate": "ann"}).json()
    assert (erased["submissions"], erased["items"]) == (2, 2)
    assert api.get(f"/v1/cohorts/{cohort_id}").json()["total"] == 0
    assert api.get("/v1/audit/verify").json()["is_intact"]


def test_only_an_administrator_of_the_organisation_erases(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    item = add_item(database, make_cohort(database), rubric, candidate="ann", report=make_report(), answer=SECRET)
    path = f"/v1/submissions/{item.submission_id}"
    body: dict[str, Any] = {"json": {"candidate": "ann"}}
    integrator = make_key_header(database, role=Role.INTEGRATOR)
    assert api.delete(path, headers=integrator).status_code == 403
    assert api.post("/v1/erasures", **body, headers=integrator).status_code == 403
    other = make_key_header(database, organisation_id=OTHER_ORGANISATION)
    assert api.delete(path, headers=other).status_code == 404
    assert api.post("/v1/erasures", **body, headers=other).json()["submissions"] == 0
    assert _count(database, Submission) == 1


def test_recorded_calls_go_with_the_last_answer_that_rests_on_them(database: SessionFactory, rubric: Rubric) -> None:
    (report,) = grade([AnswerInput(SECRET)], rubric, scripted_panel())
    keys = ReplayJudge.keys_in(report.to_dict())
    assert keys
    with database.begin() as session:
        session.add_all(_make_call(key) for key in [*keys, "of another answer"])
    cohort_id = make_cohort(database)
    for candidate in ("ann", "bob"):
        add_item(database, cohort_id, rubric, candidate=candidate, report=report, answer=SECRET)
    assert "judge_calls" not in _erase(database, "ann")
    assert _erase(database, "bob")["judge_calls"] == len(keys)
    assert _count(database, JudgeCall) == 1


def _make_call(key: str) -> JudgeCall:
    texts = dict.fromkeys(("engine", "engine_version", "model", "revision", "prompt_name", "prompt_hash"), "x")
    numbers = dict.fromkeys(("cost", "tokens_in", "tokens_cached", "tokens_out", "seconds"), 0)
    return JudgeCall(
        key=key,
        organisation_id=DEFAULT_ORGANISATION,
        form={},
        request=b"",
        reply=b"",
        created_at=clock.now(),
        **texts,
        **numbers,
    )
