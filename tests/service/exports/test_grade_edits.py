"""Edited grades through HTTP: the exported file comes back, is compared and applied."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Role
from vivavoce.service.gradings.reviews import NewReview, add_review
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Event, Grading, Report, Review

from ..keys import make_key_header
from ..samples import audited_kinds
from .conftest import Export as Ask
from .results import SampleCohort, add_cohort, add_item, make_scored_report, requeue

Cells = dict[str, dict[str, Any]]


@pytest.fixture
def cohort(database: SessionFactory, rubric: Rubric) -> SampleCohort:
    made = add_cohort(database)
    for external_id in ("001", "002", "003"):
        add_item(database, made, rubric, external_id, candidate=f"c{external_id}", report=make_scored_report(rubric))
    return made


@pytest.fixture
def send(api: TestClient) -> Callable[..., httpx.Response]:
    """Sends an export back with some cells changed, by the external id of their row and their heading."""

    def edit_and_send(export: dict[str, Any], cells: Cells) -> httpx.Response:
        content = api.get(f"/v1/exports/{export['id']}/file").content
        edited = edit_csv(content, cells) if export["format"] == "csv" else edit_xlsx(content, cells)
        return api.post(f"/v1/exports/{export['id']}/edits", content=edited)

    return edit_and_send


def edit_csv(content: bytes, cells: Cells) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    heading = rows[0]
    key = next(name for name in heading if name in ("external_id", "回答编号"))
    for row in rows[1:]:
        for name, value in cells.get(row[heading.index(key)], {}).items():
            row[heading.index(name)] = value
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    # As Excel in Chinese saves it.
    return text.getvalue().encode("gb18030")


def edit_xlsx(content: bytes, cells: Cells) -> bytes:
    book = load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    heading = [cell.value for cell in sheet[1]]
    key = next(place for place, name in enumerate(heading) if str(name).endswith(("external_id", "回答编号")))
    for row in sheet.iter_rows(min_row=2):
        for name, value in cells.get(str(row[key].value), {}).items():
            row[heading.index(name)].value = value
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def list_reviews(database: SessionFactory, grading_id: str) -> list[tuple[float | None, dict[str, int], str | None]]:
    with database() as session:
        query = sa.select(Review).where(Review.grading_id == grading_id).order_by(Review.created_at, Review.id)
        return [(review.score, review.levels, review.comment) for review in session.scalars(query)]


def codes(reply: httpx.Response) -> list[tuple[int, str]]:
    assert reply.status_code == 201, reply.text
    return [(problem["row"], problem["code"]) for problem in reply.json()["problems"]]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"format": "csv"}, ("human_score", "human_comment", "c2_human_level")),
        ({"format": "xlsx"}, ("human_score", "human_comment", "c2_human_level")),
        ({"format": "csv", "language": "zh"}, ("人工分数", "人工评语", "评分项2 人工等级")),
        (
            {"format": "xlsx", "layout": "wide"},
            ("quantization.human_score", "quantization.human_comment", "quantization.c2_human_level"),
        ),
    ],
)
def test_edited_grades_come_back_as_reviews(
    api: TestClient,
    cohort: SampleCohort,
    export: Ask,
    send: Callable[..., httpx.Response],
    database: SessionFactory,
    options: dict[str, Any],
    names: tuple[str, str, str],
) -> None:
    score, comment, level = names
    reply = send(export(cohort_id=cohort.id, **options), {"002": {score: "9.5", comment: "答得好", level: 2}})
    body = reply.json()
    assert reply.status_code == 201
    assert reply.headers["Location"] == f"/v1/grade-edits/{body['id']}"
    assert body["counts"] == {"rows": 3, "changed": 1, "replacing_person": 0, "unchanged": 2, "problems": 0}
    (change,) = body["changes"]
    assert (change["row"], change["external_id"], change["machine_score"]) == (3, "002", 7.5)
    assert change["before"] == {"score": None, "levels": {}, "comment": None}
    assert change["after"] == {"score": 9.5, "levels": {"methods": 2}, "comment": "答得好"}
    assert list_reviews(database, cohort.gradings["002"]) == []
    applied = api.post(f"/v1/grade-edits/{body['id']}/apply")
    assert (applied.status_code, applied.json()["applied_at"] is not None) == (200, True)
    assert list_reviews(database, cohort.gradings["002"]) == [(9.5, {"methods": 2}, "答得好")]
    with database() as session:
        assert session.get_one(Report, cohort.gradings["002"]).score == 7.5
        assert session.scalars(sa.select(Review.source)).all() == ["import"]
        kinds = session.scalars(sa.select(Event.kind).where(Event.subject_id == cohort.gradings["002"])).all()
    assert kinds[-1] == "grading.reviewed"
    assert audited_kinds(database, body["id"]) == ["grades_imported"]


def test_applying_twice_adds_nothing(
    api: TestClient, cohort: SampleCohort, export: Ask, send: Callable[..., httpx.Response], database: SessionFactory
) -> None:
    made = send(export(cohort_id=cohort.id), {"001": {"human_score": "3"}}).json()
    first, second = (api.post(f"/v1/grade-edits/{made['id']}/apply").json() for _ in range(2))
    assert first == second
    assert list_reviews(database, cohort.gradings["001"]) == [(3.0, {}, None)]


def test_a_persons_grade_is_replaced_openly_and_kept(
    api: TestClient, cohort: SampleCohort, export: Ask, send: Callable[..., httpx.Response], database: SessionFactory
) -> None:
    review(database, cohort.gradings["001"], score=4.0)
    body = send(export(cohort_id=cohort.id), {"001": {"human_score": "5", "c1_human_level": "0"}}).json()
    assert (body["counts"]["replacing_person"], body["changes"][0]["replaces_person"]) == (1, True)
    assert body["changes"][0]["before"]["score"] == 4.0
    api.post(f"/v1/grade-edits/{body['id']}/apply")
    # What the file does not change is carried over, as the newest review counts.
    expected = [(4.0, {"loss": 1}, "first"), (5.0, {"loss": 1, "lower": 0}, "first")]
    assert list_reviews(database, cohort.gradings["001"]) == expected


@pytest.mark.parametrize(
    ("cells", "code", "words"),
    [
        ({"human_score": "11"}, "not_a_score", "write a number from 0 to 10"),
        ({"human_score": "good"}, "not_a_score", "'good' is no score"),
        ({"human_score": "nan"}, "not_a_score", "no score"),
        ({"human_score": "-1"}, "not_a_score", "no score"),
        ({"c2_human_level": "3"}, "not_a_level", "from 0 to 2"),
        ({"c2_human_level": "1.5"}, "not_a_level", "whole number"),
        ({"grading_id": ""}, "no_id", "grading_id"),
        ({"grading_id": "0" * 32}, "unknown_id", "There is no grading"),
        ({"candidate": "c003"}, "ids_disagree", "sort whole rows"),
        ({"human_comment": "x" * 2001}, "comment_too_long", "more than 2000"),
    ],
)
def test_bad_cells_are_named_by_row_and_code(
    cohort: SampleCohort,
    export: Ask,
    send: Callable[..., httpx.Response],
    cells: dict[str, str],
    code: str,
    words: str,
) -> None:
    edited = {"human_score": "5", **cells}
    reply = send(export(cohort_id=cohort.id), {"002": edited})
    assert codes(reply) == [(3, code)]
    assert reply.json()["changes"] == []
    problem = reply.json()["problems"][0]
    assert words in problem["message_en"]
    assert any("\u4e00" <= character <= "\u9fff" for character in problem["message_zh"])


def test_full_width_digits_are_a_score(cohort: SampleCohort, export: Ask, send: Callable[..., httpx.Response]) -> None:
    body = send(export(cohort_id=cohort.id), {"002": {"human_score": "８．５", "human_comment": "答得很好"}}).json()
    assert body["problems"] == []
    assert body["changes"][0]["after"]["score"] == 8.5


def test_a_grade_is_not_removed_by_an_empty_cell(
    cohort: SampleCohort, export: Ask, send: Callable[..., httpx.Response], database: SessionFactory
) -> None:
    review(database, cohort.gradings["001"], score=4.0)
    assert codes(send(export(cohort_id=cohort.id), {"001": {"human_score": ""}})) == [(2, "cleared")]


def test_rows_that_stand_twice_are_named(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    made = export(cohort_id=cohort.id)
    content = api.get(f"/v1/exports/{made['id']}/file").content
    lines = content.splitlines(keepends=True)
    reply = api.post(f"/v1/exports/{made['id']}/edits", content=content + lines[1])
    assert codes(reply) == [(5, "duplicate")]


def test_rows_that_are_out_of_date_are_named(
    cohort: SampleCohort, export: Ask, send: Callable[..., httpx.Response], database: SessionFactory, rubric: Rubric
) -> None:
    made = export(cohort_id=cohort.id)
    requeue(database, cohort.gradings["001"], make_scored_report(rubric, score=2.0))
    review(database, cohort.gradings["002"], score=4.0)
    reply = send(made, {external_id: {"human_score": "5"} for external_id in cohort.gradings})
    assert codes(reply) == [(2, "graded_again"), (3, "reviewed_since")]
    assert [change["external_id"] for change in reply.json()["changes"]] == ["003"]


def test_rows_with_problems_are_left_out_only_if_asked(
    api: TestClient, cohort: SampleCohort, export: Ask, send: Callable[..., httpx.Response], database: SessionFactory
) -> None:
    made = send(export(cohort_id=cohort.id), {"001": {"human_score": "12"}, "002": {"human_score": "8"}}).json()
    address = f"/v1/grade-edits/{made['id']}/apply"
    refused = api.post(address)
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert list_reviews(database, cohort.gradings["002"]) == []
    assert api.post(address, params={"skip_problems": True}).status_code == 200
    assert list_reviews(database, cohort.gradings["002"]) == [(8.0, {}, None)]
    assert list_reviews(database, cohort.gradings["001"]) == []


def test_a_review_between_comparing_and_applying_is_not_overwritten(
    api: TestClient, cohort: SampleCohort, export: Ask, send: Callable[..., httpx.Response], database: SessionFactory
) -> None:
    made = send(export(cohort_id=cohort.id), {"001": {"human_score": "5"}}).json()
    review(database, cohort.gradings["001"], score=4.0)
    reply = api.post(f"/v1/grade-edits/{made['id']}/apply")
    assert reply.status_code == 409
    assert "1 rows have changed" in reply.json()["detail"]
    assert [score for score, _, _ in list_reviews(database, cohort.gradings["001"])] == [4.0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The body is empty"),
        (b"%PDF-1.7", "is a PDF"),
        (b"a,b\n1,2\n", "no column that can be edited"),
        (b"PK\x03\x04 broken", "The file"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    api: TestClient, cohort: SampleCohort, export: Ask, content: bytes, words: str
) -> None:
    made = export(cohort_id=cohort.id)
    reply = api.post(f"/v1/exports/{made['id']}/edits", content=content)
    assert (reply.status_code, reply.json()["code"]) == (422, "unusable_edits")
    assert words in reply.json()["detail"]


def test_only_tables_come_back(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    made = export(cohort_id=cohort.id, format="jsonl")
    assert api.post(f"/v1/exports/{made['id']}/edits", content=b"{}").status_code == 422


def test_grades_are_edited_by_those_who_review(
    api: TestClient, cohort: SampleCohort, export: Ask, send: Callable[..., httpx.Response], database: SessionFactory
) -> None:
    made = export(cohort_id=cohort.id)
    edit = send(made, {"001": {"human_score": "5"}}).json()
    other = make_key_header(database, organisation_id="other")
    for path in (f"/v1/exports/{made['id']}/edits", f"/v1/grade-edits/{edit['id']}/apply"):
        integrator = make_key_header(database, role=Role.INTEGRATOR)
        assert api.post(path, content=b"x", headers=integrator).status_code == 403
        assert api.post(path, content=b"x", headers=other).status_code == 404
    assert api.get(f"/v1/grade-edits/{edit['id']}", headers=other).status_code == 404
    assert api.get(f"/v1/grade-edits/{edit['id']}").json() == edit


def review(database: SessionFactory, grading_id: str, *, score: float) -> None:
    with database.begin() as session:
        grading = session.get_one(Grading, grading_id)
        add_review(
            session,
            grading,
            NewReview(reviewer="Li", actor="test", score=score, levels={"loss": 1}, comment="first", source="api"),
        )
