"""The bodies of requests and replies about cohorts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from ....cohorts.outcomes import Outcome
from ....cohorts.progress import Progress
from ....storage.tables import Cohort, CohortState
from ....times import Time
from ..common import READ_WHOLE, RequestBody

MAX_LIMIT = 1_000_000_000
Name = Annotated[str, Field(min_length=1, max_length=200, description="A name of your choice, 1 to 200 characters.")]
_MetadataText = Annotated[str, StringConstraints(max_length=500)]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], _MetadataText],
    Field(max_length=20, description="What you want to keep with it: at most 20 names of 40 characters, texts of 500."),
]
PassMark = Annotated[
    float,
    Field(ge=0, le=10, description="Score (0 to 10) from which an answer passes in results; it changes no grade."),
]
MaxCalls = Annotated[
    int,
    Field(ge=0, le=MAX_LIMIT, description="Most calls of the judge, probes included; null for no limit."),
    READ_WHOLE,
]
MaxCost = Annotated[
    float,
    Field(
        ge=0,
        le=MAX_LIMIT,
        description="Most that its calls may cost, in the currency of the prices; null for no limit.",
    ),
]
FinishBy = Annotated[
    Time,
    Field(description="Time with its zone at which what is not begun expires; null for none."),
]
_EXAMPLE: dict[str, JsonValue] = {"name": "Backend, spring 2027", "pass_mark": 6, "max_calls": 50000}


class CohortCreate(RequestBody):
    """A new cohort, a draft without answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    open: bool = Field(
        default=False,
        description="Whether answers may be added while it runs; they are graded at once. `finalise` closes it.",
    )
    feedback_language: Literal["zh", "en"] | None = Field(
        default=None, description="Language of the feedback; by default the language of each rubric."
    )
    pass_mark: PassMark | None = None
    max_calls: MaxCalls | None = None
    max_cost: MaxCost | None = None
    finish_by: FinishBy | None = None
    metadata: Metadata | None = None


class CohortEdit(RequestBody):
    """An edit: fields that are left out stay as they are, null takes a limit away."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"max_calls": 80000}]})

    # Without a default in the schema: an edit cannot take the name away.
    name: Name = Field(default_factory=str)
    pass_mark: PassMark | None = None
    max_calls: MaxCalls | None = None
    max_cost: MaxCost | None = None
    finish_by: FinishBy | None = None
    metadata: Metadata | None = None


class CohortResume(RequestBody):
    """What to go on with."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"retry_failed": True}]})

    retry_failed: bool = Field(default=False, description="Whether answers that failed are graded again, too.")


class CohortBudget(BaseModel):
    """What calls of the judge have used. Used and reserved together never exceed a limit."""

    max_calls: int | None = Field(ge=0, description="Limit of calls; null for none.")
    used_calls: int = Field(ge=0, description="Calls that were made. A lost one counts.")
    reserved_calls: int = Field(ge=0, description="Calls that are being made, or were lost with a worker.")
    left_calls: int | None = Field(ge=0, description="Calls that may still be made; null without a limit.")
    max_cost: float | None = Field(ge=0, description="Limit of the cost, in the currency of the prices; null for none.")
    used_cost: float = Field(ge=0, description="Cost of the calls that were made; a lost one counts at its maximum.")
    reserved_cost: float = Field(ge=0, description="The most that calls being made, or lost with a worker, may cost.")
    left_cost: float | None = Field(ge=0, description="What may still be spent; null without a limit.")


class CohortProgress(BaseModel):
    """How far it is."""

    done: float = Field(
        ge=0, le=1, description="Share of the answers that need no more grading, 0 to 1; 0 without answers."
    )
    answers_a_minute: float | None = Field(ge=0, description="Answers graded a minute of late; null if none was.")
    earliest_end: datetime | None = Field(description="The end if all goes fast (90 %), UTC; null if unknown.")
    latest_end: datetime | None = Field(description="The end if all goes slowly (90 %), UTC; null if unknown.")


