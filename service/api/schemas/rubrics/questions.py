"""The bodies of replies about questions."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from vivavoce.rubrics import Rubric, content_hash

from ....storage.tables import StoredRubric
from .versions import RubricSummary

_EXAMPLE: dict[str, JsonValue] = {
    "id": "weights-in-int8",
    "source": "own",
    "rubric_id": "5f0c6f2b7d3a4c1e9b8a7d6c5b4a3f2e",
    "handbook": None,
    "language": "en",
    "text": "What does quantization do to a model?",
    "topic": "inference",
    "difficulty": "foundation",
    "minutes": 3,
    "max_points": 10.0,
    "rubric_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "criteria": [{"id": "precision", "kind": "binary", "title": "Precision", "points": 6.0}],
}


class CriterionPublic(BaseModel):
    """A criterion as candidates may see it."""

    id: str = Field(description="Id of the criterion.")
    kind: str = Field(description="`binary`, `ordinal`, `negative` or `gate`.")
    title: str = Field(description="Short title.")
    points: float = Field(description="Points of the highest level, -100 to 100; below 0 for a mistake.")


class QuestionPublic(BaseModel):
    """A question without its answer key."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    id: str = Field(description="Id of the question, the same in both languages.")
    source: Literal["bank", "own"] = Field(
        description="Whose rubric grades it: `bank`, or `own` for one that your organisation has frozen."
    )
    rubric_id: str | None = Field(description="Id of your version that grades it; null for the bank's.")
    handbook: str | None = Field(description="Number in the handbook, such as `27.1`; null if it has none.")
    language: str = Field(description="`zh` or `en`.")
    text: str = Field(description="The question as it is asked.")
    topic: str = Field(description="Topic, such as `inference`.")
    difficulty: str = Field(description="`foundation`, `intermediate` or `advanced`.")
    minutes: int = Field(ge=1, le=120, description="Time for the answer in minutes, 1 to 120.")
    max_points: float = Field(gt=0, description="Points of a full answer, in the rubric's own scale; above 0.")
    rubric_hash: str = Field(description="SHA-256 of everything in the rubric that decides a grade.")
    criteria: list[CriterionPublic] = Field(description="The criteria, in the order of the rubric.")

    @classmethod
    def from_rubric(cls, rubric: Rubric) -> QuestionPublic:
        """Builds the view of a question of the bank."""
        return cls(
            **rubric.question.model_dump(),
            source="bank",
            rubric_id=None,
            max_points=rubric.max_points,
            rubric_hash=content_hash(rubric),
            criteria=[CriterionPublic(id=c.id, kind=c.kind, title=c.title, points=c.points) for c in rubric.criteria],
        )

    @classmethod
    def from_row(cls, row: StoredRubric) -> QuestionPublic:
        """Builds the view of a question by the organisation's frozen rubric."""
        question = cls.from_rubric(Rubric.model_validate(row.document))
        return question.model_copy(update={"source": "own", "rubric_id": row.id})


class QuestionDetail(BaseModel):
    """A question in each of its languages, without its answer key, and your versions of its rubric."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "weights-in-int8", "languages": [_EXAMPLE], "rubrics": []}]}
    )
    id: str = Field(description="Id of the question.")
    languages: list[QuestionPublic] = Field(
        description="The question as it is graded, once a language, `en` first; empty while there are drafts only."
    )
    rubrics: list[RubricSummary] = Field(
        description="Your versions of its rubric, by language and number; drafts only for keys with `rubrics:read`."
    )
