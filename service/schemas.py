"""The wire types of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vivavoce.graders.report.stored import upgrade_document
from vivavoce.rubrics import Rubric

from .report_schema import ReportDocument
from .storage.tables import Grading, State


class GradingCreate(BaseModel):
    """An answer to be graded."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "question_id": "quantization",
                    "answer": "Weights go from FP16 to INT8 or INT4, so the model is smaller and faster.",
                    "candidate": "c-17",
                }
            ]
        },
    )

    question_id: str | None = Field(
        default=None,
        max_length=64,
        description="Identifier or handbook number of a question in the bank.",
    )
    rubric: Rubric | None = Field(default=None, description="A rubric of your own, instead of `question_id`.")
    answer: str = Field(description="The candidate's answer, at most 20,000 characters.")
    language: Literal["zh", "en"] | None = Field(
        default=None, description="Language of the rubric to grade by; by default that of the answer."
    )
    feedback_language: Literal["zh", "en"] | None = Field(
        default=None, description="Language of feedback; by default that of the rubric."
    )
    priority: Literal["interactive", "batch"] = Field(
        default="interactive", description="`batch` waits until no interactive answer does."
    )
    candidate: str | None = Field(
        default=None, description="Your own reference for the candidate; kept, never shown to the judge."
    )


class Provisional(BaseModel):
    """What can be said of a score while the judge is away."""

    score_min: float = Field(description="The least that the score can come to, 0 to 10.")
    score_max: float = Field(description="The most that the score can come to, 0 to 10.")
    coverage: float = Field(description="Share of the rubric's points (0 to 1) that was judged already.")
    signals: dict[str, float | None] = Field(description="What was found without the judge, by signal.")


class GradingPublic(BaseModel):
    """Where a grading stands, with its report once there is one."""

    id: str
    state: State
    question_id: str
    language: str
    candidate: str | None
    attempt: int = Field(description="How many times a worker has taken it up.")
    reason: str | None = Field(description="Why it waits or failed, as a fixed word.")
    detail: str | None = Field(description="The same in a sentence.")
    created_at: datetime
    updated_at: datetime
    provisional: Provisional | None = Field(
        default=None, description="While the judge is away, where the service is set to say so: no score yet."
    )
    report: ReportDocument | None = Field(description="The report, once there is one.")

    @classmethod
    def from_grading(cls, grading: Grading) -> GradingPublic:
        """The public view of a grading."""
        return cls(
            id=grading.id,
            state=State(grading.state),
            question_id=grading.rubric_version.question_id,
            language=grading.rubric_version.language,
            candidate=grading.submission.candidate,
            attempt=grading.attempt,
            reason=grading.reason,
            detail=grading.detail,
            created_at=grading.created_at,
            updated_at=grading.updated_at,
            provisional=Provisional.model_validate(grading.provisional) if grading.provisional else None,
            report=upgrade_document(grading.report.document) if grading.report else None,
        )


class CriterionPublic(BaseModel):
    """A criterion as candidates may see it."""

    id: str
    kind: str
    title: str
    points: float


class QuestionPublic(BaseModel):
    """A question without its key."""

    id: str
    handbook: str | None
    language: str
    text: str
    topic: str
    difficulty: str
    minutes: int
    max_points: float
    rubric_hash: str
    criteria: list[CriterionPublic]


class Problem(BaseModel):
    """An error (RFC 9457): what happened, and what to do about it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


class Readiness(BaseModel):
    """Whether the service can take answers in, and how its parts are."""

    ready: bool
    database: str
    judge: str
    queue: dict[str, int]
    oldest_open_seconds: float | None
