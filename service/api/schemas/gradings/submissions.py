"""The bodies of replies about answers as they were submitted, and about what candidates may see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ....storage.tables import Submission
from ..common import RequestBody


class SubmissionPublic(BaseModel):
    """An answer as it was submitted."""

    id: str = Field(description="Id of the submission: 32 hexadecimal digits.")
    candidate: str | None = Field(description="Your reference for the candidate.")
    answer: str = Field(description="The answer, character by character as it came.")
    answer_hash: str = Field(description="SHA-256 of the answer in normal form, as in the report's provenance.")
    feedback_language: str | None = Field(description="Language that was asked for the feedback; null for none.")
    created_at: datetime = Field(description="Time of submission, UTC.")
    grading_ids: list[str] = Field(description="Ids of its gradings, the oldest first.")

    @classmethod
    def from_submission(cls, submission: Submission, grading_ids: Sequence[str]) -> SubmissionPublic:
        """Builds the public view of a submission."""
        return cls(
            id=submission.id,
            candidate=submission.candidate,
            answer=submission.answer,
            answer_hash=submission.answer_hash,
            feedback_language=submission.feedback_language,
            created_at=submission.created_at,
            grading_ids=list(grading_ids),
        )


class ErasureCreate(RequestBody):
    """Whose answers are erased."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"candidate": "c-17"}]})
    candidate: str = Field(
        min_length=1, max_length=200, description="Your reference for the candidate, exactly as in the submissions."
    )


class ErasedPublic(BaseModel):
    """What was deleted, as numbers of rows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **dict.fromkeys(("submissions", "gradings", "reports", "items"), 2),
                    "reviews": 1,
                    "judge_calls": 8,
                    "files": 1,
                    **dict.fromkeys(("exports", "analyses"), 0),
                }
            ]
        }
    )

    submissions: int = Field(ge=0, description="Answers.")
    gradings: int = Field(ge=0, description="Gradings of these answers.")
    reports: int = Field(ge=0, description="Reports, with earlier ones.")
    reviews: int = Field(ge=0, description="Decisions of people.")
    judge_calls: int = Field(ge=0, description="Recorded prompts of the judge with their replies.")
    items: int = Field(ge=0, description="Answers of cohorts.")
    files: int = Field(ge=0, description="Files that were uploaded for these cohorts.")
    exports: int = Field(ge=0, description="Exports of these cohorts, or of no cohort.")
    analyses: int = Field(ge=0, description="Searches for near-duplicates and regrades of these cohorts.")


class FeedbackState(StrEnum):
    """How far a candidate's answer is, in words that give no grade away."""

    PENDING = "pending"
    IN_REVIEW = "in_review"
    READY = "ready"
    DECIDED = "decided"
    CANCELLED = "cancelled"


class FeedbackView(BaseModel):
    """What a candidate may see of a grading: no score, no answer key, no flags and no reviewer."""

    grading_id: str = Field(description="Id of the grading.")
    state: FeedbackState = Field(
        description="`pending`: not graded yet. `in_review`: a person has to look at it first. `ready`: the feedback "
        "is here. `decided`: a person decided otherwise than the feedback says, so that it is not shown. "
        "`cancelled`: it will not be graded."
    )
    language: Literal["zh", "en"] | None = Field(description="Language of the feedback; null without one.")
    feedback: str | None = Field(description="The feedback for the candidate; null unless the state is `ready`.")
