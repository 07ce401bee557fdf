from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric, content_hash, default_bank
from vivavoce.service.access.scopes import Role, Scope
from vivavoce.service.api.documents.examples import EXAMPLE_CANVAS, EXAMPLE_RUBRIC
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, Event

from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION

ABSENT = "0" * 32


@pytest.fixture
def document(rubric: Rubric) -> dict[str, Any]:
    """The rubric as JSON, without what has its default."""
    return rubric.model_dump(mode="json", exclude_defaults=True)


@pytest.fixture
def draft(api: TestClient, document: dict[str, Any]) -> dict[str, Any]:
    """A complete draft."""
    return create(api, document)


def create(api: TestClient, document: Any) -> dict[str, Any]:
    reply = api.post("/v1/rubrics", json=document)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def freeze(api: TestClient, document: Any) -> dict[str, Any]:
    made = create(api, document)
    reply = api.post(f"/v1/rubrics/{made['id']}/freeze")
    assert reply.status_code == 200, reply.text
    frozen: dict[str, Any] = reply.json()
    return frozen


def assert_problem(reply: Any, status: int, code: str, *words: str) -> None:
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), reply.text
    problem = reply.json()
    assert problem["code"] == code
    assert [word for word in words if word not in problem["detail"]] == []


def test_a_draft_is_created_from_json_and_read_again(api: TestClient, document: dict[str, Any], rubric: Rubric) -> None:
    reply = api.post("/v1/rubrics", json=document)
    made = reply.json()
    assert (reply.status_code, reply.headers["location"], reply.headers["etag"]) == (
        201,
        f"/v1/rubrics/{made['id']}",
        '"1"',
    )
    shown = {
        name: made[name] for name in ("question_id", "language", "version", "status", "content_hash", "max_points")
    }
    assert shown == {
        "question_id": "quantization",
        "language": "en",
        "version": 1,
        "status": "draft",
        "content_hash": None,
        "max_points": 10.0,
    }
    read = api.get(reply.headers["location"])
    assert (read.json(), read.headers["etag"]) == (made, '"1"')
    assert Rubric.model_validate(made["rubric"]).expected_points == rubric.expected_points


@pytest.mark.parametrize("media_type", ["application/yaml", "text/yaml; charset=utf-8", "application/x-yaml"])
def test_yaml_makes_the_same_draft_as_json(
    api: TestClient, document: dict[str, Any], draft: dict[str, Any], media_type: str
) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    reply = api.post("/v1/rubrics", content=text.encode(), headers={"Content-Type": media_type})
    assert reply.status_code == 201, reply.text
    assert (reply.json()["rubric"], reply.json()["version"]) == (draft["rubric"], 2)


@pytest.mark.parametrize(
    ("text", "status", "code", "words"),
    [
        ("a: &x [1]\nb: *x", 400, "unreadable_body", "Line 2 of the YAML has the alias '*x'"),
        ("a: " + "[" * 5000, 400, "unreadable_body", "at most 16 levels"),
        ("a: [" + "1," * 30_000 + "1]", 422, "unusable_request", "too large for one rubric"),
        ("a: !!python/object/apply:os.system [x]", 400, "unreadable_body", "a text begins with !"),
        ("a: 1\na: 2", 400, "unreadable_body", "'a' is given twice"),
        ("a: 2020-01-01", 400, "unreadable_body", "put it in quotes"),
        ("a: .nan", 400, "unreadable_body", "no finite number"),
        ('a: "\\0"', 422, "invalid_rubric", "NUL"),
        ("- 1", 422, "invalid_rubric", "'question', 'criteria'"),
        ("", 400, "unreadable_body", "is empty"),
        ("{a: b", 400, "unreadable_body", "not YAML, line 2: a brace is never closed"),
    ],
)
def test_bad_yaml_is_named(api: TestClient, text: str, status: int, code: str, words: str) -> None:
    reply = api.post("/v1/rubrics", content=text.encode(), headers={"Content-Type": "application/yaml"})
    assert_problem(reply, status, code, words)


def test_an_alias_bomb_is_refused_before_it_grows(api: TestClient) -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    reply = api.post("/v1/rubrics", content="\n".join(lines), headers={"Content-Type": "application/yaml"})
    assert_problem(reply, 400, "unreadable_body", "alias '*a0'")


