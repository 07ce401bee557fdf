"""The bodies of requests and replies about judge versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vivavoce.graders.judge.clients.addresses import hide_credentials

from ....judges.agreement import Agreement
from ....judges.versions import figures_of
from ....storage.tables import JudgeVersion
from ..common import RequestBody


class QualificationPublic(BaseModel):
    """The figures of one run of the qualification."""

    questions: int = Field(ge=0, description="Number of questions, each in one language, that it was asked.")
    in_order: int = Field(ge=0, description="Of these, how many had their answers scored in the right order.")
    share_in_order: float = Field(ge=0, le=1, description="The same as a share, 0 to 1; 0 without questions.")
    out_of_order: list[str] = Field(description="The others, as `question/language`.")
    unscored: int = Field(ge=0, description="Number of answers without a score.")
    spearman: float | None = Field(
        ge=-1, le=1, description="Rank correlation with the grades of the answers' writers, -1 to 1; null if unknown."
    )
    language_gap: float | None = Field(
        ge=0,
        le=1,
        description="Mean absolute difference between the Chinese and the English version of an answer, as a share (0 "
        "to 1) of full scale; null if unknown.",
    )
    held_against: int = Field(
        ge=0, description="Number of excellent answers that were penalised for a mistake which they reject."
    )
    rejections: int = Field(ge=0, description="Number of excellent answers that mention a mistake to reject it.")


class JudgeAgreementPublic(BaseModel):
    """How close a judge's scores are to those of people, in the reviews of your gradings by it."""

    reviews: int = Field(ge=1, description="Number of gradings with a score of a person, among the newest 1,000.")
    mean_absolute_difference: float = Field(
        ge=0, le=10, description="Mean absolute difference to the person's score, in points of 10."
    )
    bias: float = Field(ge=-10, le=10, description="Mean of machine minus person, in points of 10.")
    share_within_1_5: float = Field(
        ge=0, le=1, description="Share of scores within 1.5 points of the person's, 0 to 1."
    )


class JudgePublic(BaseModel):
    """A judge with the figures of one qualification run."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0b7c1d2e3f405162738495a6b7c8d9e0",
                    "is_active": True,
                    "engine": "vllm",
                    "engine_version": "0.11",
                    "model": "qwen3-4b",
                    "revision": "3f2a",
                    "prompt_name": "fast",
                    "prompt_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "form": {"asked": "fast/criterion/brief/zero-shot", "samples": 1},
                    "registered_at": "2026-11-01T08:00:00Z",
                    "promoted_at": "2026-11-02T08:00:00Z",
                    "retired_at": None,
                    "qualification": {
                        "questions": 182,
                        "in_order": 171,
                        "share_in_order": 0.94,
                        "out_of_order": ["rlhf/zh"],
                        "unscored": 0,
                        "spearman": 0.91,
                        "language_gap": 0.03,
                        "held_against": 1,
                        "rejections": 40,
                    },
                    "agreement": {
                        "reviews": 120,
                        "mean_absolute_difference": 0.7,
                        "bias": 0.1,
                        "share_within_1_5": 0.9,
                    },
                }
            ]
        }
    )
    id: str = Field(description="Id of the version: 32 hexadecimal digits.")
    is_active: bool = Field(description="Whether it is the version that was promoted; at most one is.")
    engine: str = Field(description="Engine of the judge; several are joined by a plus sign.")
    engine_version: str = Field(description="Version of the engine.")
    model: str = Field(description="Name of the model.")
    revision: str = Field(description="Revision of the model.")
    prompt_name: str = Field(description="Name of the prompts.")
    prompt_hash: str = Field(description="SHA-256 of the prompt files.")
    form: dict[str, Any] = Field(description="Form of the prompts, such as `asked` and `samples`.")
    registered_at: datetime = Field(description="Time of the qualification run, UTC.")
    promoted_at: datetime | None = Field(description="Time at which it became active, UTC; null if it never did.")
    retired_at: datetime | None = Field(
        description="Time at which it was replaced or retired, UTC; null if it was not."
    )
    qualification: QualificationPublic = Field(description="The figures of the run.")
    agreement: JudgeAgreementPublic | None = Field(
        description="Agreement with people; null without reviews that have a score."
    )

    @classmethod
    def from_version(cls, version: JudgeVersion, agreement: Agreement | None) -> JudgePublic:
        """Builds the public view of a version."""
        figures = figures_of(version)
        copied = "id engine_version revision prompt_name prompt_hash form registered_at promoted_at retired_at".split()
        return cls(
            **{name: getattr(version, name) for name in copied},
            is_active=version.is_active,
            engine=version.engine,
            model=hide_credentials(version.model),
            qualification=QualificationPublic(
                questions=len(figures.questions),
                in_order=sum(figures.questions.values()),
                share_in_order=figures.share_in_order,
                out_of_order=sorted(name for name, is_in_order in figures.questions.items() if not is_in_order),
                unscored=figures.unscored,
                spearman=figures.spearman,
                language_gap=figures.language_gap,
                held_against=figures.held_against,
                rejections=figures.rejections,
            ),
            agreement=JudgeAgreementPublic.model_validate(agreement, from_attributes=True) if agreement else None,
        )


class JudgePromotion(RequestBody):
    """What a judge must have reached to be promoted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"at_least": 0.9}]})
    at_least: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of questions (0 to 1) that must be in order. Without it, the version must be no worse than "
        "the active one on the questions that both were asked.",
    )
