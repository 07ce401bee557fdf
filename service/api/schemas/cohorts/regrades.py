"""The bodies of requests and replies about regrades."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ....storage.tables import Analysis
from ..common import RequestBody

Score = Annotated[float, Field(ge=0, le=10)]
Crossing = Literal["up", "down"]


class RegradeRubric(RequestBody):
    """The rubric that shall grade a question."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["rubric_id"], "properties": {"rubric_id": {"type": "string"}}},
                {"required": ["language"], "properties": {"language": {"type": "string"}}},
            ],
        },
    )

    question_id: str = Field(min_length=1, max_length=64, description="Id of the question.")
    rubric_id: str | None = Field(
        default=None,
        max_length=32,
        description="Id of a frozen rubric of your own for the question; null for the bank's present one.",
    )
    language: Literal["zh", "en"] | None = Field(
        default=None, description="Language of the bank's rubric; not needed with `rubric_id`."
    )


class RegradeCreate(RequestBody):
    """A change of grades, to be reviewed before it is applied. It needs at least one of its fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["rubrics"], "properties": {"rubrics": {"minItems": 1}}},
                {"required": ["pass_mark"], "properties": {"pass_mark": {"type": "number"}}},
                {"required": ["judge"], "properties": {"judge": {"const": True}}},
            ],
            "examples": [
                {"rubrics": [{"question_id": "quantization", "rubric_id": "4f0c…"}], "pass_mark": 6.0},
            ],
        },
    )

    rubrics: list[RegradeRubric] = Field(
        default=[], max_length=200, description="Other rubrics, one for each question and language."
    )
    pass_mark: float | None = Field(
        default=None, ge=0, le=10, description="Another pass mark, 0 to 10; null to leave it."
    )
    judge: bool = Field(
        default=False,
        description="Whether answers that another judge graded are graded again by the one that grades now.",
    )
    dry_run: Literal[True] = Field(
        default=True, description="Always true: a regrade changes nothing until its difference is applied by its id."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.rubrics and self.pass_mark is None and not self.judge:
            raise ValueError("The regrade changes nothing: give 'rubrics', a 'pass_mark' or 'judge'.")
        return self


class RegradeApply(RequestBody):
    """How a regrade is applied."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"grade_again": False}]})

    grade_again: bool = Field(
        default=False,
        description="Whether answers that need the judge are queued, which pauses the cohort until it is resumed. "
        "Required if there are any.",
    )


class RegradeCounts(BaseModel):
    """The number of answers by what the change does to them."""

    unchanged: int = Field(ge=0, description="The report stays.")
    recomputed: int = Field(ge=0, description="The report is recomputed from recorded signals, without a judge.")
    needs_judge: int = Field(ge=0, description="Only the judge can tell the new score.")
    kept_human: int = Field(ge=0, description="A person has decided: nothing is changed.")
    not_graded: int = Field(ge=0, description="There is no report yet; a new rubric counts for these too.")


class _Move(BaseModel):
    old_score: Score | None = Field(
        description="Score before, 0 to 10; null without one, or if a person has to give it."
    )
    new_score: Score | None = Field(description="Score after, 0 to 10; null also while the judge has to tell it.")
    change: float | None = Field(
        ge=-10, le=10, description="After minus before, -10 to 10; null if one of them is null."
    )
    crosses: Crossing | None = Field(
        description="`up`: passes now and did not before; `down`: the other way round; null if neither, or if there is "
        "no pass mark."
    )


class RegradeItem(_Move):
    """An answer whose report changes."""

    item_id: str = Field(description="Id of the cohort's item.")
    external_id: str = Field(description="Your own id of the answer.")
    candidate: str | None = Field(description="Your reference for the candidate; null without one.")
    question_id: str = Field(description="Id of the question.")
    grading_id: str = Field(description="Id of the grading.")
    effect: Literal["recomputed", "needs_judge"] = Field(description="What the change does to the report.")


class RegradeCandidate(_Move):
    """A candidate with a report that changes; scores are means over the answers, people's grades included."""

    candidate: str = Field(description="Your reference for the candidate.")
    needs_judge: int = Field(ge=0, description="Number of answers whose new score only the judge can tell.")


class RegradePublic(BaseModel):
    """A regrade: what a change would do to the grades of a cohort, and whether it was applied."""

    id: str = Field(description="Id of the regrade: 32 hexadecimal digits.")
    cohort_id: str = Field(description="Id of the cohort.")
    state: Literal["queued", "running", "finished", "failed", "applying", "applied"] = Field(
        description="`finished` can be applied."
    )
    error: str | None = Field(description="Why it failed, in a sentence; null otherwise. No grade was changed.")
    rubric_hashes: dict[str, str] = Field(description="Content hash of the new rubric, by question and language.")
    pass_mark: Score | None = Field(description="The new pass mark, 0 to 10; null if it stays.")
    judge: bool = Field(description="Whether answers of other judges are graded again.")
    created_at: datetime = Field(description="When it was asked for, UTC.")
    finished_at: datetime | None = Field(description="When the difference was computed, or it failed, UTC.")
    applied_at: datetime | None = Field(description="When it was applied, UTC; null before.")
    counts: RegradeCounts | None = Field(description="Number of answers by effect; null before the end, and in lists.")
    estimated_calls: int | None = Field(
        ge=0, description="Calls of the judge that `needs_judge` takes, about as many as before; null as `counts`."
    )
    items: list[RegradeItem] | None = Field(description="The answers whose reports change; null as `counts`.")
    candidates: list[RegradeCandidate] | None = Field(
        description="The candidates with such answers, by reference; null as `counts`."
    )

    @classmethod
    def from_analysis(cls, regrade: Analysis, *, result: dict[str, Any] | None = None) -> RegradePublic:
        """Builds the public view of a regrade, with its difference if there is one."""
        found = result or {}
        return cls(
            id=regrade.id,
            cohort_id=regrade.cohort_id,
            state=regrade.state,
            error=regrade.error,
            rubric_hashes=regrade.options["hashes"],
            pass_mark=regrade.options["pass_mark"],
            judge=regrade.options["judge"],
            created_at=regrade.created_at,
            finished_at=regrade.finished_at,
            applied_at=regrade.applied_at,
            counts=found.get("counts"),
            estimated_calls=found.get("estimated_calls"),
            items=found.get("items"),
            candidates=found.get("candidates"),
        )
