"""Links of the OpenAPI document: which operations a reply leads to, by the ids in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PARAMETER = re.compile(r"\{(\w+)\}")
_LINKED = ("200", "201", "202")


def add_links(document: dict[str, Any]) -> None:
    """Adds links to every reply with an id to the operations that take this id in their address.

    The reply to `POST /v1/things` leads on by its `id`, a list by the `id` of its first item. An `other_id` in a reply
    leads to the operations on `/v1/others/{other_id}`.
    """
    taking = _group_by_parameter(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status in _LINKED:
                reply = operation["responses"].get(status)
                links = _list_links(path, method, reply, taking, document) if reply else {}
                if links:
                    reply["links"] = {**links, **reply.get("links", {})}


def _group_by_parameter(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Returns, by the name of a parameter, address and name of the operations with this one alone in their address."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path, operations in document["paths"].items():
        names = _PARAMETER.findall(path)
        if len(names) == 1:
            found.setdefault(names[0], []).extend((path, one["operationId"]) for one in operations.values())
    return found


def _list_links(
    path: str,
    method: str,
    reply: Mapping[str, Any],
    taking: Mapping[str, list[tuple[str, str]]],
    document: Mapping[str, Any],
) -> dict[str, Any]:
    fields = _list_fields(reply, document)
    links: dict[str, Any] = {}
    for name, targets in taking.items():
        for target, operation_id in targets:
            if name in fields:
                links[operation_id] = _write_link(operation_id, name, f"$response.body#/{name}")
            elif method == "post" and "id" in fields and target.startswith(f"{path}/{{{name}}}"):
                links[operation_id] = _write_link(operation_id, name, "$response.body#/id")
            elif method == "get" and "items" in fields and target.startswith(f"{path}/{{{name}}}"):
                links[operation_id] = _write_link(operation_id, name, "$response.body#/items/0/id")
    return links


def _write_link(operation_id: str, name: str, expression: str) -> dict[str, Any]:
    return {"operationId": operation_id, "parameters": {name: expression}}


def _list_fields(reply: Mapping[str, Any], document: Mapping[str, Any]) -> set[str]:
    schema = reply.get("content", {}).get("application/json", {}).get("schema", {})
    return set(_iterate_fields(schema, document))


def _iterate_fields(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    if reference := schema.get("$ref"):
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    yield from schema.get("properties", {})
