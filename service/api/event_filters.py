"""The query parameters by which readers choose events."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError

from ..events.kinds import expand_kinds, list_names
from ..events.reading import EventFilter
from .authorization import CallerDep

MAX_SEQUENCE = 2**31 - 1
_KIND = "|".join(map(re.escape, list_names()))
_KINDS = f"^({_KIND})(,({_KIND}))*$"
AfterQuery = Annotated[
    int | None,
    Query(ge=0, le=MAX_SEQUENCE, description="Number of the last event that you have; without it, all that are kept."),
]


def _read_filter(
    caller: CallerDep,
    kinds: Annotated[
        str | None,
        Query(
            max_length=1000,
            description="Kinds of events, separated by commas; `grading.*` stands for all that begin with `grading.`.",
            examples=["grading.*,cohort.finished"],
            json_schema_extra={"pattern": _KINDS},
        ),
    ] = None,
    cohort_id: Annotated[str | None, Query(max_length=32, description="Id of a cohort, for its events only.")] = None,
) -> EventFilter:
    chosen = None
    if kinds is not None:
        try:
            chosen = tuple(expand_kinds(name.strip() for name in kinds.split(",")))
        except ValueError as error:
            wrong = {"type": "value_error", "loc": ("query", "kinds"), "msg": str(error)}
            raise RequestValidationError([wrong]) from None
    return EventFilter(caller.organisation_id, chosen, cohort_id)


EventFilterDep = Annotated[EventFilter, Depends(_read_filter)]
