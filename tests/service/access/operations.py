"""The operations of the API, read from its OpenAPI document, and requests that fit them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.testclient import TestClient

from vivavoce.service.access.rules import RULES, NoScope
from vivavoce.service.access.scopes import Scope

from .rows import Rows

# Bodies and query parameters where the first example of the document does not do.
BODIES: Mapping[str, Any] = {}
QUERIES: Mapping[str, Mapping[str, Any]] = {}
_OTHER_BODY = b"answer,question_id\nINT8,quantization\n"


@dataclass(frozen=True)
class Operation:
    """An operation of the document; `name` is that of its route's function."""

    name: str
    method: str
    path: str
    schema: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def rule(self) -> Scope | NoScope:
        return RULES[self.name]

    @property
    def parameters(self) -> list[str]:
        """The names of its path parameters."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def is_endless(self) -> bool:
        """Whether its reply is a stream of events, which a client in this process would wait for in vain."""
        return any("text/event-stream" in reply.get("content", {}) for reply in self.schema["responses"].values())

    def send(self, api: TestClient, rows: Rows, headers: Mapping[str, str]) -> httpx.Response:
        """Sends a request that fits the document, with the ids of some rows."""
        path = re.sub(r"{(\w+)}", lambda match: rows.id_of(match[1]), self.path)
        reply: httpx.Response = api.request(  # type: ignore[assignment]
            self.method, path, params=self._read_query(), **self._read_body({"If-Match": "*", **headers})
        )
        return reply

    def _read_query(self) -> dict[str, Any]:
        needed = [one for one in self.schema.get("parameters", []) if one["in"] == "query" and one.get("required")]
        return {one["name"]: _read_example(self.document, one) for one in needed} | dict(QUERIES.get(self.name, {}))

    def _read_body(self, headers: Mapping[str, str]) -> dict[str, Any]:
        content = self.schema.get("requestBody", {}).get("content", {})
        if self.name in BODIES:
            return {"json": BODIES[self.name], "headers": headers}
        if "text/csv" in content:
            return {"content": _OTHER_BODY, "headers": {"Content-Type": "text/csv", **headers}}
        if "application/json" in content:
            return {"json": _read_example(self.document, content["application/json"]), "headers": headers}
        if content:
            return {"content": _OTHER_BODY, "headers": headers}
        return {"headers": headers}


def _read_example(document: Mapping[str, Any], described: Mapping[str, Any]) -> Any:
    """The first example of a body or parameter, or of the schema that it refers to; AssertionError without one."""
    places = [described, described.get("schema", {})]
    while places:
        place = places.pop(0)
        if "example" in place:
            return place["example"]
        if examples := place.get("examples"):
            first = examples[0] if isinstance(examples, list) else next(iter(examples.values()))["value"]
            return first
        if "$ref" in place:
            places.append(document["components"]["schemas"][place["$ref"].rpartition("/")[2]])
        places += place.get("anyOf", []) + place.get("oneOf", []) + place.get("allOf", [])
    raise AssertionError(f"the OpenAPI document has no example of {described}")


def read_operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Returns every operation of an OpenAPI document."""
    for path, methods in document["paths"].items():
        for method, schema in methods.items():
            yield Operation(schema["operationId"], method.upper(), path, schema, document)
