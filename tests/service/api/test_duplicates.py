from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from fastapi.testclient import TestClient

from vivavoce.graders.testing import scripted_panel
from vivavoce.graders.types import Flag
from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Role
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.background import run_next_job
from vivavoce.workers.job_handlers import HANDLERS

from ..cohort_samples import add_item, make_cohort, scored
from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, make_report

ANSWER = (
    "Weights are stored as eight-bit integers instead of sixteen-bit floats, so the model takes half of the memory, "
    "and because decoding waits for memory it becomes faster; some accuracy is lost."
)
OTHER = (
    "You look for neurons that contribute little and delete them layer by layer, then train the rest again until the "
    "network answers as well as it did before."
)


@pytest.fixture
def cohort_id(sqlite_database: SessionFactory, rubric: Rubric) -> str:
    cohort_id = make_cohort(sqlite_database)
    reference = rubric.references[0].text
    answers = {
        "ann": ANSWER,
        "bob": ANSWER.replace("eight-bit", "8-bit"),
        "kim": OTHER,
        "lee": "INT8",
        "max": f"{reference} {reference}",
    }
    for name, answer in answers.items():
        add_item(sqlite_database, cohort_id, rubric, candidate=name, answer=answer, report=scored(5.0))
    silent = make_report(score=0.0, flags=(Flag.NON_ANSWER,))
    for name in ("x1", "x2"):
        add_item(sqlite_database, cohort_id, rubric, candidate=name, answer="I do not know " * 9, report=silent)
    return cohort_id


def _search(api: TestClient, database: SessionFactory, settings: Settings, cohort_id: str, **body: Any) -> str:
    reply = api.post(f"/v1/cohorts/{cohort_id}/duplicates", json=body)
    assert (reply.status_code, reply.json()["state"]) == (202, "queued"), reply.text
    assert run_next_job(database, scripted_panel(), settings, HANDLERS, owner="w")
    return str(reply.headers["Location"])


def test_shared_answers_are_shown_as_a_group(
    api: TestClient, sqlite_database: SessionFactory, settings: Settings, cohort_id: str
) -> None:
    found = api.get(_search(api, sqlite_database, settings, cohort_id)).json()
    assert (found["state"], found["error"], found["threshold"]) == ("finished", None, 0.8)
    assert (found["compared"], found["too_short"], found["said_nothing"]) == (4, 1, 2)
    (group,) = [group for group in found["groups"] if group["kind"] == "answers"]
    assert [(member["candidate"], member["external_id"]) for member in group["members"]] == [
        ("ann", "ann/quantization"),
        ("bob", "bob/quantization"),
    ]
    assert 0.9 < group["similarity"] < 1


def test_copies_of_the_reference_are_shown_to_those_who_may_read_it(
    api: TestClient, sqlite_database: SessionFactory, settings: Settings, cohort_id: str
) -> None:
    location = _search(api, sqlite_database, settings, cohort_id)
    (group,) = [group for group in api.get(location).json()["groups"] if group["kind"] == "reference"]
    assert [member["candidate"] for member in group["members"]] == ["max"]
    integrator = make_key_header(sqlite_database, role=Role.INTEGRATOR)
    assert [group["kind"] for group in api.get(location, headers=integrator).json()["groups"]] == ["answers"]


def test_searches_are_listed_without_their_groups(
    api: TestClient, sqlite_database: SessionFactory, settings: Settings, cohort_id: str
) -> None:
    locations = [_search(api, sqlite_database, settings, cohort_id, threshold=share) for share in (0.7, 0.9, 1)]
    path = f"/v1/cohorts/{cohort_id}/duplicates"
    first = api.get(path, params={"limit": 2}).json()
    rest = api.get(path, params={"cursor": first["next_cursor"]}).json()
    shown = [*first["items"], *rest["items"]]
    assert [f"{path}/{search['id']}" for search in shown] == locations[::-1]
    assert {search["groups"] for search in shown} == {None}
    assert rest["next_cursor"] is None


def test_a_job_that_fails_says_so(api: TestClient, sqlite_database: SessionFactory, settings: Settings) -> None:
    cohort_id = make_cohort(sqlite_database)
    location = api.post(f"/v1/cohorts/{cohort_id}/duplicates", json={}).headers["Location"]
    for _ in range(3):
        with sqlite_database.begin() as session:
            session.connection().exec_driver_sql("UPDATE job SET lease_until = '2000-01-01 00:00:00'")
        broken = {"duplicates": _with_broken_search(HANDLERS["duplicates"])}
        assert run_next_job(sqlite_database, scripted_panel(), settings, broken, owner="w")
    found = api.get(location).json()
    assert found["state"] == "failed"
    assert "see the worker's log" in found["error"]


def _with_broken_search(handler: Any) -> Any:
    def carry_out(context: Any) -> None:
        with patch("vivavoce.workers.analyses.duplicates.stream_results", side_effect=RuntimeError):
            handler(context)

    return carry_out


def test_what_cannot_be_searched_is_refused(
    api: TestClient, sqlite_database: SessionFactory, settings: Settings, cohort_id: str
) -> None:
    path = f"/v1/cohorts/{cohort_id}/duplicates"
    assert api.post(path, json={"threshold": 0.5}).json()["code"] == "malformed_request"
    assert api.post(path, json={"treshold": 0.8}).status_code == 422
    assert api.post(f"/v1/cohorts/{'0' * 32}/duplicates", json={}).status_code == 404
    location = _search(api, sqlite_database, settings, cohort_id)
    other = make_key_header(sqlite_database, organisation_id=OTHER_ORGANISATION)
    assert api.get(location, headers=other).status_code == 404
    assert api.get(location.replace(cohort_id, make_cohort(sqlite_database))).status_code == 404


def test_a_search_in_a_cohort_that_was_deleted_ends_without_an_error(
    api: TestClient, sqlite_database: SessionFactory, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    draft = api.post("/v1/cohorts", json={"name": "draft"}).json()["id"]
    assert api.post(f"/v1/cohorts/{draft}/duplicates").status_code == 202
    assert api.delete(f"/v1/cohorts/{draft}").status_code == 204
    assert run_next_job(sqlite_database, scripted_panel(), settings, HANDLERS, owner="w")
    assert not [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert not run_next_job(sqlite_database, scripted_panel(), settings, HANDLERS, owner="w")
