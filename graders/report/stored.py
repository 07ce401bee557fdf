"""Reads stored reports: documents of any earlier version, with the field names of this one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from ..types import MAX_SCORE, Report

# Field names of earlier versions, with those of this one.
_RENAMED = {
    "talk": "filler",
    "prior": "baseline_log_odds",
    "prior_call": "baseline_call",
    "lift": "similarity_gain",
    "recall": "term_recall",
    "overlap": "rouge1_recall",
}
_NESTED = (dict, list, tuple)
_RENAMED_IN_TEXT = re.compile(rf'"(?:{"|".join(_RENAMED)})"\s*:')


def upgrade_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """A report's wire form with the field names of this version, at any depth; values are unchanged.

    Points on the rubric's own scale are added where an earlier version left them out.
    """
    return _add_points(_rename_keys(dict(document)))


def parse_document(text: str) -> dict[str, Any]:
    """The document in a JSON text, as `upgrade_document` gives it: made for reading thousands."""
    try:
        document = from_json(text)
    except ValueError:
        # Lone surrogates, which only the standard library reads.
        document = json.loads(text)
    return _add_points(_rename_keys(document) if _RENAMED_IN_TEXT.search(text) else document)


def read_report(document: Mapping[str, Any]) -> Report:
    """The report in a document; raises pydantic.ValidationError if a required field is missing or invalid."""
    return _report_adapter().validate_python(upgrade_document(document))


def _add_points(upgraded: dict[str, Any]) -> dict[str, Any]:
    if "criteria" in upgraded and "max_points" not in upgraded:
        maximum = sum(max(criterion["max_points"], 0.0) for criterion in upgraded["criteria"])
        score = upgraded["score"]
        upgraded["max_points"] = maximum
        # The score before rounding was not kept.
        upgraded["points"] = None if score is None else round(score / MAX_SCORE * maximum, 2)
    return upgraded


def _rename_keys(value: Any) -> Any:
    # Short ways, as there may be thousands of reports.
    if isinstance(value, dict):
        return {
            _RENAMED.get(name, name): _rename_keys(part) if isinstance(part, _NESTED) else part
            for name, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_rename_keys(part) if isinstance(part, _NESTED) else part for part in value]
    return value


# Building the schema is slow, and most processes never do.
@cache
def _report_adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)
