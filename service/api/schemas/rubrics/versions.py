"""The bodies of requests and replies about an organisation's own rubrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from vivavoce.rubrics import Rubric

from ....storage.tables import RubricStatus, StoredRubric
from ...documents.examples import EXAMPLE_COPY, EXAMPLE_RUBRIC
from ..common import RequestBody

_ID = "32 hexadecimal digits"
_STATUS = (
    "`draft` grades no answers; the version `frozen` last grades the answers to its question; `retired` no new ones."
)


_EXAMPLE: dict[str, JsonValue] = {
    "id": "5f0c6f2b7d3a4c1e9b8a7d6c5b4a3f2e",
    "question_id": "weights-in-int8",
    "question": "What does quantization do to a model?",
    "language": "en",
    "version": 2,
    "status": "frozen",
    "criteria": 2,
    "max_points": 10.0,
    "content_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "revision": 3,
    "created_at": "2026-11-30T09:00:00Z",
    "updated_at": "2026-11-30T09:20:00Z",
    "frozen_at": "2026-11-30T09:20:00Z",
    "retired_at": None,
}


class RubricSource(BaseModel):
    """What a new draft is a copy of: a version of yours, or a question of the bank."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"oneOf": [{"required": ["rubric_id"]}, {"required": ["question_id"]}]},
    )
    rubric_id: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description=f"Id of a version of yours: {_ID}."
    )
    question_id: str | None = Field(
        default=None, min_length=1, max_length=64, description="Id or handbook number of a question of the bank."
    )
    language: Literal["zh", "en"] | None = Field(
        default=None, description="With `question_id`: language of the bank's rubric; `en` by default."
    )


class RubricCopy(RequestBody):
    """A new draft that is a copy of a rubric."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [EXAMPLE_COPY]},
    )
    source: RubricSource = Field(alias="from", description="What to copy.")


class RubricSummary(BaseModel):
    """A version of a rubric of yours, without the answer key."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    id: str = Field(description=f"Id of the version: {_ID}.")
    question_id: str = Field(description="Id of the question; one of the bank's is graded by your version instead.")
    question: str = Field(description="The question as it is asked.")
    language: str = Field(description="`zh` or `en`.")
    version: int = Field(ge=1, description="Number of the version for this question and language, from 1.")
    status: RubricStatus = Field(description=_STATUS)
    criteria: int = Field(ge=1, le=12, description="Number of criteria, 1 to 12.")
    max_points: float = Field(gt=0, description="Points of a full answer, in the rubric's own scale; above 0.")
    content_hash: str | None = Field(
        description="SHA-256 of everything that decides a grade, as `rubric_hash` of gradings; null for a draft."
    )
    revision: int = Field(ge=1, description="Number of the last change, from 1; it is the `ETag`.")
    created_at: datetime = Field(description="Time of creation, UTC.")
    updated_at: datetime = Field(description="Time of the last change, UTC.")
    frozen_at: datetime | None = Field(description="Time at which it was frozen, UTC; null for a draft.")
    retired_at: datetime | None = Field(description="Time at which it was retired, UTC; null if it was not.")

    @classmethod
    def from_row(cls, row: StoredRubric) -> RubricSummary:
        """Builds the summary of a stored version."""
        return cls(**_list_fields(row))


class RubricPublic(RubricSummary):
    """A version of a rubric of yours, with the answer key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "rubric": EXAMPLE_RUBRIC}]})
    rubric: Rubric = Field(description="The rubric, with the fields of a rubric file.")

    @classmethod
    def from_row(cls, row: StoredRubric) -> RubricPublic:
        """Builds the whole view of a stored version."""
        return cls(**_list_fields(row), rubric=Rubric.model_validate(row.document))


def _list_fields(row: StoredRubric) -> dict[str, Any]:
    rubric = Rubric.model_validate(row.document)
    copied = (
        "id question_id language version status content_hash revision created_at updated_at frozen_at retired_at"
    ).split()
    return {
        **{name: getattr(row, name) for name in copied},
        "question": rubric.question.text,
        "criteria": len(rubric.criteria),
        "max_points": rubric.max_points,
    }


class RubricImport(BaseModel):
    """What became of the rubrics in a file of Canvas."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [{**_EXAMPLE, "status": "draft"}], "notices": [], "failures": []}]}
    )
    items: list[RubricSummary] = Field(description="The drafts that were made, in the order of the file.")
    notices: list[str] = Field(description="What of the file is not kept, one sentence each.")
    failures: list[str] = Field(description="Which rubrics of the file were not imported and why, one sentence each.")
