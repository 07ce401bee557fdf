"""What schemathesis cannot read from an OpenAPI document: which parameters stand alone, and what must be new or known.

Only requests that are meant to be valid are changed.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

from vivavoce.service.api.documents.examples import EXAMPLE_RUBRIC

QUESTION = "quantization"
"""The question of the bank."""

# Sent alone, and made by the service itself.
_SEALED = ("cursor", "sync_token")
_BESIDE_IDS = {"ids", "include", "limit"}
_UNSTEADY = {"state", "needs_review", "reviewed", "score_min", "score_max", "updated_after", "updated_before"}
Body = dict[str, Any]


def _name_question(item: Any) -> Any:
    """Questions and rubrics are known by their ids, and a rubric refers to its own, which no schema can say."""
    return {**item, "question_id": QUESTION, "rubric": None, "language": None, "answer": f"INT8 {item['answer']}"}


def _mend_items(body: Body) -> Body:
    # An external id stands once in a request.
    items = {item["external_id"]: _name_question(item) for item in body["items"]}
    return {**body, "items": list(items.values())}


def _mend_review(body: Body) -> Body:
    # Ids of criteria stand in no schema.
    return {**body, "levels": None, "score": body.get("score") or 5}


def _mend_regrade(body: Body) -> Body:
    return {**body, "rubrics": [{"question_id": QUESTION, "language": "en"}] if body.get("rubrics") else []}


def _mend_cohort(body: Body) -> Body:
    # It must end in the future.
    return {**body, "finish_by": "2099-01-01T00:00:00Z"} if body.get("finish_by") else body


def _mend_export(body: Body) -> Body:
    # A page shows the answers, and has no columns to choose from.
    if body.get("format") in ("csv", "xlsx", "jsonl", None):
        return body
    return {
        **{name: value for name, value in body.items() if name not in ("layout", "columns")},
        "include_answers": True,
    }


def _mend_key(body: Body) -> Body:
    # Scopes are those of the role, and times in the future.
    return {**body, "scopes": None, "expires_at": None}


def _mend_webhook(body: Body) -> Body:
    # The host must be public, which no pattern can say.
    return {**body, "url": "https://hooks.example/viva"} if body.get("url") is not None else body


MENDED: Mapping[str, Callable[[Body], Body]] = {
    "create_grading": lambda body: {**body, "rubric": EXAMPLE_RUBRIC, "language": None} if body.get("rubric") else body,
    "create_rubric": lambda _: EXAMPLE_RUBRIC,
    # Else it takes away what other requests have made.
    "erase_candidate": lambda body: {**body, "candidate": "nobody"},
    "edit_rubric": lambda _: EXAMPLE_RUBRIC,
    "create_review": _mend_review,
    "make_cohort": _mend_cohort,
    "update_cohort": _mend_cohort,
    "create_export": _mend_export,
    "append_items": _mend_items,
    "create_regrade": _mend_regrade,
    "create_key": _mend_key,
    "create_webhook": _mend_webhook,
    "edit_webhook": _mend_webhook,
}
"""By the name of the operation, what makes a body that fits its schema one that means something."""


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    """Makes a valid request one that the service can carry out."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    # A key that comes again with another request is refused, as it should be.
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    query = {name: value for name, value in (case.query or {}).items() if name not in _SEALED}
    if query.get("ids") is not None:
        query = {name: value for name, value in query.items() if name in _BESIDE_IDS}
    elif query.get("sync"):
        query = {name: value for name, value in query.items() if name not in _UNSTEADY}
    if query != case.query:
        case.query = query
    mend = MENDED.get(case.operation.definition.raw["operationId"])
    if mend and isinstance(case.body, dict) and (mended := mend(case.body)) != case.body:
        case.body = mended
    _spare_own_key(case)


def _spare_own_key(case: Any) -> None:
    """Leaves the key of the run alone, with which all other requests are made."""
    if case.method == "POST" and (case.path_parameters or {}).get("key_id") == os.environ.get("FUZZING_KEY_ID"):
        case.path_parameters = {**case.path_parameters, "key_id": "0" * 12}


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
