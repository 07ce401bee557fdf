"""The OpenAPI document: what FastAPI finds in the routes, completed with the errors and headers of every reply."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ...access.rules import ANY_KEY, OPEN_IN_DEVELOPMENT, PUBLIC, RULES, NoScope
from ...access.scopes import Scope
from ..schemas.administration.judges import JudgePromotion
from ..schemas.common import Problem
from ..schemas.rubrics.reports import RubricTestCreate
from ..schemas.rubrics.versions import RubricCopy
from .examples import EXAMPLE_CANVAS, EXAMPLE_COPY, EXAMPLE_RUBRIC
from .links import add_links
from .schema_examples import complete_examples
from .statuses import list_statuses

_REFERENCE = "#/components/schemas/{model}"
_CAUSES = {
    200: "What was asked for.",
    201: "Created; `Location` has its address.",
    202: "Stored, to be graded in the background.",
    204: "Done.",
    400: "The body or the cursor cannot be read.",
    206: "The range that was asked for.",
    401: "The request has no key, or none that is valid.",
    403: "The key has not the scope of the operation.",
    404: "What the address or the body names does not exist.",
    409: "The state of the grading, the rubric or another request forbids it.",
    410: "The events are no longer kept.",
    413: "The body has more than 300 KiB.",
    416: "The file ends before the range that is asked for.",
    415: "The body is not announced as plain JSON in UTF-8.",
    412: "The resource has changed since its `ETag` was read.",
    422: "The request can be read, and something in it is wrong.",
    428: "An edit needs `If-Match`.",
    429: "The key, its organisation or the address asks too much; `Retry-After` says when to ask again.",
    500: "An error in the service.",
    503: "The service or its database is not available.",
}
_TEXT = {"schema": {"type": "string"}}
_REQUEST_ID = {"X-Request-ID": {"description": "Id of the request, as in the log.", **_TEXT}}
_LOCATION = {"Location": {"description": "Address of what was made.", **_TEXT}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_RATE_LIMIT = {
    "RateLimit": {
        "description": "What is left of each quota: requests (`r`) until its window ends in seconds (`t`).",
        **_TEXT,
    },
    "RateLimit-Policy": {"description": "The quotas: requests (`q`) in a window of seconds (`w`).", **_TEXT},
}
_BEARER = "key"

_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true` if an earlier request with the same `Idempotency-Key` got this reply.",
        **_TEXT,
    }
}
# Bodies that routes read themselves, so that FastAPI does not know them.
_bodies: dict[str, type[BaseModel]] = {
    model.__name__: model for model in (RubricCopy, RubricTestCreate, JudgePromotion)
}


def describe_body(model: type[BaseModel]) -> dict[str, Any]:
    """The description of a request whose JSON body `request_body.read_body` reads."""
    _bodies[model.__name__] = model
    schema = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def made_replies(status: int, **more: Any) -> dict[int | str, dict[str, Any]]:
    """The description of a reply with `Location`, to a request that may have an `Idempotency-Key`."""
    headers = {"Location": {"description": "Address of what was made.", **_TEXT}, **_REPLAYED}
    return {status: {"headers": headers, **more}}


_RUBRIC_SCHEMA = {"$ref": _REFERENCE.format(model="Rubric")}
_NEW_RUBRIC_SCHEMA = {"anyOf": [_RUBRIC_SCHEMA, {"$ref": _REFERENCE.format(model="RubricCopy")}]}
RUBRIC_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        media_type: {"schema": _RUBRIC_SCHEMA, "examples": {"rubric": {"value": EXAMPLE_RUBRIC}}}
        for media_type in ("application/json", "application/yaml")
    },
}
RUBRIC_CREATE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        media_type: {
            "schema": _NEW_RUBRIC_SCHEMA,
            "examples": {"rubric": {"value": EXAMPLE_RUBRIC}, "copy": {"value": EXAMPLE_COPY}},
        }
        for media_type in ("application/json", "application/yaml")
    },
}
TEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model="RubricTestCreate")}}},
}
PROMOTION_BODY: dict[str, Any] = {
    "required": False,
    "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model="JudgePromotion")}}},
}
CANVAS_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "text/csv": {"schema": {"type": "string", "minLength": 1}, "examples": {"canvas": {"value": EXAMPLE_CANVAS}}}
    },
}


def link_to(*operations: str, **parameters: str) -> dict[str, Any]:
    """The links of a reply to operations, whose parameters are in the body at these JSON pointers, or in the path."""
    values = {
        name: f"$response.body#{place}" if place.startswith("/") else f"$request.path.{place}"
        for name, place in parameters.items()
    }
    return {operation: {"operationId": operation, "parameters": values} for operation in operations}


def etag_reply(status: int = 200, **headers: Any) -> dict[int | str, dict[str, Any]]:
    """The description of a reply with a resource that callers edit."""
    etag = {"description": "Revision of the resource, for `If-Match`.", **_TEXT}
    return {status: {"headers": {"ETag": etag, **headers}}}


def problem_replies(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The description of replies with these statuses, all of them problem JSON."""
    content = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {status: {"description": _CAUSES[status], "content": content} for status in statuses}


STARTED_REPLIES = made_replies(202)
CHANGED_REPLIES = {200: {"headers": _REPLAYED}, **problem_replies(404, 409, 422)}


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Returns the document of an application; it is built once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=[{"url": "/", "description": "This service."}],
    )
    _, definitions = models_json_schema(
        [
            *((model, "validation") for model in _bodies.values()),
            (Problem, "serialization"),
        ],
        ref_template=_REFERENCE,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update(definitions["$defs"])
    # Those of FastAPI's own 422.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["securitySchemes"] = {
        _BEARER: {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of your organisation; each operation names the scope that it must have.",
        }
    }
    environment = app.state.settings.environment
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(path, operation, _find_rule(operation["operationId"], environment))
    complete_examples(schemas)
    add_links(document)
    app.openapi_schema = document
    return document


def _find_rule(name: str, environment: str) -> Scope | NoScope:
    """Returns the rule of a route as it is in this environment."""
    return PUBLIC if name in OPEN_IN_DEVELOPMENT and environment != "production" else RULES[name]


def _complete(path: str, operation: dict[str, Any], rule: Scope | NoScope) -> None:
    if rule is not PUBLIC:
        operation["security"] = [{_BEARER: []}]
        if rule is not ANY_KEY:
            operation["x-scope"] = rule
            operation["description"] = f"{operation.get('description', '')}\n\nScope: `{rule}`.".strip()
    replies = operation["responses"]
    statuses = list_statuses(path, operation, needs_key=rule is not PUBLIC)
    for status, reply in problem_replies(*statuses).items():
        # FastAPI describes its own kind of 422.
        if status == 422 or str(status) not in replies:
            replies[str(status)] = reply
    for parameter in operation.get("parameters", ()):
        # Required by the route, so that an edit without it gets 428 and its reason.
        parameter["required"] |= parameter["name"] == "If-Match" and "428" in replies
    for status in sorted(replies):
        reply = replies[status] = {**replies[status]}
        if status.startswith("2"):
            reply["description"] = _CAUSES[int(status)]
        late = _RETRY_AFTER if HTTPStatus(int(status)) in (429, 503) else {}
        quotas = _RATE_LIMIT if rule is not PUBLIC and status != "401" else {}
        place = _LOCATION if status in ("201", "202") else {}
        reply["headers"] = {**place, **reply.get("headers", {}), **_REQUEST_ID, **quotas, **late}
