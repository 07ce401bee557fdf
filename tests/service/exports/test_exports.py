"""Exports through HTTP: asked for, written by a worker, followed and fetched."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from vivavoce.graders.types import Flag
from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Scope
from vivavoce.service.exports import lifecycle
from vivavoce.service.gradings.reviews import NewReview, add_review
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Cohort, Event, Export, ExportChunk, Grading
from vivavoce.workers.exports import page
from vivavoce.workers.exports.pdf import PdfError

from ..keys import make_key_header
from ..samples import FixedClock, audited_kinds, submit_answer
from .conftest import Export as Ask
from .results import LONG_ID, SampleCohort, add_cohort, add_item, make_scored_report

HARD_IDS = (LONG_ID, "000123", "=1+1", "１２３", "1e5")


@pytest.fixture
def cohort(database: SessionFactory, rubric: Rubric) -> SampleCohort:
    """Five graded answers, one that failed, one that is open and one that waits."""
    made = add_cohort(database)
    for number, external_id in enumerate(HARD_IDS):
        report = make_scored_report(rubric, score=float(number))
        add_item(database, made, rubric, external_id, candidate=f"0{number}", answer="INT8, 量化", report=report)
    add_item(database, made, rubric, "failed", candidate="05", report=make_scored_report(rubric, score=None))
    unread = make_scored_report(rubric, score=0.0, coverage=0.0, flags=(Flag.UNREAD_PICTURE,))
    add_item(database, made, rubric, "open", candidate="06", report=unread)
    add_item(database, made, rubric, "waits", candidate="07")
    return made


def fetch(api: TestClient, export: dict[str, Any]) -> bytes:
    assert export["state"] == "finished", export["error"]
    return api.get(f"/v1/exports/{export['id']}/file").content


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_an_export_is_stored_written_and_fetched(
    api: TestClient, cohort: SampleCohort, work: Callable[[], bool]
) -> None:
    reply = api.post("/v1/exports", json={"cohort_id": cohort.id})
    body = reply.json()
    assert (reply.status_code, reply.headers["Location"]) == (202, f"/v1/exports/{body['id']}")
    assert (body["state"], body["manifest"], body["rows_total"]) == ("queued", None, None)
    assert api.get(f"/v1/exports/{body['id']}/file").status_code == 409
    assert work()
    found = api.get(reply.headers["Location"]).json()
    assert (found["state"], found["rows_total"], found["rows_done"]) == ("finished", 8, 8)
    content = api.get(f"/v1/exports/{body['id']}/file").content
    manifest = found["manifest"]
    assert (manifest["rows"], manifest["bytes"]) == (8, len(content))
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["sequence"] == 7
    assert manifest["schema_version"] == "1"


def test_every_criterion_signal_and_time_is_in_the_table(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    row = read_csv(fetch(api, export(cohort_id=cohort.id)))[1]
    assert (row["score"], row["final_score"], row["final_by"]) == ("1.0", "1.0", "machine")
    assert (row["outcome"], row["outcome_label"]) == ("graded", "Graded")
    assert [row[f"c{n}_id"] for n in range(1, 5)] == ["lower", "methods", "loss", "wrong"]
    assert (row["c1_level"], row["c1_points"], row["c1_max_points"]) == ("1", "1.5", "4.0")
    assert row["c1_probabilities"] == "0.25 | 0.75"
    assert {"c4_judge", "c4_verifier", "c4_rouge1_recall", "signal_rougeL", "contribution_judge"} <= set(row)
    assert row["graded_at"].endswith("Z")
    assert (row["model"], row["judge_calls"]) == ("m", "1")
    assert "answer" not in row
    assert "feedback_interviewer" not in row


def test_open_and_failed_scores_are_never_0(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    rows = {row["external_id"]: row for row in read_csv(fetch(api, export(cohort_id=cohort.id)))}
    for name in ("failed", "open", "waits"):
        row = rows[name]
        assert {row[key] for key in ("score", "final_score", "points", "confidence", "final_by")} == {""}, name
    assert rows["failed"]["c1_points"] == ""
    assert rows["failed"]["c1_criterion_unscored"] == "parse"
    assert rows["waits"]["outcome"] == "queued"
    assert rows[LONG_ID]["score"] == "0.0"


def test_ids_are_text_to_two_libraries(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    content = fetch(api, export(cohort_id=cohort.id, format="xlsx"))
    expected = [*HARD_IDS, "failed", "open", "waits"]
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    place = rows[0].index("external_id")
    assert [row[place] for row in rows[1:]] == expected
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    cells = next(column for column in sheet.iter_cols() if column[0].value == "external_id")[1:]
    assert [cell.value for cell in cells] == expected
    assert {(cell.data_type, cell.number_format) for cell in cells} == {("s", "@")}
    assert [row[rows[0].index("candidate")] for row in rows[1:3]] == ["00", "01"]
    assert rows[2][rows[0].index("score")] == 1.0


def test_csv_runs_no_formula(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    assert [row["external_id"] for row in read_csv(fetch(api, export(cohort_id=cohort.id)))][2] == "'=1+1"


@pytest.mark.parametrize("file_format", ["csv", "xlsx", "jsonl", "html"])
def test_two_exports_of_one_snapshot_are_equal(
    api: TestClient, cohort: SampleCohort, export: Ask, file_format: str
) -> None:
    options = {"cohort_id": cohort.id, "format": file_format, "include_answers": True}
    first, second = export(**options), export(**options)
    assert first["id"] != second["id"]
    contents = fetch(api, first), fetch(api, second)
    assert contents[0] == contents[1]
    assert first["manifest"]["sha256"] == second["manifest"]["sha256"]


def test_the_wide_layout_has_a_row_for_each_candidate(
    api: TestClient, export: Ask, database: SessionFactory, rubric: Rubric
) -> None:
    made = add_cohort(database)
    for external_id, candidate, score in (("a", "02", 1.0), ("b", "01", 2.0), ("c", "02", 3.0), ("d", "03", None)):
        report = make_scored_report(rubric, score=score)
        add_item(database, made, rubric, external_id, candidate=candidate, answer="量化", report=report)
    add_item(database, made, rubric, "e", report=make_scored_report(rubric))
    add_item(database, made, rubric, "f", report=make_scored_report(rubric))
    rows = read_csv(fetch(api, export(cohort_id=made.id, layout="wide", include_answers=True)))
    # The second answer of a candidate to a question has a row of its own, and so has each without a candidate.
    assert [row["candidate"] for row in rows] == ["01", "02", "02", "03", "", ""]
    assert [row["quantization.score"] for row in rows] == ["2.0", "1.0", "3.0", "", "7.5", "7.5"]
    assert [row["quantization.external_id"] for row in rows] == ["b", "a", "c", "d", "e", "f"]
    assert rows[0]["quantization.c1_level"] == "1"
    assert (rows[3]["scored"], rows[3]["answers"]) == ("0", "1")
    assert rows[1]["quantization.answer"] == "量化"


def test_json_lines_keep_lists_and_nulls(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    lines = fetch(api, export(cohort_id=cohort.id, format="jsonl")).decode().splitlines()
    records = [json.loads(line) for line in lines]
    assert records[0]["criteria"][0]["probabilities"] == [0.25, 0.75]
    assert records[0]["external_id"] == LONG_ID
    assert records[6]["score"] is None
    assert records[6]["flags"] == ["unread_picture"]


def test_chinese_headings_and_labels(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    made = export(cohort_id=cohort.id, format="xlsx", language="zh")
    book = load_workbook(io.BytesIO(fetch(api, made)))
    assert book.sheetnames == ["评分结果", "字段说明"]
    headings = [cell.value for cell in book.worksheets[0][1]]
    assert headings[:4] == ["回答编号", "行号", "候选人", "题目编号"]
    assert "评分项1 等级" in headings
    assert len(set(headings)) == len(headings)
    labels = [row[headings.index("状态说明")].value for row in book.worksheets[0].iter_rows(min_row=2)]
    assert labels[-1] == "排队中"


def test_the_data_dictionary_describes_each_column(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    made = export(cohort_id=cohort.id, format="xlsx")
    entries = api.get(f"/v1/exports/{made['id']}/dictionary").json()["columns"]
    book = load_workbook(io.BytesIO(fetch(api, made)))
    assert [entry["heading"] for entry in entries] == [cell.value for cell in book.worksheets[0][1]]
    assert [row[0].value for row in book.worksheets[1].iter_rows(min_row=2)] == [entry["heading"] for entry in entries]
    assert all(entry["description"] for entry in entries)
    editable = {entry["key"] for entry in entries if entry["editable"]}
    assert editable == {"human_score", "human_comment", "human_level"}


def test_columns_and_filters_are_chosen(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    made = export(cohort_id=cohort.id, columns=["score", "c_level"], filters={"states": ["graded"]})
    rows = read_csv(fetch(api, made))
    assert len(rows) == made["manifest"]["rows"] == 6
    assert set(rows[0]) >= {"external_id", "candidate", "question_id", "grading_id", "score", "c1_level"}
    assert "model" not in rows[0]
    reply = api.post("/v1/exports", json={"columns": ["scoer"]})
    assert (reply.status_code, reply.json()["code"]) == (422, "unusable_export")
    assert "no column 'scoer'" in reply.json()["detail"]


def test_gradings_outside_cohorts_are_exported(
    api: TestClient, database: SessionFactory, rubric: Rubric, export: Ask
) -> None:
    grading_id = submit_answer(database, rubric, candidate="007")
    rows = read_csv(fetch(api, export(filters={"candidates": ["007"]})))
    assert [(row["grading_id"], row["external_id"], row["candidate"]) for row in rows] == [(grading_id, "", "007")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"format": "pdf"}, "set include_answers"),
        ({"format": "ods"}, "choose csv, xlsx, jsonl, html, pdf"),
        ({"format": "html"}, "set include_answers"),
        ({"filters": {"created_after": "2026-01-01T00:00:00"}}, "filters.created_after: give a time with its zone"),
    ],
)
def test_what_cannot_be_exported_is_refused_at_once(api: TestClient, body: dict[str, Any], words: str) -> None:
    reply = api.post("/v1/exports", json=body)
    assert reply.status_code == 422
    assert words in reply.json()["detail"]


def test_an_unknown_cohort_is_not_found(api: TestClient) -> None:
    assert api.post("/v1/exports", json={"cohort_id": "0" * 32}).status_code == 404


def test_the_page_shows_answers_without_the_key(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    options = {"cohort_id": cohort.id, "format": "html", "include_answers": True}
    written = fetch(api, export(**options)).decode()
    assert "INT8, 量化" in written
    assert "stored with fewer bits" not in written
    assert "stored with fewer bits" in fetch(api, export(**options, include_answer_key=True)).decode()


def test_the_page_is_written_as_pdf(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    made = export(cohort_id=cohort.id, format="pdf", include_answers=True, language="zh")
    reply = api.get(f"/v1/exports/{made['id']}/file")
    assert reply.headers["content-type"] == "application/pdf"
    assert made["manifest"]["answers"] == 8
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(reply.content)).pages)
    assert "Spring" in text
    assert text.count("INT8, 量化") == 5
    assert "stored with fewer bits" not in text


def test_too_many_answers_for_a_pdf_fail_with_a_sentence(
    api: TestClient, cohort: SampleCohort, export: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_IN_PDF", 7)
    made = export(cohort_id=cohort.id, format="pdf", include_answers=True)
    assert (made["state"], made["error"]) == (
        "failed",
        "These are 8 answers and a PDF holds 7: set filters, or choose html.",
    )


def test_without_its_libraries_a_pdf_fails_with_a_sentence_and_other_formats_go_on(
    api: TestClient, cohort: SampleCohort, export: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PdfError("PDFs need a font.")

    monkeypatch.setattr(page, "write_pdf", refuse)
    made = export(cohort_id=cohort.id, format="pdf", include_answers=True)
    assert (made["state"], made["error"]) == ("failed", "PDFs need a font.")
    reply = api.get(f"/v1/exports/{made['id']}/file")
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")
    assert export(cohort_id=cohort.id, format="html", include_answers=True)["state"] == "finished"


def test_the_answer_key_needs_its_scope_to_ask_and_to_fetch(
    api: TestClient, cohort: SampleCohort, export: Ask, database: SessionFactory
) -> None:
    header = make_key_header(database, scopes=[Scope.EXPORTS_READ, Scope.EXPORTS_WRITE])
    body = {"cohort_id": cohort.id, "include_answer_key": True}
    assert api.post("/v1/exports", json=body, headers=header).status_code == 403
    made = export(**body)
    assert "feedback_interviewer" in read_csv(fetch(api, made))[0]
    reply = api.get(f"/v1/exports/{made['id']}/file", headers=header)
    assert (reply.status_code, reply.json()["code"]) == (403, "missing_scope")


# The file


def test_ranges_put_together_are_the_file(
    api: TestClient, cohort: SampleCohort, export: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivavoce.workers.exports.handler.CHUNK_BYTES", 1000)
    made = export(cohort_id=cohort.id)
    address, whole = f"/v1/exports/{made['id']}/file", fetch(api, made)
    size = len(whole)
    assert size > 3000
    for first, last in ((0, 0), (0, 999), (999, 1000), (1000, 1999), (500, 2700), (size - 1, size + 5)):
        reply = api.get(address, headers={"Range": f"bytes={first}-{last}"})
        assert (reply.status_code, reply.content) == (206, whole[first : last + 1])
        assert reply.headers["Content-Range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
    assert api.get(address, headers={"Range": "bytes=-10"}).content == whole[-10:]
    past = api.get(address, headers={"Range": f"bytes={size}-"})
    assert (past.status_code, past.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert api.get(address, headers={"Range": "bytes=0-1,5-6"}).content == whole


def test_a_part_of_another_file_is_not_continued(api: TestClient, cohort: SampleCohort, export: Ask) -> None:
    made = export(cohort_id=cohort.id)
    address, tag = f"/v1/exports/{made['id']}/file", f'"{made["manifest"]["sha256"]}"'
    assert api.get(address).headers["ETag"] == tag
    assert api.get(address, headers={"If-None-Match": tag}).status_code == 304
    assert api.get(address, headers={"Range": "bytes=5-", "If-Range": tag}).status_code == 206
    assert api.get(address, headers={"Range": "bytes=5-", "If-Range": '"other"'}).status_code == 200


def test_the_name_of_the_file_is_that_of_the_cohort_in_utf_8(
    api: TestClient, cohort: SampleCohort, export: Ask, database: SessionFactory
) -> None:
    with database.begin() as session:
        session.get_one(Cohort, cohort.id).name = '春招 "一"/2'
    made = export(cohort_id=cohort.id)
    header = api.get(f"/v1/exports/{made['id']}/file").headers["Content-Disposition"]
    assert f'filename="__ -_--2-{made["id"][:8]}.csv"' in header
    assert "filename*=UTF-8''%E6%98%A5%E6%8B%9B%20-%E4%B8%80--2-" in header


def test_long_answers_go_on_in_the_cell_beside(
    api: TestClient, database: SessionFactory, rubric: Rubric, export: Ask
) -> None:
    cohort, answer = add_cohort(database), "\N{CJK UNIFIED IDEOGRAPH-20000}" * 20_000
    add_item(database, cohort, rubric, "long", answer=answer, report=make_scored_report(rubric))
    content = fetch(api, export(cohort_id=cohort.id, format="xlsx", include_answers=True))
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    place = rows[0].index("answer")
    assert rows[0][place + 1] == "answer (continued)"
    assert str(rows[1][place]) + str(rows[1][place + 1]) == answer


# Its life


def test_exports_are_listed_in_pages(api: TestClient, cohort: SampleCohort) -> None:
    made = [api.post("/v1/exports", json={"cohort_id": cohort.id}).json()["id"] for _ in range(5)]
    api.post("/v1/exports", json={})
    first = api.get("/v1/exports", params={"limit": 2, "cohort_id": cohort.id}).json()
    second = api.get("/v1/exports", params={"cursor": first["next_cursor"]}).json()
    third = api.get("/v1/exports", params={"cursor": second["next_cursor"]}).json()
    assert third["next_cursor"] is None
    found = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert found == made[::-1]


def test_a_deleted_export_is_gone_with_its_file(
    api: TestClient, cohort: SampleCohort, export: Ask, database: SessionFactory
) -> None:
    made = export(cohort_id=cohort.id)
    assert api.delete(f"/v1/exports/{made['id']}").status_code == 204
    for path in ("", "/file", "/dictionary"):
        assert api.get(f"/v1/exports/{made['id']}{path}").status_code == 404
    with database() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ExportChunk)) == 0
    assert audited_kinds(database, made["id"]) == ["export_created", "export_deleted"]


def test_an_export_that_is_deleted_while_it_waits_is_not_written(
    api: TestClient, cohort: SampleCohort, work: Callable[[], bool], database: SessionFactory
) -> None:
    made = api.post("/v1/exports", json={"cohort_id": cohort.id}).json()
    api.delete(f"/v1/exports/{made['id']}")
    assert work()
    assert not work()
    with database() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Export)) == 0


def test_an_expired_export_is_not_found_and_then_deleted(
    api: TestClient, cohort: SampleCohort, export: Ask, database: SessionFactory, fixed_clock: FixedClock
) -> None:
    made = export(cohort_id=cohort.id)
    fixed_clock.advance(timedelta(days=29).total_seconds())
    assert api.get(f"/v1/exports/{made['id']}").status_code == 200
    assert database.run(lifecycle.prune) == 0
    fixed_clock.advance(timedelta(days=1).total_seconds())
    reply = api.get(f"/v1/exports/{made['id']}/file")
    assert (reply.status_code, "expired" in reply.json()["detail"]) == (404, True)
    assert api.get("/v1/exports").json()["items"] == []
    assert database.run(lifecycle.prune) == 1
    with database() as session:
        assert session.get(Export, made["id"]) is None


def test_events_and_audit_trail_tell_of_an_export(
    api: TestClient, cohort: SampleCohort, export: Ask, database: SessionFactory
) -> None:
    made = export(cohort_id=cohort.id)
    fetch(api, made)
    with database() as session:
        event = session.scalars(sa.select(Event).where(Event.subject_id == made["id"])).one()
    assert (event.kind, event.cohort_id) == ("export.finished", cohort.id)
    assert event.data == {"state": "finished", "format": "csv"}
    assert audited_kinds(database, made["id"]) == ["export_created", "export_read"]


def test_a_failed_export_says_why(
    api: TestClient, cohort: SampleCohort, export: Ask, database: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivavoce.workers.exports.page.MOST_ANSWERS", 3)
    made = export(cohort_id=cohort.id, format="html", include_answers=True)
    assert made["state"] == "failed"
    assert made["error"] == "These are 8 answers and a page holds 3: set filters, or choose csv."
    with database() as session:
        assert session.scalars(sa.select(Event.kind).where(Event.subject_id == made["id"])).all() == ["export.failed"]


def test_reviews_stand_beside_the_machine(
    api: TestClient, cohort: SampleCohort, export: Ask, database: SessionFactory
) -> None:
    with database.begin() as session:
        grading = session.get_one(Grading, cohort.gradings["open"])
        add_review(
            session,
            grading,
            NewReview(reviewer="Li", actor="test", score=6.5, levels={"lower": 0}, comment="ok", source="api"),
        )
    rows = {row["external_id"]: row for row in read_csv(fetch(api, export(cohort_id=cohort.id)))}
    row = rows["open"]
    assert (row["score"], row["human_score"], row["final_score"], row["final_by"]) == ("", "6.5", "6.5", "person")
    assert (row["c1_human_level"], row["human_comment"], row["human_reviewer"]) == ("0", "ok", "Li")


def test_another_organisation_sees_no_export(
    api: TestClient, cohort: SampleCohort, export: Ask, database: SessionFactory
) -> None:
    made, header = export(cohort_id=cohort.id), make_key_header(database, organisation_id="other")
    for path in ("", "/file", "/dictionary"):
        assert api.get(f"/v1/exports/{made['id']}{path}", headers=header).status_code == 404
    assert api.get("/v1/exports", headers=header).json()["items"] == []
    assert api.post("/v1/exports", json={"cohort_id": cohort.id}, headers=header).status_code == 404
    assert api.delete(f"/v1/exports/{made['id']}", headers=header).status_code == 404
