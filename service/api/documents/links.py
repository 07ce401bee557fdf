"""Links of the OpenAPI document: which operations a reply leads to, by the ids in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PARAMETER = re.compile(r"\{(\w+)\}")
_LINKED = ("200", "201", "202")
# The places of things in a reply: the reply itself, or the first one of a list.
_WHOLE = ("", "/0", "/items/0")


@dataclass(frozen=True)
class _Target:
    """An operation whose address has ids: their names, and whether it is the one that reads the thing of the last."""

    operation_id: str
    parameters: tuple[str, ...]
    reads_thing: bool


@dataclass(frozen=True)
class _Id:
    """An id in a reply: where it is, and whether it is that of the thing that the reply is about, or of its first."""

    expression: str
    is_own: bool


def add_links(document: dict[str, Any]) -> None:
    """Adds links to every reply with ids to the operations that take such an id as the last one of their address.

    The id of what a reply is about leads to all operations on it, the id of another thing, such as `cohort_id`, to the
    one that reads it, or to all if no list has the thing. Ids before the last are in the reply, too, or in the address
    of the request. An `id` is known by its place (in the reply to `POST /v1/things`, or in the first item of a list of
    `/v1/things`) or by its schema, if it is the one by which `/v1/things/{thing_id}` is read.
    """
    targets = _list_targets(document)
    listed = {_name_parameter_under(path, document) for path in document["paths"] if not path.endswith("}")}
    readers = _list_readers(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status in _LINKED:
                reply = operation["responses"].get(status)
                ids = _find_ids(path, method, reply, readers, document) if reply else {}
                if links := _list_links(path, ids, targets, listed):
                    reply["links"] = {**links, **reply.get("links", {})}


def _list_targets(document: Mapping[str, Any]) -> list[_Target]:
    return [
        _Target(operation["operationId"], tuple(names), method == "get" and path.endswith("}"))
        for path, operations in document["paths"].items()
        if (names := _PARAMETER.findall(path))
        for method, operation in operations.items()
    ]


def _list_readers(document: Mapping[str, Any]) -> dict[str, str]:
    """Returns the name of the parameter by which the things of a schema are read, by the reference to the schema."""
    return {
        schema["$ref"]: names[-1]
        for path, operations in document["paths"].items()
        if (names := _PARAMETER.findall(path)) and path.endswith("}") and "get" in operations
        if "$ref" in (schema := _read_schema(operations["get"]["responses"]["200"]))
    }


def _find_ids(
    path: str, method: str, reply: Mapping[str, Any], readers: Mapping[str, str], document: Mapping[str, Any]
) -> dict[str, _Id]:
    """Returns the ids of a reply by the name of the parameter that takes them."""
    found: dict[str, _Id] = {}
    under = _name_parameter_under(path, document)
    for place, schema in _list_objects(_read_schema(reply), document):
        fields = _resolve(schema, document).get("properties", {})
        lists_or_makes = (method == "post") == (place == "")
        name = readers.get(schema.get("$ref", ""), under if lists_or_makes else "")
        if "id" in fields and name:
            found.setdefault(name, _Id(f"$response.body#{place}/id", is_own=True))
        # A part has names of other things, too.
        if place in _WHOLE:
            for field in fields:
                found.setdefault(field, _Id(f"$response.body#{place}/{field}", is_own=False))
    return found


def _name_parameter_under(path: str, document: Mapping[str, Any]) -> str:
    """Returns the parameter of the addresses right under an address, such as `thing_id` under `/v1/things`."""
    names = {
        match[1]
        for other in document["paths"]
        if (match := re.fullmatch(rf"{re.escape(path)}/\{{(\w+)\}}(/.*)?", other))
    }
    return names.pop() if len(names) == 1 else ""


def _list_objects(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Returns the objects of a reply that may have ids, with their places: itself, its parts, and its first item."""
    whole = _resolve(schema, document)
    if whole.get("type") == "array":
        yield "/0", whole["items"]
        return
    yield "", schema
    for name, part in whole.get("properties", {}).items():
        if part.get("type") == "array":
            if name == "items":
                yield "/items/0", part["items"]
        elif "properties" in _resolve(part, document):
            yield f"/{name}", part


def _resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    if reference := schema.get("$ref"):
        found: Mapping[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
        return found
    return schema


def _read_schema(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = reply.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _list_links(path: str, ids: Mapping[str, _Id], targets: list[_Target], listed: set[str]) -> dict[str, Any]:
    in_address = set(_PARAMETER.findall(path))
    links: dict[str, Any] = {}
    for target in targets:
        *before, last = target.parameters
        is_led_to = (
            last in ids and last not in in_address and (ids[last].is_own or target.reads_thing or last not in listed)
        )
        if is_led_to and set(before) <= in_address | set(ids):
            values = {
                name: f"$request.path.{name}" if name in in_address else ids[name].expression
                for name in target.parameters
            }
            links[target.operation_id] = {"operationId": target.operation_id, "parameters": values}
    return links
