"""The bodies of replies about the results of cohorts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from vivavoce.graders.report.stored import upgrade_document
from vivavoce.graders.types import Flag

from ....cohorts.outcomes import Outcome
from ....cohorts.results import LandedResult
from ....storage.tables import CohortState, Review
from ...answer_key import hide_in_report
from ..gradings.reports import Points, ReportDocument, Share


class ResultItem(BaseModel):
    """An answer of a cohort."""

    id: str = Field(description="Id of the item.")
    external_id: str = Field(description="Your own id of the answer.")
    candidate: str | None = Field(description="Your reference for the candidate.")
    question_id: str = Field(description="Id of the question.")
    row: int | None = Field(ge=1, description="Row of the file, from 1 for the heading; null if it came by the API.")
    version: int = Field(ge=1, description="Counts the answers that were sent for this `external_id`.")


class ResultReview(BaseModel):
    """The newest decision of a person."""

    score: float | None = Field(ge=0, le=10, description="The person's score, 0 to 10; null if none was given.")
    source: str = Field(description="Where it was made, such as `api` or `import`.")
    created_at: datetime = Field(description="When it was made, UTC.")

    @classmethod
    def from_review(cls, review: Review) -> Self:
        """Builds the public view of a review."""
        return cls(score=review.score, source=review.source, created_at=review.created_at)


class ResultPublic(BaseModel):
    """The result of an answer of a cohort; figures are null where there is no score."""

    type: Literal["result"] = Field(default="result", description="Always `result`; lines of a stream have others.")
    sequence: int = Field(ge=1, description="Its place: the number of the newest event about it.")
    item: ResultItem = Field(description="The answer.")
    grading_id: str = Field(description="Id of its grading.")
    outcome: Outcome = Field(description="What became of the answer.")
    reason: str | None = Field(description="Why there is no score, as a fixed code.")
    score: Points | None = Field(description="The score, 0 to 10.")
    score_min: Points | None = Field(description="The lowest score that is possible, 0 to 10.")
    score_max: Points | None = Field(description="The highest score that is possible, 0 to 10.")
    confidence: Share | None = Field(description="Confidence in the score, 0 to 1.")
    needs_review: bool = Field(description="Whether a person should check it.")
    flags: list[Flag] = Field(description="What was noticed about the answer.")
    graded_at: datetime | None = Field(description="When the report was written, UTC.")
    review: ResultReview | None = Field(description="The newest decision of a person; it counts before `score`.")
    report: ReportDocument | None = Field(description="The report, with `include=report`; null otherwise.")

    @classmethod
    def from_result(cls, landed: LandedResult, *, with_report: bool, reads_key: bool) -> Self:
        """Builds the public view of a result, without the answer key for those who may not read it."""
        stored = landed.grading.report
        report: dict[str, Any] = upgrade_document(stored.document) if stored else {}
        shown = (report if reads_key else hide_in_report(report)) if with_report and stored else None
        item = landed.item
        return cls(
            sequence=landed.sequence,
            item=ResultItem(
                id=item.id,
                external_id=item.external_id,
                candidate=item.candidate,
                question_id=item.question_id,
                row=item.row,
                version=item.version,
            ),
            grading_id=landed.grading.id,
            outcome=landed.outcome,
            reason=landed.grading.reason,
            score=report.get("score"),
            score_min=report.get("score_min"),
            score_max=report.get("score_max"),
            confidence=report.get("confidence"),
            needs_review=landed.outcome is Outcome.NEEDS_REVIEW,
            flags=report.get("flags", []),
            graded_at=stored.created_at if stored else None,
            review=ResultReview.from_review(landed.review) if landed.review else None,
            report=shown,
        )


class ResultsPublic(BaseModel):
    """Results in the order in which they landed."""

    items: list[ResultPublic] = Field(description="The results.")
    next_after: int = Field(ge=0, description="Send it as `after` for what follows.")
    has_more: bool = Field(description="Whether more is there already; if not, `wait` waits for it.")
    cohort_state: CohortState = Field(description="The state of the cohort.")
    is_complete: bool = Field(
        description="Whether these are the last: the cohort has ended, and no answer of it is being graded."
    )


class ResultProgress(BaseModel):
    """A line of a stream that is no result: `wait` while there is none, `end` as the last."""

    type: Literal["wait", "end"] = Field(
        description="`wait`: a sign of life, every 15 seconds. `end`: the stream ends in order; without it, it was "
        "cut off."
    )
    sequence: int = Field(ge=0, description="Resume with it as `after`.")
    cohort_state: CohortState = Field(description="The state of the cohort.")
    is_complete: bool = Field(description="Whether every result has been sent; if not, resume.")
