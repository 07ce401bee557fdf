"""The bodies of replies with lists of gradings."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from vivavoce.graders.judge.clients.addresses import hide_credentials
from vivavoce.graders.report.stored import upgrade_document

from ....storage.repositories import ReportFacts
from ....storage.tables import Grading, Review, State
from ...paging import Page
from .reports import ReportDocument
from .reviews import ReviewPublic


class GradingListed(BaseModel):
    """A grading in a list: without its report, unless the request asks for it."""

    id: str = Field(description="Id of the grading: 32 hexadecimal digits.")
    submission_id: str = Field(description="Id of the submission, which has the answer.")
    state: State = Field(description="State of the grading.")
    question_id: str = Field(description="Id of the question.")
    language: str = Field(description="Language of the rubric: `zh` or `en`.")
    source: Literal["bank", "own"] | None = Field(description="Where the rubric came from; null if unknown.")
    rubric_hash: str = Field(description="SHA-256 of everything in the rubric that decides a grade.")
    candidate: str | None = Field(description="Your reference for the candidate.")
    cohort_id: str | None = Field(description="Id of the cohort; null for a single answer.")
    metadata: dict[str, str] | None = Field(description="What you sent as `metadata`.")
    reason: str | None = Field(description="Why the grading waits or failed, as a fixed code.")
    detail: str | None = Field(description="The reason in a sentence.")
    score: float | None = Field(ge=0, le=10, description="The machine's score, 0 to 10; null without one.")
    score_min: float | None = Field(ge=0, le=10, description="Lower end of the range, 0 to 10; null without a report.")
    score_max: float | None = Field(ge=0, le=10, description="Upper end of the range, 0 to 10; null without a report.")
    confidence: float | None = Field(
        ge=0,
        le=1,
        description="Estimated probability (0 to 1) that a person's grade is within 1.5 points; null without a report.",
    )
    flags: list[str] = Field(description="Facts that a person should know; empty without a report.")
    review: ReviewPublic | None = Field(description="The newest decision of a person; null if there is none.")
    created_at: datetime = Field(description="Time of submission, UTC.")
    updated_at: datetime = Field(description="Time of the last change, UTC.")
    report: ReportDocument | None = Field(description="The report; null unless asked for with `include=report`.")

    @classmethod
    def from_grading(
        cls,
        grading: Grading,
        facts: ReportFacts,
        *,
        review: Review | None,
        document: dict[str, Any] | None,
    ) -> GradingListed:
        """Builds a grading of a list; `document` is its report if the list shows reports."""
        return cls(
            id=grading.id,
            submission_id=grading.submission_id,
            state=State(grading.state),
            question_id=grading.rubric_version.question_id,
            language=grading.rubric_version.language,
            source=grading.rubric_source,
            rubric_hash=grading.rubric_version.content_hash,
            candidate=grading.submission.candidate,
            cohort_id=grading.cohort_id,
            metadata=grading.caller_metadata,
            reason=grading.reason,
            detail=hide_credentials(grading.detail) if grading.detail else None,
            score=facts.score,
            score_min=facts.score_min,
            score_max=facts.score_max,
            confidence=facts.confidence,
            flags=facts.flags,
            review=ReviewPublic.from_review(review) if review else None,
            created_at=grading.created_at,
            updated_at=grading.updated_at,
            report=upgrade_document(document) if document else None,
        )


class GradingPage(Page[GradingListed]):
    """A page of gradings."""

    missing: list[str] = Field(
        default=[], description="Those of the `ids` that your organisation does not have, in their order."
    )
    sync_token: str | None = Field(
        default=None,
        description="On the last page of a list with `sync=true`: send it alone, later, for what changed since.",
    )
