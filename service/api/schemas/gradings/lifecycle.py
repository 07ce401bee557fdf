"""The bodies of requests and replies about gradings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from vivavoce.graders.judge.clients.addresses import hide_credentials
from vivavoce.graders.report.stored import upgrade_document
from vivavoce.rubrics import Rubric

from ....storage.tables import Grading, Review, State
from ...documents.examples import EXAMPLE_REQUESTS
from ..common import RequestBody
from .reports import ReportDocument
from .reviews import ReviewPublic

Metadata = dict[
    Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[str, StringConstraints(max_length=500)]
]


class GradingCreate(RequestBody):
    """An answer to be graded."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["question_id"], "properties": {"question_id": {"type": "string"}}},
                {"required": ["rubric"], "properties": {"rubric": {"type": "object"}}},
                {"required": ["rubric_id"], "properties": {"rubric_id": {"type": "string"}}},
            ],
            "examples": EXAMPLE_REQUESTS,
        },
    )

    question_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Id of a question, or its handbook number. Your organisation's newest frozen rubric for it comes "
        "before the bank's. Required unless there is a `rubric` or a `rubric_id`.",
    )
    rubric: Rubric | None = Field(default=None, description="A rubric of your own, instead of `question_id`.")
    rubric_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=32,
        description="Id of a frozen rubric that your organisation has stored, instead of `question_id`.",
    )
    # Its length is checked later, for a message in plain words.
    answer: str = Field(
        description="The candidate's answer, at most 20,000 characters.", json_schema_extra={"maxLength": 20_000}
    )
    language: Literal["zh", "en"] | None = Field(
        default=None,
        description="Language of the question's rubric to grade by; by default the language of the answer. A `rubric` "
        "has its own language, and another one here is refused.",
    )
    feedback_language: Literal["zh", "en"] | None = Field(
        default=None, description="Language of the feedback; by default the language of the rubric."
    )
    priority: Literal["interactive", "batch"] = Field(
        default="interactive", description="`batch` answers are graded after all waiting `interactive` ones."
    )
    candidate: str | None = Field(
        default=None,
        json_schema_extra={"maxLength": 200},
        description="Your own reference for the candidate, at most 200 characters; stored, never shown to the judge.",
    )
    metadata: Metadata | None = Field(
        default=None,
        max_length=16,
        description="Texts of your own that come back with the grading, such as ids of job and interview: at most 16, "
        "names of 1 to 40 characters, values of at most 500.",
    )


class Provisional(BaseModel):
    """What is known of a score while the judge is unavailable."""

    score_min: float = Field(ge=0, le=10, description="The lowest score that is still possible, 0 to 10.")
    score_max: float = Field(ge=0, le=10, description="The highest score that is still possible, 0 to 10.")
    coverage: float = Field(ge=0, le=1, description="Share of the rubric's points that has been judged, 0 to 1.")
    signals: dict[str, float | None] = Field(
        description="Signals measured without the judge, as in the report's `signals`."
    )


class GradingPublic(BaseModel):
    """A grading: its state, and its report once it is finished."""

    id: str = Field(description="Id of the grading: 32 hexadecimal digits.")
    state: State = Field(description="`queued` and `running` are open; in every other state the grading is finished.")
    question_id: str = Field(description="Id of the question.")
    language: str = Field(description="Language of the rubric: `zh` or `en`.")
    source: Literal["bank", "own"] | None = Field(
        default=None,
        description="Where the rubric came from: `bank` by `question_id`, `own` with the request; null if unknown.",
    )
    rubric_hash: str | None = Field(
        default=None, description="SHA-256 of everything in the rubric that decides a grade."
    )
    candidate: str | None = Field(description="Your reference for the candidate.")
    attempt: int = Field(
        ge=0,
        description="Number of attempts by workers; those that ended because the judge was unavailable do not count.",
    )
    reason: str | None = Field(description="Why the grading waits or failed, as a fixed code.")
    detail: str | None = Field(description="The reason in a sentence.")
    created_at: datetime = Field(description="Time of submission, UTC.")
    updated_at: datetime = Field(description="Time of the last change of state, UTC.")
    provisional: Provisional | None = Field(
        default=None,
        description="Range of the score while the judge is unavailable; only with "
        "`VIVA_ON_JUDGE_UNAVAILABLE=provisional`.",
    )
    report: ReportDocument | None = Field(description="The report; null until the grading is finished.")
    submission_id: str | None = Field(default=None, description="Id of the submission, which has the answer.")
    cohort_id: str | None = Field(default=None, description="Id of the cohort; null for a single answer.")
    metadata: dict[str, str] | None = Field(default=None, description="What you sent as `metadata`.")
    review: ReviewPublic | None = Field(
        default=None,
        description="The newest decision of a person; null if there is none. It stands beside the report, which it "
        "never changes.",
    )

    @classmethod
    def from_grading(cls, grading: Grading, *, review: Review | None = None) -> GradingPublic:
        """Builds the public view of a grading with its newest review; an older report is shown in the present form."""
        return cls(
            id=grading.id,
            state=State(grading.state),
            question_id=grading.rubric_version.question_id,
            language=grading.rubric_version.language,
            source=grading.rubric_source,
            rubric_hash=grading.rubric_version.content_hash,
            candidate=grading.submission.candidate,
            attempt=grading.attempt,
            reason=grading.reason,
            # Details stored by earlier versions may name a URL in full.
            detail=hide_credentials(grading.detail) if grading.detail else None,
            created_at=grading.created_at,
            updated_at=grading.updated_at,
            provisional=Provisional.model_validate(grading.provisional) if grading.provisional else None,
            report=upgrade_document(grading.report.document) if grading.report else None,
            submission_id=grading.submission_id,
            cohort_id=grading.cohort_id,
            metadata=grading.caller_metadata,
            review=ReviewPublic.from_review(review) if review else None,
        )
