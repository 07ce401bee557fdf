"""Files of answers over HTTP: upload, report, mapping, bad rows, apply."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from vivavoce.service.access.scopes import Role
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import CohortState

from ..cohort_file_samples import INT8, add_cohort, list_codes, read_items, upload
from ..keys import make_key_header

LONG = f'candidate,question_id,answer\n001,quantization,"{INT8}"\n002,quantization,It is faster.\n'.encode()


@pytest.fixture
def cohort_id(sqlite_database: SessionFactory) -> str:
    return add_cohort(sqlite_database)


def test_an_upload_is_stored_with_its_report_and_makes_no_item(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str
) -> None:
    reply = upload(api, cohort_id, LONG)
    report = reply.json()
    assert reply.status_code == 201
    assert reply.headers["location"] == f"/v1/cohorts/{cohort_id}/files/{report['id']}"
    assert report["counts"] == {
        "rows": 2, "valid_rows": 2, "invalid_rows": 0, "answers": 2, "errors": 0, "warnings": 0
    }  # fmt: skip
    assert (report["format"], report["encoding"], report["delimiter"]) == ("csv", "UTF-8", ",")
    assert report["mapping_source"] == "guessed"
    assert report["mapping"]["answer"] == "answer"
    assert [column["field"] for column in report["columns"]] == ["candidate", "question", "answer"]
    assert report["first_rows"][0]["values"]["candidate"] == "001"
    assert read_items(sqlite_database, cohort_id) == []
    assert api.get(reply.headers["location"]).json() == report
    listed = api.get(f"/v1/cohorts/{cohort_id}/files").json()["items"]
    assert [file["id"] for file in listed] == [report["id"]]


def test_the_same_file_sent_three_times_makes_one_set_of_items(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str
) -> None:
    applied = []
    for _ in range(3):
        file = upload(api, cohort_id, LONG).json()
        applied.append(api.post(f"/v1/cohorts/{cohort_id}/files/{file['id']}/apply").json()["applied"])
    assert [(done["created"], done["changed"], done["unchanged"]) for done in applied] == [(2, 0, 0)] + [(0, 0, 2)] * 2
    items = read_items(sqlite_database, cohort_id)
    assert [item[1:] for item in items] == [
        ("quantization", "001", INT8), ("quantization", "002", "It is faster.")
    ]  # fmt: skip


def test_rows_in_another_order_are_the_same_items(api: TestClient, cohort_id: str) -> None:
    heading, first, second = LONG.decode().splitlines()
    for text, expected in ((LONG.decode(), (2, 0)), (f"{heading}\n{second}\n{first}\n", (0, 2))):
        file = upload(api, cohort_id, text.encode()).json()
        done = api.post(f"/v1/cohorts/{cohort_id}/files/{file['id']}/apply").json()["applied"]
        assert (done["created"], done["unchanged"]) == expected


def test_a_file_with_errors_is_taken_whole_or_in_part(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str
) -> None:
    file = upload(api, cohort_id, LONG + b"003,no-such-question,text\n").json()
    address = f"/v1/cohorts/{cohort_id}/files/{file['id']}/apply"
    refused = api.post(address)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_rows")
    assert read_items(sqlite_database, cohort_id) == []
    done = api.post(address, json={"on_invalid": "valid_rows_only"}).json()["applied"]
    assert (done["created"], done["left_out_rows"]) == (2, 1)


def test_a_problem_is_said_in_both_languages_with_row_column_value_and_fix(api: TestClient, cohort_id: str) -> None:
    report = upload(api, cohort_id, LONG + b"003,no-such-question,text\n").json()
    (problem,) = report["problems"]
    assert (problem["row"], problem["column"], problem["value"]) == (4, "question_id", "no-such-question")
    assert (problem["code"], problem["level"]) == ("unknown_question", "error")
    assert "题库里没有这道题" in problem["message"]["zh"]
    assert "no such question" in problem["message"]["en"]
    assert problem["fix"]["zh"]
    assert problem["fix"]["en"]


def test_all_problems_are_listed_in_pages(api: TestClient, cohort_id: str) -> None:
    rows = "".join(f"c{number},nothing,text {number}\n" for number in range(130))
    report = upload(api, cohort_id, f"candidate,question_id,answer\n{rows}".encode()).json()
    assert (len(report["problems"]), report["problem_count"]) == (100, 130)
    found, address = [], f"/v1/cohorts/{cohort_id}/files/{report['id']}/problems?limit=60&level=error"
    while address:
        reply = api.get(address)
        assert reply.status_code == 200, reply.json()
        found += [problem["row"] for problem in reply.json()["items"]]
        cursor = reply.json()["next_cursor"]
        address = cursor and f"/v1/cohorts/{cohort_id}/files/{report['id']}/problems?cursor={cursor}"
    assert found == list(range(2, 132))


def test_mended_bad_rows_go_through_with_the_column_of_errors_and_without(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str
) -> None:
    file = upload(api, cohort_id, LONG + b"003,no-such-question,text of 3\n004,nothing,=1+1\n").json()
    bad_rows = api.get(f"/v1/cohorts/{cohort_id}/files/{file['id']}/bad-rows", params={"language": "zh"})
    assert bad_rows.headers["content-disposition"] == "attachment; filename*=UTF-8''answers.bad-rows.csv"
    assert bad_rows.content.startswith(b"\xef\xbb\xbfcandidate,question_id,answer,error\r\n003,no-such-question,")
    assert "题库里没有这道题" in bad_rows.content.decode("utf-8-sig")
    mended = bad_rows.content.decode("utf-8-sig").replace("no-such-question", "quantization")
    mended = mended.replace("nothing", "quantization")
    without = "".join(f"{','.join(line.split(',')[:3])}\n" for line in mended.splitlines())
    for text, expected in ((mended, (2, 0)), (without, (0, 2))):
        repaired = upload(api, cohort_id, text.encode("utf-8-sig")).json()
        assert list_codes(repaired) == []
        done = api.post(f"/v1/cohorts/{cohort_id}/files/{repaired['id']}/apply").json()["applied"]
        assert (done["created"], done["unchanged"]) == expected
    assert [item[3] for item in read_items(sqlite_database, cohort_id)] == ["text of 3", "=1+1"]


def test_a_mapping_is_corrected_and_saved_and_found_again(api: TestClient, cohort_id: str) -> None:
    data = f'Who,Topic,Reply,Nickname\nAda,27.1,"{INT8}",x\n'.encode()
    reply = upload(api, cohort_id, data)
    report, address = reply.json(), reply.headers["location"]
    assert list_codes(report) == ["no_answer_column"], report
    mapping = {"layout": "long", "answer": "Reply", "question": "Topic", "candidate": ["Who"]}
    assert api.put(f"{address}/mapping", json={"mapping": mapping}).status_code == 428
    changed = api.put(f"{address}/mapping", json={"mapping": mapping}, headers={"If-Match": reply.headers["etag"]})
    assert (list_codes(changed.json()), changed.json()["mapping_source"]) == ([], "given")
    assert changed.json()["counts"]["answers"] == 1
    stale = api.put(f"{address}/mapping", json={"mapping": mapping}, headers={"If-Match": reply.headers["etag"]})
    assert stale.status_code == 412
    columns = [column["name"] for column in report["columns"]]
    saved = api.post("/v1/mappings", json={"name": "interviews", "columns": columns, "mapping": mapping})
    assert saved.status_code == 201
    again = upload(api, cohort_id, data).json()
    assert (again["mapping_source"], again["saved_mapping"], list_codes(again)) == ("saved", "interviews", [])
    assert [item["name"] for item in api.get("/v1/mappings").json()["items"]] == ["interviews"]
    assert api.get(saved.headers["location"]).json() == saved.json()
    assert api.post("/v1/mappings", json=json.loads(saved.request.content)).json()["code"] == "name_taken"
    assert api.delete(saved.headers["location"]).status_code == 204
    assert list_codes(upload(api, cohort_id, data).json()) == ["no_answer_column"]


def test_what_a_mapping_names_and_the_file_lacks_is_a_problem(api: TestClient, cohort_id: str) -> None:
    address = upload(api, cohort_id, LONG).headers["location"]
    mapping = {"layout": "wide", "answers": [{"column": "Q9", "question_id": "nothing"}]}
    report = api.put(f"{address}/mapping", json={"mapping": mapping}, headers={"If-Match": "*"}).json()
    assert list_codes(report) == ["missing_column", "unknown_mapped_question"]
    assert report["counts"]["answers"] == 0


def test_the_name_comes_from_the_parameter_the_header_or_the_type(api: TestClient, cohort_id: str) -> None:
    address = f"/v1/cohorts/{cohort_id}/files"
    headers = {"Content-Type": "text/csv"}
    named = {**headers, "Content-Disposition": f"attachment; filename*=UTF-8''{quote('面试.csv')}"}
    assert api.post(address, content=LONG, headers=headers).json()["name"] == "answers.csv"
    assert api.post(address, content=LONG, headers=named).json()["name"] == "面试.csv"
    assert api.post(address, params={"name": "我.csv"}, content=LONG, headers=named).json()["name"] == "我.csv"


@pytest.mark.parametrize(
    ("headers", "parameters", "status", "code"),
    [
        ({}, {}, 415, "unsupported_media_type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, {}, 415, "unsupported_media_type"),
        ({"Content-Type": "text/csv", "Content-Encoding": "gzip"}, {}, 415, "unsupported_media_type"),
        ({"Content-Type": "text/csv"}, {"name": "../x.csv"}, 422, "unusable_request"),
        ({"Content-Type": "text/csv"}, {"nome": "x.csv"}, 422, "malformed_request"),
    ],
)
def test_what_is_no_upload_is_refused_in_one_sentence(
    api: TestClient, cohort_id: str, headers: dict[str, str], parameters: dict[str, str], status: int, code: str
) -> None:
    reply = api.post(f"/v1/cohorts/{cohort_id}/files", params=parameters, content=LONG, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(api: TestClient, cohort_id: str) -> None:
    reply = upload(api, cohort_id, b"x" * (20 * 1024 * 1024 + 1))
    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")
    assert "20 MiB" in reply.json()["detail"]


def test_only_a_draft_takes_files(api: TestClient, sqlite_database: SessionFactory) -> None:
    running = add_cohort(sqlite_database, state=CohortState.RUNNING)
    reply = upload(api, running, LONG)
    assert (reply.status_code, reply.json()["code"]) == (409, "wrong_state")


def test_another_organisation_sees_neither_file_nor_mapping(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str
) -> None:
    address = upload(api, cohort_id, LONG).headers["location"]
    mapping = {"layout": "long", "answer": "answer", "question": "question_id"}
    saved = api.post(
        "/v1/mappings", json={"name": "ours", "columns": ["candidate", "question_id", "answer"], "mapping": mapping}
    ).headers["location"]
    other = make_key_header(sqlite_database, organisation_id="other")
    for path in (address, f"{address}/problems", f"{address}/bad-rows", f"/v1/cohorts/{cohort_id}/files", saved):
        assert api.get(path, headers=other).status_code == 404, path
    assert upload(api, add_cohort(sqlite_database, organisation_id="default"), LONG).json()["saved_mapping"] == "ours"
    theirs = add_cohort(sqlite_database, organisation_id="other")
    crossed = address.replace(cohort_id, theirs)
    assert api.get(crossed, headers=other).status_code == 404
    assert api.get("/v1/mappings", headers=other).json()["items"] == []


def test_an_auditor_reads_and_does_not_upload(api: TestClient, sqlite_database: SessionFactory, cohort_id: str) -> None:
    address = upload(api, cohort_id, LONG).headers["location"]
    auditor = make_key_header(sqlite_database, role=Role.AUDITOR)
    assert api.get(address, headers=auditor).status_code == 200
    assert api.delete(address, headers=auditor).status_code == 403
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404
