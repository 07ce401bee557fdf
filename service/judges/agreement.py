"""How well judges agree with people: the scores of gradings beside those that people gave in reviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..storage.repositories import JudgeVersionRepository
from ..storage.tables import JudgeVersion

JudgeName = tuple[str, str, str, str]
"""Engine, model, revision and hash of the prompts, as provenance has them."""


@dataclass(frozen=True)
class Agreement:
    """Agreement over a number of reviews; differences are machine minus person, in points of 10."""

    reviews: int
    mean_absolute_difference: float
    bias: float
    share_within_1_5: float


def measure_agreement(session: Session) -> Mapping[JudgeName, Agreement]:
    """Returns the agreement of each judge with the newest reviews that have a score."""
    rows = JudgeVersionRepository(session).agreement_with_reviews()
    return {
        (engine, model, revision, prompts): Agreement(*figures) for engine, model, revision, prompts, *figures in rows
    }


def name_judge(version: JudgeVersion) -> JudgeName:
    """Returns what provenance calls a judge version."""
    return version.engine, version.model, version.revision, version.prompt_hash
