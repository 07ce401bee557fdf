"""The bodies of replies about questions."""

from __future__ import annotations

from pydantic import BaseModel, Field


class CriterionPublic(BaseModel):
    """A criterion as candidates may see it."""

    id: str = Field(description="Id of the criterion.")
    kind: str = Field(description="`binary`, `ordinal`, `negative` or `gate`.")
    title: str = Field(description="Short title.")
    points: float = Field(description="Points of the highest level; below 0 for a mistake.")


class QuestionPublic(BaseModel):
    """A question without its answer key."""

    id: str = Field(description="Id of the question, the same in both languages.")
    handbook: str | None = Field(description="Number in the handbook.")
    language: str = Field(description="`zh` or `en`.")
    text: str = Field(description="The question as it is asked.")
    topic: str = Field(description="Topic, such as `inference`.")
    difficulty: str = Field(description="Difficulty, such as `intermediate`.")
    minutes: int = Field(description="Time for the answer, in minutes.")
    max_points: float = Field(description="Points of a full answer, in the rubric's own scale.")
    rubric_hash: str = Field(description="SHA-256 of everything in the rubric that decides a grade.")
    criteria: list[CriterionPublic] = Field(description="The criteria, in the order of the rubric.")
