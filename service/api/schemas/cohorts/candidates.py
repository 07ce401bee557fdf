"""The bodies of replies about the candidates of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from ....candidates.listing import Placed
from ....candidates.tiers import ERROR_SHARE
from ....candidates.totals import Answer
from ....cohorts.outcomes import Outcome
from ...paging import Page

Score = Annotated[float, Field(ge=0, le=10)]
_EXAMPLE: JsonDict = {
    "candidate": "c-17",
    "tier": 1,
    "total": 7.35,
    "total_min": 6.8,
    "total_max": 7.9,
    "machine_total": 7.2,
    "human_total": 8.0,
    "human_grades": 1,
    "scored": 8,
    "questions": 8,
    "coverage": 1.0,
    "missing": [],
}


class MissingPublic(BaseModel):
    """A question without a score that counts."""

    question_id: str = Field(description="Id of the question.")
    reason: Literal["no_answer", "not_graded", "failed", "open"] = Field(
        description="`no_answer`: the cohort has no item of the candidate for it; `not_graded`: not started, waiting "
        "or cancelled; `failed`: no grader could score it; `open`: a person has to give the score."
    )


class CandidatePublic(BaseModel):
    """A candidate across the questions of a cohort."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    candidate: str = Field(description="Your reference for the candidate.")
    tier: int | None = Field(
        ge=1,
        description="Tier, from 1 for the highest. Candidates of one tier may be equal; null while a question has no "
        "score.",
    )
    total: Score | None = Field(
        description="Mean of the scores that count, 0 to 10: a person's grade where there is one, otherwise the "
        "machine's score. Null without any."
    )
    total_min: Score = Field(description="10 % quantile of the total, 0 to 10; a missing score counts 0.")
    total_max: Score = Field(description="90 % quantile of the total, 0 to 10; a missing score counts 10.")
    machine_total: Score | None = Field(description="Mean of the machine's scores alone, 0 to 10; null without any.")
    human_total: Score | None = Field(description="Mean of people's grades alone, 0 to 10; null without any.")
    human_grades: int = Field(ge=0, description="Number of answers with a person's grade.")
    scored: int = Field(ge=0, description="Number of questions with a score that counts.")
    questions: int = Field(ge=0, description="Number of questions that are expected of the candidate.")
    coverage: float = Field(ge=0, le=1, description="`scored` as a share of `questions`, 0 to 1.")
    missing: list[MissingPublic] = Field(description="The questions without a score, by id.")

    @classmethod
    def from_placed(cls, placed: Placed) -> CandidatePublic:
        """Builds the public view of a candidate."""
        return cls(**_list_fields(placed))


class CandidateAnswer(BaseModel):
    """An answer of a candidate with its scores."""

    question_id: str = Field(description="Id of the question.")
    item_id: str = Field(description="Id of the cohort's item.")
    external_id: str = Field(description="Your own id of the answer.")
    grading_id: str | None = Field(description="Id of its grading; null before the cohort is started.")
    outcome: Outcome = Field(description="What became of the answer.")
    counted_score: Score | None = Field(description="The score that counts in the total, 0 to 10; null if none does.")
    score: Score | None = Field(
        description="The machine's score, 0 to 10; null if it has none, or if a person has to give it."
    )
    score_min: Score | None = Field(description="10 % quantile of the machine's score, 0 to 10.")
    score_max: Score | None = Field(description="90 % quantile of the machine's score, 0 to 10.")
    human_score: Score | None = Field(description="The newest grade of a person, 0 to 10; null without one.")

    @classmethod
    def from_answer(cls, answer: Answer) -> CandidateAnswer:
        """Builds the public view of an answer."""
        return cls(
            question_id=answer.question_id,
            item_id=answer.item_id,
            external_id=answer.external_id,
            grading_id=answer.grading_id,
            outcome=answer.outcome,
            counted_score=answer.counted_score,
            score=answer.machine_score,
            score_min=answer.score_min,
            score_max=answer.score_max,
            human_score=answer.human_score,
        )


class CandidateDetail(CandidatePublic):
    """A candidate with all answers."""

    # Not the example of what it is made from.
    model_config = ConfigDict(json_schema_extra={})

    answers: list[CandidateAnswer] = Field(description="The answers, by question.")

    @classmethod
    def from_answers(cls, placed: Placed, answers: Sequence[Answer]) -> CandidateDetail:
        """Builds the public view of a candidate with the answers."""
        return cls(**_list_fields(placed), answers=[CandidateAnswer.from_answer(answer) for answer in answers])


class CandidatePage(Page[CandidatePublic]):
    """A page of candidates, by tier and then by reference: the order within a tier says nothing."""

    tiers: int = Field(ge=0, description="Number of tiers of the cohort.")
    tier_error: float = Field(
        ge=0,
        le=1,
        default=ERROR_SHARE,
        description="Share of cohorts in which any two equal candidates may get different tiers, if the ranges of the "
        "scores are right.",
    )
    anonymous_items: int = Field(ge=0, description="Number of items without a candidate; they are in no total.")


def _list_fields(placed: Placed) -> dict[str, object]:
    standing = placed.standing
    return {
        "candidate": standing.candidate,
        "tier": placed.tier,
        "total": standing.total,
        "total_min": standing.total_min,
        "total_max": standing.total_max,
        "machine_total": standing.machine_total,
        "human_total": standing.human_total,
        "human_grades": standing.human_count,
        "scored": standing.scored,
        "questions": standing.expected,
        "coverage": round(standing.scored / standing.expected, 4) if standing.expected else 0.0,
        "missing": [
            MissingPublic(question_id=missing.question_id, reason=missing.reason) for missing in standing.missing
        ],
    }
