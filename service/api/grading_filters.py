"""The filters of a list of gradings, as query parameters and as JSON values that a cursor seals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import AfterValidator

from ..gradings.validation import check_characters
from ..storage.repositories import GradingFilter
from ..storage.tables import State
from ..times import Time

_TIMES = ("created_after", "created_before", "updated_after", "updated_before")
# By these a grading may leave a list without a trace.
_UNSTEADY = ("states", "needs_review", "reviewed", "score_min", "score_max", "updated_after", "updated_before")


def _check_text(value: str) -> str:
    return check_characters(value, what="value of a filter")


Text = Annotated[str, AfterValidator(_check_text)]
_SCORE: dict[str, Any] = {"ge": 0, "le": 10, "allow_inf_nan": False}


def _read_filters(
    state: Annotated[list[State] | None, Query(description="Only these states; may be repeated.")] = None,
    question_id: Annotated[Text | None, Query(max_length=64, description="Only this question.")] = None,
    language: Annotated[Literal["zh", "en"] | None, Query(description="Only rubrics in this language.")] = None,
    candidate: Annotated[Text | None, Query(max_length=200, description="Only this candidate.")] = None,
    cohort_id: Annotated[Text | None, Query(max_length=32, description="Only gradings of this cohort.")] = None,
    needs_review: Annotated[bool | None, Query(description="Whether the state is `needs_review`.")] = None,
    reviewed: Annotated[bool | None, Query(description="Whether a person has reviewed the grading.")] = None,
    created_after: Annotated[Time | None, Query(description="Submitted at this time or later.")] = None,
    created_before: Annotated[Time | None, Query(description="Submitted before this time.")] = None,
    updated_after: Annotated[Time | None, Query(description="Last changed at this time or later.")] = None,
    updated_before: Annotated[Time | None, Query(description="Last changed before this time.")] = None,
    score_min: Annotated[
        float | None, Query(description="The machine's score is at least this, 0 to 10.", **_SCORE)
    ] = None,
    score_max: Annotated[
        float | None, Query(description="The machine's score is at most this, 0 to 10.", **_SCORE)
    ] = None,
) -> dict[str, Any]:
    times = (created_after, created_before, updated_after, updated_before)
    return {
        "states": [one.value for one in dict.fromkeys(state or ())],
        "question_id": question_id,
        "language": language,
        "candidate": candidate,
        "cohort_id": cohort_id,
        "needs_review": needs_review,
        "reviewed": reviewed,
        **{name: time.isoformat() if time else None for name, time in zip(_TIMES, times, strict=True)},
        "score_min": score_min,
        "score_max": score_max,
    }


def build_filter(values: Mapping[str, Any]) -> GradingFilter:
    """Builds the filter from values that a cursor had; others than filters are left alone."""
    names = GradingFilter.__dataclass_fields__
    found = {name: value for name, value in values.items() if name in names}
    times = {name: datetime.fromisoformat(found[name]) for name in _TIMES if found.get(name)}
    return GradingFilter(**{**found, **times, "states": [State(name) for name in found["states"]]})


def list_unsteady(values: Mapping[str, Any]) -> list[str]:
    """Returns the names of filters that are set, and by which a grading may leave the list later."""
    return ["state" if name == "states" else name for name in _UNSTEADY if values[name] not in (None, [])]


GradingFiltersDep = Annotated[dict[str, Any], Depends(_read_filters)]