def test_a_body_of_another_type_is_refused(api: TestClient) -> None:
    reply = api.post("/v1/rubrics", content="x", headers={"Content-Type": "text/plain"})
    assert_problem(reply, 415, "unsupported_media_type", "application/json or application/yaml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"criteria": []}, "criteria"),
        ({"colour": "red"}, "there is no field 'colour'"),
        ({"question": None}, "question"),
        ({"notes": "a\x00b"}, "NUL"),
    ],
)
def test_what_is_no_rubric_is_explained(
    api: TestClient, document: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    assert_problem(api.post("/v1/rubrics", json={**document, **change}), 422, "invalid_rubric", words)


def test_numbers_must_be_numbers_in_both_forms(api: TestClient, document: dict[str, Any]) -> None:
    document["criteria"][0]["points"] = "4"
    for headers, body in (
        ({"Content-Type": "application/json"}, None),
        ({"Content-Type": "application/yaml"}, yaml.safe_dump(document)),
    ):
        reply = api.post("/v1/rubrics", headers=headers, **({"content": body} if body else {"json": document}))
        assert_problem(reply, 422, "invalid_rubric", "criterion 'lower', points", "write 4")


def test_a_draft_may_lack_what_a_rubric_needs_and_says_so_when_it_is_frozen(
    api: TestClient, document: dict[str, Any]
) -> None:
    del document["references"]
    document["criteria"][1]["levels"][2]["description"] = ""
    made = create(api, {**document, "status": "frozen"})
    assert made["status"] == "draft"
    lint = api.get(f"/v1/rubrics/{made['id']}/lint").json()
    assert lint["can_freeze"] is False
    errors = [finding["pointer"] for finding in lint["findings"] if finding["severity"] == "error"]
    assert errors == ["/references", "/criteria/1/levels/2"]
    refused = api.post(f"/v1/rubrics/{made['id']}/freeze")
    assert_problem(
        refused, 409, "unfinished_rubric", "2 errors", "no reference answer", "level 2 of criterion 'methods'"
    )
    assert "status: draft" not in refused.text
    assert api.get(f"/v1/rubrics/{made['id']}").json()["status"] == "draft"


def test_a_wording_that_no_judge_can_grade_keeps_a_draft_from_being_frozen(
    api: TestClient, document: dict[str, Any]
) -> None:
    document["criteria"][0]["statement"] = "The answer does not mention INT8."
    made = create(api, document)
    (error,) = [f for f in api.get(f"/v1/rubrics/{made['id']}/lint").json()["findings"] if f["severity"] == "error"]
    assert (error["rule"], error["pointer"]) == ("absence", "/criteria/0/statement")
    assert_problem(api.post(f"/v1/rubrics/{made['id']}/freeze"), 409, "unfinished_rubric", "rewards what is left out")


def test_rubrics_of_the_bank_have_no_error_and_no_warning(api: TestClient) -> None:
    for language in ("zh", "en"):
        made = create(api, default_bank().get("retrieval", language).model_dump(mode="json"))
        lint = api.get(f"/v1/rubrics/{made['id']}/lint").json()
        assert lint["can_freeze"]
        assert {finding["severity"] for finding in lint["findings"]} <= {"unsure"}


def test_freezing_fixes_a_version_and_is_recorded(
    api: TestClient, sqlite_database: SessionFactory, draft: dict[str, Any], rubric: Rubric
) -> None:
    frozen = api.post(f"/v1/rubrics/{draft['id']}/freeze")
    assert (frozen.status_code, frozen.headers["etag"]) == (200, '"2"')
    assert (frozen.json()["status"], frozen.json()["content_hash"]) == ("frozen", content_hash(rubric))
    assert api.post(f"/v1/rubrics/{draft['id']}/freeze").json() == frozen.json()
    with sqlite_database() as session:
        (event,) = session.scalars(sa.select(Event).where(Event.subject_id == draft["id"])).all()
        (entry,) = session.scalars(sa.select(AuditEvent).where(AuditEvent.subject == draft["id"])).all()
    assert (event.kind, event.data) == (
        "rubric.frozen",
        {"question_id": "quantization", "language": "en", "version": 1},
    )
    assert (entry.kind, entry.actor.split()[0], entry.details["content_hash"]) == (
        "rubric_frozen",
        "key",
        content_hash(rubric),
    )


def test_a_frozen_version_never_changes(api: TestClient, document: dict[str, Any], draft: dict[str, Any]) -> None:
    address = f"/v1/rubrics/{draft['id']}"
    api.post(f"{address}/freeze")
    before = api.get(address).json()
    assert_problem(
        api.put(address, json=document, headers={"If-Match": "*"}), 409, "wrong_state", "only a draft can be"
    )
    assert_problem(api.delete(address), 409, "wrong_state", "only a draft can be deleted")
    assert api.get(address).json() == before


def test_an_edit_needs_the_revision_that_it_was_made_from(
    api: TestClient, document: dict[str, Any], draft: dict[str, Any]
) -> None:
    address = f"/v1/rubrics/{draft['id']}"
    changed = {**document, "notes": "read twice"}
    assert_problem(api.put(address, json=changed), 428, "precondition_missing")
    edited = api.put(address, json=changed, headers={"If-Match": '"1"'})
    assert (edited.status_code, edited.headers["etag"], edited.json()["rubric"]["notes"]) == (200, '"2"', "read twice")
    assert_problem(api.put(address, json=document, headers={"If-Match": '"1"'}), 412, "precondition_failed", '"2"')
    assert_problem(api.post(f"{address}/freeze", headers={"If-Match": '"1"'}), 412, "precondition_failed")
    assert_problem(api.delete(address, headers={"If-Match": '"1"'}), 412, "precondition_failed")
    assert api.get(address).json()["rubric"]["notes"] == "read twice"


def test_an_edit_keeps_to_its_question(api: TestClient, document: dict[str, Any], draft: dict[str, Any]) -> None:
    document["question"]["id"] = "another"
    reply = api.put(f"/v1/rubrics/{draft['id']}", json=document, headers={"If-Match": "*"})
    assert_problem(reply, 422, "invalid_rubric", "'quantization'", "'another'")


def test_a_draft_is_deleted_with_its_tests(api: TestClient, draft: dict[str, Any]) -> None:
    test = api.post(f"/v1/rubrics/{draft['id']}/test", json={"answer": "INT8"}).headers["location"]
    assert api.delete(f"/v1/rubrics/{draft['id']}").status_code == 204
    for address in (f"/v1/rubrics/{draft['id']}", test):
        assert_problem(api.get(address), 404, "not_found")


def test_a_retired_version_leaves_the_one_before_in_use(
    api: TestClient, document: dict[str, Any], sqlite_database: SessionFactory
) -> None:
    first, second = freeze(api, document), freeze(api, {**document, "notes": "second"})
    assert [question["rubric_id"] for question in api.get("/v1/questions").json()] == [second["id"]]
    retired = api.post(f"/v1/rubrics/{second['id']}/retire")
    assert (retired.json()["status"], retired.json()["retired_at"] is None) == ("retired", False)
    assert api.post(f"/v1/rubrics/{second['id']}/retire").json() == retired.json()
    assert [question["rubric_id"] for question in api.get("/v1/questions").json()] == [first["id"]]
    with sqlite_database() as session:
        kinds = session.scalars(sa.select(Event.kind).where(Event.subject_id == second["id"]).order_by(Event.sequence))
        assert list(kinds) == ["rubric.frozen", "rubric.retired"]


def test_a_draft_is_not_retired(api: TestClient, draft: dict[str, Any]) -> None:
    assert_problem(api.post(f"/v1/rubrics/{draft['id']}/retire"), 409, "wrong_state", "DELETE /v1/rubrics/")


def test_a_question_of_the_bank_and_a_version_can_be_copied(api: TestClient, rubric: Rubric) -> None:
    from_bank = create(api, {"from": {"question_id": "27.1"}})
    assert (from_bank["question_id"], from_bank["status"]) == ("quantization", "draft")
    copied = create(api, {"from": {"rubric_id": from_bank["id"]}})
    assert (copied["version"], copied["rubric"]) == (2, from_bank["rubric"])
    as_yaml = api.post(
        "/v1/rubrics", content="from: {question_id: quantization}", headers={"Content-Type": "application/yaml"}
    )
    assert as_yaml.json()["rubric"] == from_bank["rubric"]


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ({"question_id": "nothing"}, 404, "unknown_question"),
        ({"question_id": "quantization", "language": "zh"}, 404, "unknown_question"),
        ({"rubric_id": ABSENT}, 404, "not_found"),
        ({}, 422, "unusable_request"),
        ({"rubric_id": ABSENT, "question_id": "quantization"}, 422, "unusable_request"),
        ({"rubric_id": "x"}, 422, "malformed_request"),
        (None, 422, "malformed_request"),
    ],
)
def test_what_cannot_be_copied_is_named(api: TestClient, source: Any, status: int, code: str) -> None:
    assert_problem(api.post("/v1/rubrics", json={"from": source}), status, code)


