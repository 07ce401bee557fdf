"""The bodies of requests and replies about people's decisions, and about reports that were replaced."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vivavoce.graders.report.stored import upgrade_document

from ....storage.tables import EarlierReport, Review, State
from ..common import RequestBody
from .reports import ReportDocument

Level = Annotated[int, Field(ge=0, le=9)]


class ReviewCreate(RequestBody):
    """A person's decision on a grading: at least one of `score`, `levels` and `comment`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"score": 6.5, "comment": "The second point is there, in other words.", "reviewer": "Li Na"},
                {"levels": {"precision": 1}, "comment": "第二点已经答到。"},
            ]
        },
    )

    score: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="The score, 0 to 10. Without it, levels of all criteria give the score by the rubric's points and "
        "gates.",
    )
    levels: dict[str, Level] | None = Field(
        default=None,
        max_length=12,
        description="Index of the level, from 0, of each criterion that was decided, by the id of the criterion.",
    )
    comment: str | None = Field(default=None, max_length=2000, description="A comment, at most 2,000 characters.")
    reviewer: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Who decided, at most 200 characters; by default the name of the key.",
    )


class ReviewPublic(BaseModel):
    """A person's decision on a grading."""

    id: str = Field(description="Id of the review.")
    grading_id: str = Field(description="Id of the grading.")
    reviewer: str = Field(description="Who decided.")
    score: float | None = Field(
        ge=0, le=10, description="The person's score, 0 to 10; null if levels are missing for one."
    )
    machine_score: float | None = Field(
        ge=0, le=10, description="The score of the report at that time, 0 to 10; null without one."
    )
    levels: dict[str, int] = Field(description="Index of the level, from 0, by the id of the criterion.")
    comment: str | None = Field(description="The comment.")
    source: Literal["api", "import"] = Field(description="`api`, or `import` for an edited grade from a file.")
    created_at: datetime = Field(description="Time of the review, UTC.")

    @classmethod
    def from_review(cls, review: Review) -> ReviewPublic:
        """Builds the public view of a review."""
        return cls.model_validate(review, from_attributes=True)


class EarlierReportPublic(BaseModel):
    """A report that another one replaced."""

    id: str = Field(description="Id of the earlier report.")
    grading_id: str = Field(description="Id of the grading.")
    regrade_id: str | None = Field(description="Id of the regrade that replaced it; null if it was graded again alone.")
    state: State = Field(description="The state that the grading had with this report.")
    score: float | None = Field(ge=0, le=10, description="The score, 0 to 10; null without one.")
    created_at: datetime = Field(description="Time of the report, UTC.")
    replaced_at: datetime = Field(description="Time at which another report replaced it, UTC.")
    report: ReportDocument | None = Field(description="The report.")

    @classmethod
    def from_row(cls, row: EarlierReport) -> EarlierReportPublic:
        """Builds the public view of an earlier report, in the present form."""
        return cls(
            id=row.id,
            grading_id=row.grading_id,
            regrade_id=row.regrade_id,
            state=State(row.state),
            score=row.score,
            created_at=row.created_at,
            replaced_at=row.replaced_at,
            report=upgrade_document(row.document),
        )
