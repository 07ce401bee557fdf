"""The bodies of requests and replies about near-duplicates and the analysis of questions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ....storage.tables import Analysis
from ....storage.tables.jobs import AnalysisState
from ..common import RequestBody

Share = Annotated[float, Field(ge=0, le=1)]


class DuplicatesCreate(RequestBody):
    """A search for near-duplicates."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"threshold": 0.8}]})

    threshold: float = Field(
        default=0.8,
        ge=0.6,
        le=1,
        description="Similarity from which two answers are near-duplicates, .6 to 1. Honest answers to one question "
        "stay below .6.",
    )


class DuplicateMember(BaseModel):
    """An answer of a group."""

    item_id: str = Field(description="Id of the cohort's item.")
    external_id: str = Field(description="Your own id of the answer.")
    candidate: str | None = Field(description="Your reference for the candidate; null without one.")
    similarity: Share = Field(
        description="Similarity to the nearest other answer of the group, or to the text that it copies, 0 to 1."
    )


class DuplicateGroup(BaseModel):
    """Answers to one question that are nearly the same, or that copy the same text."""

    kind: Literal["answers", "reference", "question"] = Field(
        description="`answers`: alike among each other; `reference`: copies of a reference answer; `question`: copies "
        "of the question."
    )
    question_id: str = Field(description="Id of the question.")
    similarity: Share = Field(description="The lowest similarity among the members, 0 to 1.")
    members: list[DuplicateMember] = Field(description="The answers.")


class DuplicatesPublic(BaseModel):
    """A search for near-duplicates in a cohort. It changes no score."""

    id: str = Field(description="Id of the search: 32 hexadecimal digits.")
    cohort_id: str = Field(description="Id of the cohort.")
    state: AnalysisState = Field(description="`queued` and `running` are open, `finished` and `failed` the end.")
    error: str | None = Field(description="Why it failed, in a sentence; null otherwise.")
    threshold: Share = Field(description="Similarity from which two answers are near-duplicates, .6 to 1.")
    created_at: datetime = Field(description="When it was asked for, UTC.")
    finished_at: datetime | None = Field(description="When it ended, UTC; null before.")
    compared: int | None = Field(ge=0, description="Number of answers that were compared; null before the end.")
    too_short: int | None = Field(
        ge=0,
        description="Number of answers left out because they have fewer than 80 letters and digits (a Chinese "
        "character counts as two), since short answers are alike by chance; null before the end.",
    )
    said_nothing: int | None = Field(
        ge=0,
        description="Number of answers left out because they are empty or say only that the candidate does not know; "
        "null before the end.",
    )
    groups_total: int | None = Field(ge=0, description="Number of groups; null before the end.")
    groups: list[DuplicateGroup] | None = Field(
        description="The groups, the most alike first, at most 1,000; null before the end, and in lists. Groups of "
        "kind `reference` are left out unless the key has the scope `answer_key:read`."
    )

    @classmethod
    def from_analysis(
        cls, analysis: Analysis, *, result: dict[str, Any] | None = None, reads_key: bool = False
    ) -> DuplicatesPublic:
        """Builds the public view of a search, with its result if there is one."""
        found = result or {}
        groups = found.get("groups")
        if groups is not None and not reads_key:
            groups = [group for group in groups if group["kind"] != "reference"]
        return cls(
            id=analysis.id,
            cohort_id=analysis.cohort_id,
            state=analysis.state,
            error=analysis.error,
            threshold=analysis.options["threshold"],
            created_at=analysis.created_at,
            finished_at=analysis.finished_at,
            compared=found.get("compared"),
            too_short=found.get("too_short"),
            said_nothing=found.get("said_nothing"),
            groups_total=found.get("groups_total"),
            groups=groups,
        )


class FigurePublic(BaseModel):
    """A figure with its 95 % interval; null if it is undefined, which is not 0."""

    model_config = ConfigDict(from_attributes=True)

    value: float | None = Field(description="The figure; null if it is undefined.")
    low: float | None = Field(description="Lower end of the interval; null if there are too few data.")
    high: float | None = Field(description="Upper end of the interval; null if there are too few data.")
    undefined: Literal["too_few", "no_variance", "no_points", "no_other_question", "no_other_criterion"] | None = Field(
        description="Why the figure is undefined: `too_few` data; `no_variance`: all values are the same; `no_points`: "
        "a gate earns none; `no_other_question`, `no_other_criterion`: there is nothing to compare with. Null if it is "
        "defined."
    )


class AgreementPublic(BaseModel):
    """How the machine's scores agree with people's newest grades of the same answers."""

    model_config = ConfigDict(from_attributes=True)

    n: int = Field(ge=0, description="Number of answers with a score and a person's grade.")
    overrides: int = Field(ge=0, description="Number of these that the person graded differently.")
    kappa: FigurePublic = Field(description="Cohen's kappa with quadratic weights on whole points, -1 to 1.")
    pearson: FigurePublic = Field(description="Pearson's correlation, -1 to 1.")
    difference: FigurePublic = Field(
        description="Mean of score minus grade, -10 to 10: above 0 the machine is lenient."
    )


class CriterionFiguresPublic(BaseModel):
    """The figures of a criterion."""

    model_config = ConfigDict(from_attributes=True)

    criterion_id: str = Field(description="Id of the criterion.")
    kind: str = Field(description="`binary`, `ordinal`, `negative` or `gate`.")
    scored: int = Field(ge=0, description="Number of answers with points on it.")
    abstentions: dict[str, int] = Field(description="Number of answers without, by the reason.")
    mean: FigurePublic = Field(description="Mean of the points, on the rubric's scale.")
    difficulty: FigurePublic = Field(
        description="Mean share of the criterion's points, 0 to 1: high is easy. Of a mistake, 1 means that all made "
        "it."
    )
    item_rest: FigurePublic = Field(
        description="Pearson's correlation of its points with the sum of the other criteria's, over answers, -1 to 1."
    )
    levels: list[int] = Field(description="Number of answers on each level, the lowest first.")
    reviewed: int = Field(ge=0, description="Number of scored answers on which a person set its level.")
    overrides: int = Field(ge=0, description="Number of these with another level than the machine's.")
    kappa: FigurePublic = Field(description="Cohen's kappa with quadratic weights of the levels, -1 to 1.")


class QuestionFiguresPublic(BaseModel):
    """The figures of a question in a cohort, from the machine's scores, 0 to 10."""

    model_config = ConfigDict(from_attributes=True)

    question_id: str = Field(description="Id of the question.")
    n: int = Field(ge=0, description="Number of answers.")
    scored: int = Field(ge=0, description="Number of answers with a score of the machine.")
    abstentions: dict[str, int] = Field(
        description="Number of answers without: `open` (a person has to give the score), `failed`, `not_graded`."
    )
    mean: FigurePublic = Field(description="Mean of the scores, 0 to 10.")
    difficulty: FigurePublic = Field(description="Mean as a share of the maximum, 0 to 1: high is easy.")
    item_rest: FigurePublic = Field(
        description="Pearson's correlation with the mean of the candidate's other questions, over candidates, -1 to 1."
    )
    agreement: AgreementPublic = Field(description="Agreement with people.")
    criteria: list[CriterionFiguresPublic] = Field(description="The criteria, in the order of the rubric.")


class ItemAnalysisPublic(BaseModel):
    """The figures of a cohort's questions and criteria."""

    model_config = ConfigDict(from_attributes=True)

    questions: list[QuestionFiguresPublic] = Field(description="The questions, by id.")
