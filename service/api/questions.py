"""Route that lists the questions of the bank without their answer keys."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from vivavoce.rubrics import content_hash

from .dependencies import BankDep
from .schemas import CriterionPublic, QuestionPublic

router = APIRouter(prefix="/v1/questions", tags=["questions"])


@router.get("", summary="List questions")
def list_questions(bank: BankDep, language: Literal["zh", "en"] | None = None) -> list[QuestionPublic]:
    """Returns the questions of the bank, in both languages or in one."""
    return [
        QuestionPublic(
            **rubric.question.model_dump(),
            max_points=rubric.max_points,
            rubric_hash=content_hash(rubric),
            criteria=[CriterionPublic(id=c.id, kind=c.kind, title=c.title, points=c.points) for c in rubric.criteria],
        )
        for rubric in bank
        if language is None or rubric.question.language == language
    ]