def test_a_copy_needs_the_right_to_read_what_is_copied(
    api: TestClient, sqlite_database: SessionFactory, document: dict[str, Any]
) -> None:
    writer = make_key_header(sqlite_database, scopes=[Scope.RUBRICS_WRITE])
    assert api.post("/v1/rubrics", json=document, headers=writer).status_code == 201
    reply = api.post("/v1/rubrics", json={"from": {"question_id": "quantization"}}, headers=writer)
    assert_problem(reply, 403, "missing_scope", "rubrics:read")


def test_versions_are_listed_newest_first_with_filters_and_pages(api: TestClient, document: dict[str, Any]) -> None:
    ids = [create(api, document)["id"] for _ in range(4)]
    other = {**document, "question": {**document["question"], "id": "other", "handbook": None}}
    frozen = freeze(api, other)
    assert [item["id"] for item in api.get("/v1/rubrics").json()["items"]] == [frozen["id"], *reversed(ids)]
    assert [item["id"] for item in api.get("/v1/rubrics", params={"status": "frozen"}).json()["items"]] == [
        frozen["id"]
    ]
    found: list[str] = []
    address: str | None = "/v1/rubrics?question_id=quantization&limit=3"
    while address:
        page = api.get(address)
        found += [item["id"] for item in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        address = f"/v1/rubrics?cursor={cursor}" if cursor else None
    assert found == ids[::-1]
    first = api.get("/v1/rubrics?limit=3").json()["next_cursor"]
    assert_problem(api.get(f"/v1/rubrics?cursor={first}&status=draft"), 400, "invalid_cursor")
    assert "rubric" not in api.get("/v1/rubrics").json()["items"][0]


def test_a_diff_says_what_a_change_does_to_grades(api: TestClient, document: dict[str, Any]) -> None:
    first = freeze(api, document)
    document["criteria"][0]["points"] = 6
    second = create(api, document)
    address = f"/v1/rubrics/{second['id']}/diff"
    diff = api.get(address).json()
    assert (diff["against"], diff["effect"]) == (first["id"], "recompute")
    assert [(change["criterion"], change["effect"]) for change in diff["changes"]] == [("lower", "recompute")]
    assert api.get(address, params={"against": "bank"}).json()["changes"] == diff["changes"]
    assert api.get(f"/v1/rubrics/{first['id']}/diff").json()["changes"] == []
    document["expected_points"][0]["text"] = "Weights are INT8."
    third = create(api, document)
    assert api.get(f"/v1/rubrics/{third['id']}/diff").json()["effect"] == "stale"


def test_rubrics_of_two_questions_are_not_compared(api: TestClient, document: dict[str, Any]) -> None:
    first = create(api, document)
    document["question"] = {**document["question"], "id": "other", "handbook": None}
    second = create(api, document)
    address = f"/v1/rubrics/{second['id']}/diff"
    assert_problem(api.get(address, params={"against": first["id"]}), 422, "unusable_request", "one question")
    assert_problem(api.get(address), 404, "not_found", "'against'")


def test_an_export_makes_the_same_rubric_again(api: TestClient, draft: dict[str, Any]) -> None:
    file = api.get(f"/v1/rubrics/{draft['id']}/export")
    assert file.headers["content-type"].startswith("application/yaml")
    assert file.headers["content-disposition"] == 'attachment; filename="quantization.en.v1.yaml"'
    again = api.post("/v1/rubrics", content=file.content, headers={"Content-Type": "application/yaml"})
    assert again.json()["rubric"] == draft["rubric"]
    page = api.get(f"/v1/rubrics/{draft['id']}/export", params={"format": "markdown"})
    assert page.text.startswith("# How does quantization")
    table = api.get(f"/v1/rubrics/{draft['id']}/export", params={"format": "canvas"})
    assert table.text.startswith("Rubric Name,Criteria Name")


def test_rubrics_are_imported_from_canvas(api: TestClient) -> None:
    reply = api.post("/v1/rubric-imports", content=EXAMPLE_CANVAS, headers={"Content-Type": "text/csv"})
    assert reply.status_code == 201, reply.text
    (item,) = reply.json()["items"]
    assert reply.headers["location"] == f"/v1/rubrics/{item['id']}"
    read = api.get(reply.headers["location"]).json()
    assert (read["status"], read["rubric"]["criteria"][0]["title"]) == ("draft", "Fewer bits")
    exported = api.get(f"{reply.headers['location']}/export", params={"format": "canvas"})
    assert exported.text == EXAMPLE_CANVAS
    refused = api.post("/v1/rubric-imports", content="a,b\n1,2\n", headers={"Content-Type": "text/csv"})
    assert_problem(refused, 422, "invalid_rubric")


def test_the_example_of_the_documentation_can_be_frozen(api: TestClient) -> None:
    assert freeze(api, EXAMPLE_RUBRIC)["status"] == "frozen"


@pytest.mark.parametrize("path", ["", "/lint", "/diff", "/export", f"/tests/{ABSENT}"])
@pytest.mark.parametrize("name", [ABSENT, "x", "a%00b"])
def test_what_is_not_there_is_404(api: TestClient, path: str, name: str) -> None:
    assert_problem(api.get(f"/v1/rubrics/{name}{path}"), 404, "not_found")


def test_another_organisation_sees_nothing(
    api: TestClient, sqlite_database: SessionFactory, document: dict[str, Any]
) -> None:
    frozen = freeze(api, document)
    other = make_key_header(sqlite_database, organisation_id=OTHER_ORGANISATION)
    assert api.get("/v1/rubrics", headers=other).json()["items"] == []
    assert [question["source"] for question in api.get("/v1/questions", headers=other).json()] == ["bank"]
    address = f"/v1/rubrics/{frozen['id']}"
    for method, path in (("GET", ""), ("GET", "/lint"), ("POST", "/retire"), ("POST", "/freeze"), ("DELETE", "")):
        assert_problem(api.request(method, address + path, headers=other), 404, "not_found")
    assert api.post("/v1/rubrics", json={"from": {"rubric_id": frozen["id"]}}, headers=other).status_code == 404
    assert create(api, document)["version"] == 2


def test_integrators_never_see_the_key(api: TestClient, sqlite_database: SessionFactory, draft: dict[str, Any]) -> None:
    integrator = make_key_header(sqlite_database, role=Role.INTEGRATOR)
    for path in ("", f"/{draft['id']}", f"/{draft['id']}/export", f"/{draft['id']}/diff"):
        assert_problem(api.get(f"/v1/rubrics{path}", headers=integrator), 403, "missing_scope")


def test_a_status_that_does_not_exist_is_refused(api: TestClient, document: dict[str, Any]) -> None:
    for status in ({}, "done"):
        assert_problem(
            api.post("/v1/rubrics", json={**document, "status": status}), 422, "invalid_rubric", "leave it out"
        )


def test_an_address_with_several_methods_names_all_of_them(api: TestClient) -> None:
    for address, methods in (
        ("/v1/rubrics", "GET, HEAD, POST"),
        (f"/v1/rubrics/{ABSENT}", "DELETE, GET, HEAD, PUT"),
        ("/v1/rubric-imports", "POST"),
    ):
        reply = api.patch(address)
        assert (reply.status_code, reply.headers["allow"]) == (405, methods)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"\xff", 400, "unreadable_body"),
        (b'{"answer": 1}', 422, "malformed_request"),
        (b"[" * 9000, 400, "unreadable_body"),
    ],
)
def test_a_broken_body_of_a_test_is_named(
    api: TestClient, draft: dict[str, Any], body: bytes, status: int, code: str
) -> None:
    headers = {"Content-Type": "application/json"}
    assert_problem(api.post(f"/v1/rubrics/{draft['id']}/test", content=body, headers=headers), status, code)
