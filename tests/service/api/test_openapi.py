from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric

GRADING = "/v1/gradings/{grading_id}"
STATUSES = {
    ("post", "/v1/gradings"): {202, 400, 404, 409, 413, 415, 422},
    ("get", GRADING): {200, 404, 422},
    ("post", f"{GRADING}/cancel"): {200, 404, 409, 422},
    ("post", f"{GRADING}/requeue"): {200, 404, 409, 422},
    ("post", f"{GRADING}/regrade"): {202, 404, 409, 422},
    ("get", "/v1/gradings"): {200, 400, 422},
    ("post", f"{GRADING}/reviews"): {201, 400, 404, 409, 413, 415, 422},
    ("get", f"{GRADING}/reviews"): {200, 400, 404, 422},
    ("get", f"{GRADING}/reports"): {200, 400, 404, 422},
    ("get", f"{GRADING}/feedback"): {200, 404, 422},
    ("get", "/v1/submissions/{submission_id}"): {200, 404, 422},
    ("get", "/v1/questions"): {200, 304, 422},
    ("post", "/v1/exports"): {202, 400, 404, 409, 413, 415, 422},
    ("get", "/v1/exports"): {200, 400, 422},
    ("get", "/v1/exports/{export_id}"): {200, 404, 422},
    ("delete", "/v1/exports/{export_id}"): {204, 404, 422},
    ("get", "/v1/exports/{export_id}/file"): {200, 206, 304, 404, 409, 416, 422},
    ("get", "/v1/exports/{export_id}/dictionary"): {200, 404, 409, 422},
    ("post", "/v1/exports/{export_id}/edits"): {201, 400, 404, 409, 413, 422},
    ("get", "/v1/grade-edits/{edit_id}"): {200, 404, 422},
    ("post", "/v1/grade-edits/{edit_id}/apply"): {200, 404, 409, 422},
    ("get", "/healthz"): {200},
    ("get", "/readyz"): {200},
    ("get", "/metrics"): {200},
}


@pytest.fixture
def document(api: TestClient) -> dict[str, Any]:
    read: dict[str, Any] = api.get("/openapi.json").json()
    return read


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method, path, operation


def test_every_status_that_a_caller_can_get_is_there(document: dict[str, Any]) -> None:
    found = {(method, path): {int(s) for s in op["responses"]} for method, path, op in _operations(document)}
    assert {operation: found[operation] - {401, 403} for operation in STATUSES} == {
        operation: statuses | {429, 500, 503} for operation, statuses in STATUSES.items()
    }


def test_every_operation_with_a_scope_may_answer_401_and_403(document: dict[str, Any]) -> None:
    for _, _, operation in _operations(document):
        assert {"401", "403"} <= set(operation["responses"]) or "x-scope" not in operation


def test_statuses_follow_from_the_kind_of_an_operation(document: dict[str, Any]) -> None:
    for method, path, operation in _operations(document):
        statuses = {int(status) for status in operation["responses"]}
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        body = operation.get("requestBody", {}).get("content", {})
        kinds = {
            404: "{" in path,
            422: path.startswith("/v1/"),
            400: bool(body) or "cursor" in names,
            413: bool(body),
            415: "application/json" in body,
            412: "If-Match" in names,
            409: "Idempotency-Key" in names,
        }
        missing = {status for status, is_needed in kinds.items() if is_needed} - statuses
        assert not missing, (method, path, missing)


def test_an_edit_that_gets_428_without_it_requires_if_match(document: dict[str, Any]) -> None:
    found = {
        operation["operationId"]: [
            parameter["required"] for parameter in operation.get("parameters", []) if parameter["name"] == "If-Match"
        ]
        for _, _, operation in _operations(document)
        if "428" in operation["responses"]
    }
    assert {"update_cohort", "edit_webhook", "rotate_webhook_secret", "change_file_mapping", "edit_rubric"} <= set(
        found
    )
    assert all(required == [True] for required in found.values()), found