class CohortPublic(BaseModel):
    """A cohort."""

    id: str = Field(description="Id of the cohort: 32 hexadecimal digits.")
    name: str = Field(description="Its name.")
    state: CohortState = Field(description="Its state; the last four are ends, from which it can be resumed.")
    end_reason: str | None = Field(description="Why it ended, in a sentence; null if it is finished or has not ended.")
    open: bool = Field(description="Whether answers may be added while it runs.")
    feedback_language: Literal["zh", "en"] | None = Field(
        description="Language of the feedback; null for the rubric's."
    )
    pass_mark: float | None = Field(ge=0, le=10, description="Score (0 to 10) from which an answer passes in results.")
    finish_by: datetime | None = Field(description="Time at which it expires, UTC; null for none.")
    metadata: dict[str, str] | None = Field(description="What you keep with it.")
    total: int = Field(ge=0, description="Number of answers.")
    counts: dict[Outcome, int] = Field(description="Number of answers with each outcome; they sum to `total`.")
    budget: CohortBudget = Field(description="Limits, and what is used.")
    progress: CohortProgress = Field(description="How far it is.")
    created_at: datetime = Field(description="Time of creation, UTC.")
    updated_at: datetime = Field(description="Time of the last change of the cohort itself, UTC.")
    started_at: datetime | None = Field(description="Time of the first start, UTC.")
    ended_at: datetime | None = Field(description="Time of the end, UTC; null while it has none.")

    @classmethod
    def from_cohort(cls, cohort: Cohort, progress: Progress) -> CohortPublic:
        """Builds the public view of a cohort."""
        options = cohort.options
        return cls(
            id=cohort.id,
            name=cohort.name,
            state=CohortState(cohort.state),
            end_reason=cohort.end_reason,
            open=bool(options.get("open")),
            feedback_language=options.get("feedback_language"),
            pass_mark=options.get("pass_mark"),
            finish_by=cohort.finish_by,
            metadata=options.get("metadata"),
            total=progress.total,
            counts=dict(progress.counts),
            budget=_describe_budget(cohort),
            progress=CohortProgress(
                done=progress.done,
                answers_a_minute=progress.answers_a_minute,
                earliest_end=progress.earliest_end,
                latest_end=progress.latest_end,
            ),
            created_at=cohort.created_at,
            updated_at=cohort.updated_at,
            started_at=cohort.started_at,
            ended_at=cohort.ended_at,
        )


def _describe_budget(cohort: Cohort) -> CohortBudget:
    calls, cost = cohort.used_calls + cohort.reserved_calls, cohort.used_cost + cohort.reserved_cost
    return CohortBudget(
        max_calls=cohort.max_calls,
        used_calls=cohort.used_calls,
        reserved_calls=cohort.reserved_calls,
        left_calls=None if cohort.max_calls is None else max(cohort.max_calls - calls, 0),
        max_cost=cohort.max_cost,
        used_cost=cohort.used_cost,
        # A sum of many floats may end a hair below 0.
        reserved_cost=max(cohort.reserved_cost, 0.0),
        left_cost=None if cohort.max_cost is None else max(cohort.max_cost - cost, 0.0),
    )


class Range(BaseModel):
    """A range in which the figure lies with a probability of 80 %."""

    low: float = Field(ge=0, description="The 10th percentile.")
    high: float = Field(ge=0, description="The 90th percentile.")


class LimitEffect(BaseModel):
    """What a limit would do."""

    limit: Literal["max_calls", "max_cost", "finish_by"] = Field(description="The limit.")
    stops: Literal["no", "maybe", "yes"] = Field(description="Whether it ends the cohort before all is graded.")
    answers: Range = Field(description="Number of answers that are graded under it.")


class EstimatePublic(BaseModel):
    """What grading the rest of a cohort is expected to take."""

    answers: int = Field(ge=0, description="Answers that are not graded yet.")
    basis: Literal["history", "rubric"] = Field(
        description="`history`: from reports by the same rubrics; `rubric`: from what the judge would be asked."
    )
    calls: Range = Field(description="Calls of the judge.")
    prompt_tokens: Range = Field(description="Tokens of their prompts.")
    minutes: Range | None = Field(description="Minutes from start to end; null while nothing was graded yet.")
    cost: Range = Field(description="Their cost, in the currency of the prices; 0 without prices.")
    limits: list[LimitEffect] = Field(description="What each limit of the cohort would do.")
