"""The bodies of requests and replies about what a rubric is like: its lint, its differences from another, its tests."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vivavoce.rubrics import Change, Effect

from ....own_rubrics.lint import DraftFinding, Severity
from ....own_rubrics.trials import Trial
from ....storage.tables import JobState
from ..common import RequestBody
from ..gradings.reports import ReportDocument

_ID = "32 hexadecimal digits"


class FindingPublic(BaseModel):
    """A rule of the lint that a rubric breaks."""

    severity: Severity = Field(
        description="An `error` must be mended before the draft is frozen; a `warning` grades worse than it could; "
        "`unsure` is what only embeddings can tell: a test of the draft says it."
    )
    rule: str = Field(description="Name of the rule, such as `incomplete`, `absence`, `answer-key` or `reference`.")
    pointer: str = Field(description="Place in the rubric as a JSON pointer, such as `/criteria/2/statement`.")
    message: str = Field(description="What is wrong and how to mend it.")

    @classmethod
    def from_finding(cls, finding: DraftFinding) -> FindingPublic:
        """Builds the public view of a finding."""
        return cls(**finding.to_dict())


class LintReport(BaseModel):
    """What the lint says of a rubric."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "can_freeze": False,
                    "findings": [
                        {
                            "severity": "error",
                            "rule": "incomplete",
                            "pointer": "/references",
                            "message": "there is no reference answer: add one that earns full marks",
                        }
                    ],
                }
            ]
        }
    )
    can_freeze: bool = Field(description="Whether there is no error, so that a draft can be frozen.")
    findings: list[FindingPublic] = Field(description="Everything that was found, errors first; empty if all is well.")


class ChangePublic(BaseModel):
    """One difference between two rubrics."""

    effect: Effect = Field(
        description="What it does to grades: `none`; `recompute` from recorded signals, without the judge; `stale`: "
        "only a new judgement can follow it."
    )
    criterion: str | None = Field(description="Id of the criterion; null for the whole rubric.")
    what: str = Field(description="The difference in words.")
    is_seen_by_judges: bool = Field(
        description="Whether a judge that is shown the whole rubric reads another text; then grades are stale with it."
    )

    @classmethod
    def from_change(cls, change: Change) -> ChangePublic:
        """Builds the public view of a change."""
        return cls(
            effect=change.effect,
            criterion=change.criterion or None,
            what=change.what,
            is_seen_by_judges=change.is_seen,
        )


class RubricDiff(BaseModel):
    """The differences between two rubrics, and what they do to grades."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rubric_id": "5f0c6f2b7d3a4c1e9b8a7d6c5b4a3f2e",
                    "against": "bank",
                    "effect": "recompute",
                    "changes": [
                        {
                            "effect": "recompute",
                            "criterion": "effect",
                            "what": "criterion 'effect' has other points",
                            "is_seen_by_judges": False,
                        }
                    ],
                }
            ]
        }
    )
    rubric_id: str = Field(description=f"Id of the newer version: {_ID}.")
    against: str = Field(description="Id of the version that it is compared with, or `bank`.")
    effect: Effect = Field(description="The strongest effect among the changes: `none`, `recompute` or `stale`.")
    changes: list[ChangePublic] = Field(description="The differences; empty if grades would be the same.")


class RubricTestCreate(RequestBody):
    """An answer to be graded as a test."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"answer": "Weights go from FP16 to INT8 or INT4, so the model is smaller."}]},
    )
    # Its length is checked later, for a message in plain words.
    answer: str = Field(description="The answer, at most 20,000 characters.")
    feedback_language: Literal["zh", "en"] | None = Field(
        default=None, description="Language of the feedback; by default the language of the rubric."
    )


class RubricTestPublic(BaseModel):
    """A test of a rubric: its state, and its report once it is finished."""

    id: str = Field(description=f"Id of the test: {_ID}.")
    rubric_id: str = Field(description=f"Id of the rubric: {_ID}.")
    rubric_revision: int = Field(ge=1, description="Revision of the rubric that the answer is graded by, from 1.")
    state: JobState = Field(description="`queued` and `running` are open; `finished` has a report, `failed` an error.")
    error: str | None = Field(description="Why the test failed, in a sentence; null if it did not.")
    answer: str = Field(description="The answer, as it was sent.")
    report: ReportDocument | None = Field(
        description="The report, as that of a grading; its `score` is null if the judge failed. Null until `finished`."
    )
    findings: list[FindingPublic] | None = Field(
        description="The full lint of the rubric, with embeddings; null until `finished`."
    )
    created_at: datetime = Field(description="Time of the request, UTC.")
    expires_at: datetime = Field(description="Time at which the test is deleted, UTC: seven days after the request.")

    @classmethod
    def from_trial(cls, trial: Trial) -> RubricTestPublic:
        """Builds the public view of a test."""
        test = trial.test
        return cls(
            id=test.id,
            rubric_id=test.rubric_id,
            rubric_revision=test.revision,
            state=trial.state,
            error=trial.error,
            answer=test.answer,
            report=test.report,
            findings=[FindingPublic(**finding) for finding in test.findings] if test.findings is not None else None,
            created_at=test.created_at,
            expires_at=test.expires_at,
        )
