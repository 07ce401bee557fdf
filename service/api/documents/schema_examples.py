"""Examples of replies in the OpenAPI document: recorded ones, and those beside the models with their nulls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any


def complete_examples(schemas: dict[str, Any]) -> None:
    """Gives each schema of a reply an example: its own, or a reply of a real service.

    `python -m tests.fuzzing.reply_examples` records the latter.
    """
    text = resources.files(__package__).joinpath("reply_examples.json").read_text(encoding="utf-8")
    for name, example in json.loads(text).items():
        if name in schemas:
            schemas[name].setdefault("examples", [example])
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            _restore_nulls(example, schema, schemas)


def _restore_nulls(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
    """Adds the fields that are null and always there: FastAPI leaves null out of what it writes."""
    schema = _resolve(schema, schemas)
    if isinstance(value, list):
        for item in value:
            _restore_nulls(item, schema.get("items", {}), schemas)
    elif isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name in value:
                _restore_nulls(value[name], part, schemas)
            elif name in schema.get("required", ()) and {"type": "null"} in part.get("anyOf", ()):
                value[name] = None


def _resolve(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns what a reference leads to; of alternatives the first, which stands before null."""
    while "$ref" in schema or "anyOf" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema["anyOf"][0]
    return schema
