"""What schemathesis cannot read from an OpenAPI document: which parameters stand alone, and what must be new or known.

Only requests that are meant to be valid are changed.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

from vivavoce.service.api.documents.examples import EXAMPLE_REQUESTS

# Sent alone, and made by the service itself.
_SEALED = ("cursor", "sync_token")
_KEY_CHARACTERS = 255
_EXAMPLE: Any = EXAMPLE_REQUESTS[1]
_BESIDE_IDS = {"ids", "include", "limit"}
_UNSTEADY = {"state", "needs_review", "reviewed", "score_min", "score_max", "updated_after", "updated_before"}


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    """Makes a valid request one that the service can carry out."""
    # A key that comes again with another request is refused, as it should be.
    if "Idempotency-Key" in (case.headers or {}) and len(case.headers["Idempotency-Key"]) <= _KEY_CHARACTERS:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    query = case.query or {}
    for name in _SEALED:
        query.pop(name, None)
    if query.get("ids") is not None:
        case.query = {name: value for name, value in query.items() if name in _BESIDE_IDS}
    elif query.get("sync"):
        case.query = {name: value for name, value in query.items() if name not in _UNSTEADY}
    if isinstance(case.body, dict) and case.body.get("rubric"):
        # A rubric refers to its own ids, which no schema can say.
        case.body = {**case.body, "rubric": _EXAMPLE["rubric"], "language": None}
    if case.operation.path.endswith("/reviews") and isinstance(case.body, dict):
        # Ids of criteria stand in no schema.
        case.body = {**case.body, "levels": None, "score": case.body.get("score") or 5}


@schemathesis.hook
def after_call(_: Any, case: Any, response: Any) -> None:
    """Notes the request for the figures of the run."""
    if path := os.environ.get("FUZZING_NOTES"):
        note = {
            "operation": f"{case.operation.method.upper()} {case.operation.path}",
            "phase": case.meta.phase.name.value if case.meta else "",
            "status": response.status_code,
        }
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(note) + "\n")
