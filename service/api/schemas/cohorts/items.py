"""The bodies of requests and replies about the answers of a cohort."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SkipValidation

from vivavoce.graders.judge.clients.addresses import hide_credentials
from vivavoce.rubrics import Rubric

from ....cohorts.item_list import ListedItem
from ....cohorts.outcomes import Outcome
from ..common import RequestBody
from .lifecycle import Metadata

MAX_ITEMS = 500
_EXAMPLE: dict[str, JsonValue] = {
    "items": [
        {"external_id": "c1-q27", "candidate": "c1", "question_id": "quantization", "answer": "INT8 needs fewer bits."}
    ]
}


class ItemCreate(RequestBody):
    """An answer for a cohort."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["question_id"], "properties": {"question_id": {"type": "string"}}},
                {"required": ["rubric"], "properties": {"rubric": {"type": "object"}}},
            ]
        }
    )

    external_id: str = Field(
        min_length=1, max_length=200, description="Your own id of the answer, unique in the cohort."
    )
    question_id: str | None = Field(
        default=None, min_length=1, max_length=64, description="Id of a question. Required unless there is a `rubric`."
    )
    rubric: Rubric | None = Field(default=None, description="Your own rubric, instead of `question_id`.")
    answer: str = Field(
        description="The candidate's answer, at most 20,000 characters.", json_schema_extra={"maxLength": 20_000}
    )
    language: Literal["zh", "en"] | None = Field(
        default=None, description="Language of the question's rubric; by default that of the answer."
    )
    feedback_language: Literal["zh", "en"] | None = Field(
        default=None, description="Language of the feedback; by default that of the cohort."
    )
    candidate: str | None = Field(
        default=None,
        json_schema_extra={"maxLength": 200},
        description="Your reference for the candidate, at most 200 characters.",
    )
    metadata: Metadata | None = None


class ItemsCreate(RequestBody):
    """Answers for a cohort; an `external_id` that it has already is left as it is, or becomes a new version."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    # Each is validated alone, so that every error is reported.
    items: list[SkipValidation[ItemCreate]] = Field(min_length=1, max_length=MAX_ITEMS, description="1 to 500 answers.")
    mode: Literal["all_or_nothing", "valid_only"] = Field(
        default="all_or_nothing", description="Whether one wrong item has all refused, or is left out alone."
    )


class EarlierVersion(BaseModel):
    """A version of an answer that was replaced; its grading does not count any more."""

    version: int = Field(ge=1, description="Number of the version, from 1.")
    grading_id: str | None = Field(description="Its grading, which can still be read; null if there was none.")


class ItemPublic(BaseModel):
    """An answer of a cohort, and what became of it."""

    id: str = Field(description="Id of the item: 32 hexadecimal digits.")
    external_id: str = Field(description="Your own id of the answer, unique in the cohort.")
    row: int | None = Field(ge=1, description="Row of the file, from 1 for the heading; null without a file.")
    version: int = Field(ge=1, description="Number of its version, from 1.")
    candidate: str | None = Field(description="Your reference for the candidate.")
    question_id: str = Field(description="Id of the question.")
    outcome: Outcome = Field(description="What became of it; `queued` and `running` last only while it is graded.")
    reason: str | None = Field(description="Why it has this outcome, as a fixed code; null if nothing is to be said.")
    detail: str | None = Field(description="The reason in a sentence.")
    grading_id: str | None = Field(description="Its grading; null until the cohort is started.")
    score: float | None = Field(ge=0, le=10, description="Score, 0 to 10; null without one.")
    metadata: dict[str, str] | None = Field(description="What you keep with it.")
    earlier: list[EarlierVersion] = Field(description="Versions that were replaced, the oldest first.")
    created_at: datetime = Field(description="Time when it was added, UTC.")
    updated_at: datetime = Field(description="Time of its newest version, UTC.")

    @classmethod
    def from_listed(cls, row: ListedItem) -> ItemPublic:
        """Builds the public view of an item."""
        item = row.item
        return cls(
            id=item.id,
            external_id=item.external_id,
            row=item.row,
            version=item.version,
            candidate=item.candidate,
            question_id=item.question_id,
            outcome=row.outcome,
            reason=row.reason,
            detail=hide_credentials(row.detail) if row.detail else None,
            grading_id=item.grading_id,
            score=row.score,
            metadata=item.caller_metadata,
            earlier=[EarlierVersion(version=old["version"], grading_id=old["grading_id"]) for old in item.earlier],
            created_at=item.created_at,
            updated_at=item.updated_at,
        )


class ItemError(BaseModel):
    """What is wrong with an item of a request."""

    index: int = Field(ge=0, description="Index of the item in `items`, from 0.")
    pointer: str = Field(description="JSON pointer to what is wrong, from the root of the request.")
    external_id: str | None = Field(description="Its `external_id`, if it has one.")
    code: str = Field(description="The kind of error as a fixed code.")
    detail: str = Field(description="What is wrong and how to fix it, in one sentence.")


class ItemsAppended(BaseModel):
    """What became of the items of a request."""

    created: int = Field(ge=0, description="Items that are new.")
    changed: int = Field(ge=0, description="Items that became a new version.")
    unchanged: int = Field(ge=0, description="Items that the cohort had already.")
    errors: list[ItemError] = Field(description="Items that were refused; with `all_or_nothing` then none was added.")