def test_every_operation_on_a_thing_is_reached_by_a_link(document: dict[str, Any]) -> None:
    linked = {
        name
        for _, _, operation in _operations(document)
        for reply in operation["responses"].values()
        for name in reply.get("links", {})
    }
    assert {op["operationId"] for _, path, op in _operations(document) if "{" in path} <= linked


@pytest.mark.parametrize(
    ("operation_id", "status", "target", "parameters"),
    [
        ("make_cohort", "201", "start_cohort", {"cohort_id": "$response.body#/id"}),
        ("list_cohorts", "200", "list_items", {"cohort_id": "$response.body#/items/0/id"}),
        ("list_judges", "200", "promote_judge", {"judge_id": "$response.body#/0/id"}),
        ("create_webhook", "201", "ping_webhook", {"webhook_id": "$response.body#/webhook/id"}),
        ("create_grade_edit", "201", "apply_grade_edit", {"edit_id": "$response.body#/id"}),
        (
            "list_items",
            "200",
            "read_candidate",
            {"cohort_id": "$request.path.cohort_id", "candidate": "$response.body#/items/0/candidate"},
        ),
        (
            "upload_cohort_file",
            "201",
            "apply_cohort_file",
            {"cohort_id": "$request.path.cohort_id", "file_id": "$response.body#/id"},
        ),
    ],
)
def test_links_say_where_the_ids_are(
    document: dict[str, Any], operation_id: str, status: str, target: str, parameters: dict[str, str]
) -> None:
    (operation,) = [one for _, _, one in _operations(document) if one["operationId"] == operation_id]
    link = operation["responses"][status]["links"][target]
    assert link == {"operationId": target, "parameters": parameters}


def test_the_id_of_another_thing_leads_to_its_reading_only(document: dict[str, Any]) -> None:
    links = document["paths"]["/v1/exports/{export_id}"]["get"]["responses"]["200"]["links"]
    assert set(links) == {"read_cohort"}


def test_every_error_is_problem_json(document: dict[str, Any]) -> None:
    for method, path, operation in _operations(document):
        for status, reply in operation["responses"].items():
            if int(status) >= 400 and path != "/readyz":
                (media,) = reply["content"]
                assert (media, reply["content"][media]["schema"]["$ref"].rpartition("/")[2]) == (
                    "application/problem+json",
                    "Problem",
                ), (method, path, status)
    assert not [name for name in document["components"]["schemas"] if "ValidationError" in name]


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for inner in part.values():
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    found = set(references(document))
    assert len(found) > 20
    assert {name.rpartition("/")[2] for name in found} <= set(document["components"]["schemas"])


def test_headers_are_described(document: dict[str, Any]) -> None:
    accepted = document["paths"]["/v1/gradings"]["post"]["responses"]["202"]["headers"]
    assert {"Location", "Idempotent-Replayed", "X-Request-ID"} <= set(accepted)
    for _, _, operation in _operations(document):
        assert all("X-Request-ID" in reply["headers"] for reply in operation["responses"].values())
        assert "Retry-After" in operation["responses"]["503"]["headers"]
        has_key = "security" in operation
        for status in ("429", "503"):
            fields = set(operation["responses"][status]["headers"])
            assert ({"RateLimit", "RateLimit-Policy"} <= fields) is has_key
    created = document["paths"]["/v1/keys"]["post"]["responses"]["201"]["headers"]
    assert "Location" in created


