"""Who may do what, for every operation of the OpenAPI document: organisations, scopes, and requests without a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric
from vivavoce.service.access.rules import PUBLIC
from vivavoce.service.access.scopes import Scope
from vivavoce.service.app import list_route_names
from vivavoce.service.storage.engine import SessionFactory

from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION
from .conftest import PRODUCTION, BuildApi
from .operations import Operation, read_operations
from .rows import FACTORIES, OWN_NAME, Rows


@pytest.fixture
def production(build_api: BuildApi) -> TestClient:
    """A service in production without limits of requests, and no key."""
    limits = ("rate_limit_key", "rate_limit_organisation", "rate_limit_failures")
    app = build_api(**PRODUCTION, **dict.fromkeys(limits, 0)).app
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def operations(production: TestClient) -> list[Operation]:
    return list(read_operations(production.app.openapi()))  # type: ignore[attr-defined]


@pytest.fixture
def rows(sqlite_database: SessionFactory, rubric: Rubric) -> Rows:
    """A row of organisation A for each path parameter, committed."""
    with sqlite_database.begin() as session:
        made = Rows(session, "default", rubric)
        made.every_id()
    return made


@pytest.fixture
def other(sqlite_database: SessionFactory) -> dict[str, str]:
    """The header with an administrator's key of organisation B."""
    return make_key_header(sqlite_database, organisation_id=OTHER_ORGANISATION)


def test_the_document_has_every_route_of_the_api(production: TestClient, operations: list[Operation]) -> None:
    routes = set(list_route_names(production.app))  # type: ignore[arg-type]
    assert len(routes) > 14
    assert routes - {operation.name for operation in operations} == {"show_docs", "show_openapi"}


def test_every_path_parameter_has_a_factory(operations: list[Operation]) -> None:
    names = {name for operation in operations for name in operation.parameters}
    assert not sorted(names - set(FACTORIES)), "add a factory to tests/service/access/rows.py"
    assert {"grading_id", "key_id"} <= names


def test_rows_of_another_organisation_are_not_found(
    production: TestClient, operations: list[Operation], rows: Rows, other: dict[str, str]
) -> None:
    asked = [operation for operation in operations if operation.parameters]
    assert len(asked) >= 6
    wrong = []
    for operation in asked:
        reply = operation.send(production, rows, other)
        if reply.status_code != 404:
            wrong.append((operation.name, reply.status_code, reply.text[:200]))
    assert not wrong


def test_rows_of_ones_own_are_found(
    production: TestClient, operations: list[Operation], rows: Rows, sqlite_database: SessionFactory
) -> None:
    own = make_key_header(sqlite_database)
    read = [one for one in operations if one.parameters and one.method == "GET" and not one.is_endless]
    assert {one.name: one.send(production, rows, own).status_code for one in read if "key_id" in one.parameters} == {
        "read_key": 200
    }
    # Else the test above would find nothing for another reason.
    found = {one.name: one.send(production, rows, own).status_code for one in read}
    assert not {name: status for name, status in found.items() if status in (404, 500)}


def test_lists_have_no_row_of_another_organisation(
    production: TestClient,
    operations: list[Operation],
    rows: Rows,
    other: dict[str, str],
    sqlite_database: SessionFactory,
) -> None:
    lists = [
        one
        for one in operations
        if not one.parameters and one.method == "GET" and one.rule is not PUBLIC and not one.is_endless
    ]
    ids = {*rows.every_id().values(), OWN_NAME}
    own = make_key_header(sqlite_database)
    shown_to_owner = set()
    for operation in lists:
        reply = operation.send(production, rows, other)
        assert reply.status_code == 200, (operation.name, reply.text[:300])
        assert not [one for one in ids if one in reply.text], operation.name
        shown_to_owner |= {one for one in ids if one in operation.send(production, rows, own).text}
    assert rows.id_of("key_id") in shown_to_owner


def _scoped(operations: list[Operation]) -> Iterator[tuple[Operation, Scope]]:
    for operation in operations:
        if isinstance(operation.rule, Scope):
            yield operation, operation.rule


def test_without_the_scope_of_its_rule_an_operation_is_403(
    production: TestClient, operations: list[Operation], rows: Rows, sqlite_database: SessionFactory
) -> None:
    without = {
        scope: make_key_header(sqlite_database, scopes=sorted(set(Scope) - {scope}))
        for scope in {scope for _, scope in _scoped(operations)}
    }
    wrong = []
    for operation, scope in _scoped(operations):
        reply = operation.send(production, rows, without[scope])
        if (reply.status_code, reply.json().get("code")) != (403, "missing_scope"):
            wrong.append((operation.name, reply.status_code, reply.text[:200]))
    assert not wrong


def test_the_scope_of_its_rule_is_enough_for_an_operation(
    production: TestClient, operations: list[Operation], rows: Rows, sqlite_database: SessionFactory
) -> None:
    only = {
        scope: make_key_header(sqlite_database, scopes=[scope]) for scope in {scope for _, scope in _scoped(operations)}
    }
    wrong = []
    for operation, scope in _scoped(operations):
        if operation.is_endless:
            continue
        reply = operation.send(production, rows, only[scope])
        is_about_scopes = operation.name in {"create_key", "rotate_key"}
        if reply.status_code == 500 or (reply.status_code in (401, 403) and not is_about_scopes):
            wrong.append((operation.name, reply.status_code, reply.text[:200]))
    assert not wrong


def test_without_a_key_every_operation_but_the_probes_is_401(
    production: TestClient, operations: list[Operation], rows: Rows
) -> None:
    statuses = {operation.name: operation.send(production, rows, {}).status_code for operation in operations}
    assert {name for name, status in statuses.items() if status != 401} == {"alive", "ready"}
    assert len(statuses) >= 14
