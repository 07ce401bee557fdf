from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.types import Flag
from vivavoce.rubrics import Rubric
from vivavoce.service.storage.engine import SessionFactory

from ...rubrics.builders import edited
from ..cohort_samples import add_item, add_review, make_cohort, scored
from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, make_report


@pytest.fixture
def cohort_id(sqlite_database: SessionFactory) -> str:
    return make_cohort(sqlite_database)


@pytest.fixture
def second(rubric: Rubric) -> Rubric:
    return edited(rubric, "question", "id", value="second")


def _list(api: TestClient, cohort_id: str, **parameters: Any) -> dict[str, Any]:
    reply = api.get(f"/v1/cohorts/{cohort_id}/candidates", params=parameters)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_a_total_is_the_mean_with_the_range_of_independent_scores(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric, second: Rubric
) -> None:
    add_item(sqlite_database, cohort_id, rubric, candidate="ann", report=scored(6.0, reach=1.2))
    add_item(sqlite_database, cohort_id, second, candidate="ann", report=scored(8.0, reach=1.6))
    (found,) = _list(api, cohort_id)["items"]
    # sqrt(1.2² + 1.6²) / 2 = 1
    assert (found["total"], found["total_min"], found["total_max"]) == (7.0, 6.0, 8.0)
    assert (found["scored"], found["questions"], found["coverage"], found["missing"]) == (2, 2, 1.0, [])
    assert (found["machine_total"], found["human_total"], found["human_grades"]) == (7.0, None, 0)
    assert found["tier"] == 1


def test_a_range_that_is_cut_off_at_the_end_counts_in_full(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric
) -> None:
    add_item(sqlite_database, cohort_id, rubric, candidate="ann", report=scored(9.5, reach=2.0))
    (found,) = _list(api, cohort_id)["items"]
    assert (found["total_min"], found["total_max"]) == (7.5, 10.0)


def test_tiers_come_in_order_and_references_within_them(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric
) -> None:
    for name, score in (("zoe", 9.0), ("ann", 8.8), ("kim", 2.0), ("bob", 2.2)):
        add_item(sqlite_database, cohort_id, rubric, candidate=name, report=scored(score, reach=0.5))
    found = _list(api, cohort_id)
    assert [(item["candidate"], item["tier"]) for item in found["items"]] == [
        ("ann", 1),
        ("zoe", 1),
        ("bob", 2),
        ("kim", 2),
    ]
    assert (found["tiers"], found["tier_error"], found["anonymous_items"]) == (2, 0.05, 0)
    first = _list(api, cohort_id, limit=3)
    rest = _list(api, cohort_id, cursor=first["next_cursor"])
    assert [item["candidate"] for item in first["items"] + rest["items"]] == ["ann", "zoe", "bob", "kim"]
    assert rest["next_cursor"] is None


def test_what_is_missing_is_named_and_is_no_zero(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric
) -> None:
    questions = [edited(rubric, "question", "id", value=f"q{number}") for number in range(5)]
    open_report = replace(make_report(score=0.0, needs_review=True, flags=(Flag.UNREAD_PICTURE,)), coverage=0.0)
    failed = make_report(reason=UnscoredReason.PARSE)
    for question, report in zip(questions[:3], (scored(8.0, reach=0.0), open_report, failed), strict=True):
        add_item(sqlite_database, cohort_id, question, candidate="ann", report=report)
    add_item(sqlite_database, cohort_id, questions[4], candidate="bob", report=scored(5.0))
    add_item(sqlite_database, cohort_id, questions[3], candidate="ann", started=False)
    ann, bob = _list(api, cohort_id)["items"]
    assert ann["missing"] == [
        {"question_id": "q1", "reason": "open"},
        {"question_id": "q2", "reason": "failed"},
        {"question_id": "q3", "reason": "not_graded"},
        {"question_id": "q4", "reason": "no_answer"},
    ]
    assert (ann["total"], ann["total_min"], ann["total_max"], ann["coverage"]) == (8.0, 1.6, 9.6, 0.2)
    assert (ann["tier"], bob["tier"]) == (None, None)
    own = {item["candidate"]: item for item in _list(api, cohort_id, basis="own_questions")["items"]}
    assert (own["bob"]["tier"], own["bob"]["questions"], own["ann"]["tier"]) == (1, 1, None)


def test_a_grade_of_a_person_counts_and_both_are_shown(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric
) -> None:
    item = add_item(sqlite_database, cohort_id, rubric, candidate="ann", report=scored(3.0, reach=2.0))
    add_review(sqlite_database, item, 5.0)
    add_review(sqlite_database, item, 8.0)
    found = api.get(f"/v1/cohorts/{cohort_id}/candidates/ann").json()
    assert (found["total"], found["total_min"], found["total_max"]) == (8.0, 8.0, 8.0)
    assert (found["machine_total"], found["human_total"], found["human_grades"]) == (3.0, 8.0, 1)
    (answer,) = found["answers"]
    assert (answer["counted_score"], answer["score"], answer["human_score"]) == (8.0, 3.0, 8.0)
    assert (answer["grading_id"], answer["external_id"]) == (item.grading_id, item.external_id)


def test_items_without_a_candidate_are_counted(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric
) -> None:
    add_item(sqlite_database, cohort_id, rubric, candidate=None, report=scored(3.0))
    found = _list(api, cohort_id)
    assert (found["items"], found["anonymous_items"], found["tiers"]) == ([], 1, 0)


@pytest.mark.parametrize("name", ["a/b c", "李雷", "x?y=1#z", "100%"])
def test_any_reference_can_be_read(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric, name: str
) -> None:
    add_item(sqlite_database, cohort_id, rubric, candidate=name, report=scored(3.0), external_id="1")
    reply = api.get(f"/v1/cohorts/{cohort_id}/candidates/{quote(name, safe='')}")
    assert (reply.status_code, reply.json()["candidate"]) == (200, name)


def test_what_is_not_there_is_404(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric
) -> None:
    add_item(sqlite_database, cohort_id, rubric, candidate="ann", report=scored(3.0))
    other = make_key_header(sqlite_database, organisation_id=OTHER_ORGANISATION)
    for path in ("candidates", "candidates/ann"):
        assert api.get(f"/v1/cohorts/{cohort_id}/{path}", headers=other).status_code == 404
    for path in (f"/v1/cohorts/{cohort_id}/candidates/bob", f"/v1/cohorts/{'0' * 32}/candidates"):
        reply = api.get(path)
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    reply = api.get(f"/v1/cohorts/{cohort_id}/candidates?basis=none")
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request")