def _list_examples(media: dict[str, Any], document: dict[str, Any]) -> list[Any]:
    """The examples of a body or reply, or of the schema that it refers to."""
    schemas = [media.get("schema", {})]
    found = [media["example"]] if "example" in media else []
    found += [example["value"] for example in media.get("examples", {}).values()]
    while schemas and not found:
        schema = schemas.pop(0)
        found += schema.get("examples", [])
        if "$ref" in schema:
            schemas.append(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        schemas += [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]
    return found


def test_every_operation_has_an_example(document: dict[str, Any]) -> None:
    without = []
    for method, path, operation in _operations(document):
        replies = [reply for status, reply in operation["responses"].items() if status.startswith("2")]
        contents = [operation.get("requestBody", {}), *replies]
        media = [one.get("content", {}).get("application/json") for one in contents]
        without += [(method, path) for one in media if one and one.get("schema") and not _list_examples(one, document)]
    # The bytes of a file, under the type of JSON.
    assert without == [("get", "/v1/cohorts/{cohort_id}/files/{file_id}/bad-rows")]


def test_examples_of_schemas_fit_them(document: dict[str, Any]) -> None:
    checked = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            errors = list(jsonschema.Draft202012Validator(whole).iter_errors(example))
            assert not errors, (name, errors[0].message)
            checked += 1
    assert checked > 60


def test_every_field_is_described_and_numbers_have_a_range(document: dict[str, Any]) -> None:
    # What these measure has no bounds, or those of each figure, which its description names.
    unbounded = {"FigurePublic", "LevelSignalsPublic", "VerdictPublic", "CriterionPublic", "CriterionResultPublic"}
    undescribed, boundless = [], []
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            parts = [described, *described.get("anyOf", [])]
            if not any("description" in part or "$ref" in part for part in parts):
                undescribed.append((name, field))
            numbers = [part for part in parts if part.get("type") in ("integer", "number")]
            bounds = {"minimum", "exclusiveMinimum", "const", "enum"}
            if name not in unbounded and not all(bounds & set(part) for part in numbers):
                boundless.append((name, field))
    assert (undescribed, boundless) == ([], [])


def test_parameters_are_described_and_bounded(document: dict[str, Any]) -> None:
    parameters = {
        parameter["name"]: parameter
        for _, _, operation in _operations(document)
        for parameter in operation.get("parameters", [])
    }
    assert set(parameters) >= {"Idempotency-Key", "If-None-Match", "cursor", "grading_id", "key_id", "language", "wait"}
    assert all(len(parameter.get("description", "")) > 10 for parameter in parameters.values())
    assert parameters["grading_id"]["schema"]["pattern"] == "^[0-9a-f]{32}$"
    assert "60" in parameters["wait"]["description"]


def test_a_service_names_itself_as_the_server(document: dict[str, Any]) -> None:
    assert [server["url"] for server in document["servers"]] == ["/"]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


@pytest.fixture
def request_schema(document: dict[str, Any]) -> dict[str, Any]:
    return {"$ref": "#/components/schemas/GradingCreate", "components": document["components"]}


def test_examples_fit_and_are_accepted(api: TestClient, request_schema: dict[str, Any]) -> None:
    examples = request_schema["components"]["schemas"]["GradingCreate"]["examples"]
    assert len(examples) >= 2
    for example in examples:
        jsonschema.validate(example, request_schema)
        reply = api.post("/v1/gradings", json=example)
        assert reply.status_code == 202, reply.text


@pytest.mark.parametrize(
    ("names", "fits"),
    [
        ({"question_id"}, True),
        ({"rubric"}, True),
        ({"question_id", "rubric"}, False),
        ({"question_id", "rubric_id"}, False),
        (set(), False),
    ],
)
def test_exactly_one_way_to_name_the_rubric_fits(
    api: TestClient, request_schema: dict[str, Any], rubric: Rubric, names: set[str], fits: bool
) -> None:
    ways = {
        "question_id": "quantization",
        "rubric": rubric.model_dump(mode="json", exclude_none=True),
        "rubric_id": "0" * 32,
    }
    body = {"answer": "INT8", **{name: way if name in names else None for name, way in ways.items()}}
    assert jsonschema.Draft202012Validator(request_schema).is_valid(body) is fits
    assert (api.post("/v1/gradings", json=body).status_code == 202) is fits


def test_names_of_schemas_say_nothing_about_modules(document: dict[str, Any]) -> None:
    assert [name for name in document["components"]["schemas"] if "__" in name] == []
