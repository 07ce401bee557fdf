"""What is judged: a question, its criteria with their levels, and the points a full answer makes.

Every kind of criterion offers the same view to the graders: `levels`, ascending from the one
that costs the candidate most to the one that serves them best (for a `negative` criterion the
other way round, see there). So the code that judges never asks which kind it holds.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Language = Literal["zh", "en"]
"""The languages a rubric can be written in; every question of the bank has both."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(_Frozen):
    """One step of a criterion: what an answer on it shows, and the points it brings."""

    points: float = Field(ge=-100, le=100)
    description: Text


class _CriterionBase(_Frozen):
    id: Slug
    title: Text = Field(description="A few words for tables and feedback; the candidate may see it.")
    grader_notes: str = Field(default="", max_length=2000, description="For graders only.")


@lru_cache(maxsize=4096)
def _not_met_or_met(points: float, statement: str) -> tuple[Level, ...]:
    """Asked for again and again while an answer is graded."""
    return (Level(points=0, description="-"), Level(points=points, description=statement))


class BinaryCriterion(_CriterionBase):
    """Met or not: `statement` is either in the answer or it is not."""

    kind: Literal["binary"]
    statement: Text
    points: float = Field(gt=0, le=100)

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: not met, met."""
        return _not_met_or_met(self.points, self.statement)


class OrdinalCriterion(_CriterionBase):
    """Reached by degrees: each level describes what an answer on it shows, the first one is worth 0."""

    kind: Literal["ordinal"]
    levels: tuple[Level, ...] = Field(min_length=3, max_length=6)

    @model_validator(mode="after")
    def _levels_rise_from_zero(self) -> Self:
        points = [level.points for level in self.levels]
        if points[0] != 0:
            raise ValueError("the first level of an ordinal criterion is worth 0 points")
        if any(low >= high for low, high in itertools.pairwise(points)):
            raise ValueError("the points of the levels must rise from each level to the next")
        return self

    @property
    def points(self) -> float:
        """Points of the highest level."""
        return self.levels[-1].points


class NegativeCriterion(_CriterionBase):
    """A mistake that costs points when `statement` is in the answer."""

    kind: Literal["negative"]
    statement: Text
    points: float = Field(ge=-100, lt=0)

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: the mistake was not made (0 points), it was (points below 0)."""
        return _not_met_or_met(self.points, self.statement)


class GateCriterion(_CriterionBase):
    """A condition for every other point: an answer that does not meet it scores at most `cap` of the maximum."""

    kind: Literal["gate"]
    statement: Text
    cap: float = Field(default=0.0, ge=0, lt=1)
    points: Literal[0] = 0

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: not met, met; neither is worth points of its own."""
        return _not_met_or_met(0, self.statement)


Criterion = Annotated[
    BinaryCriterion | OrdinalCriterion | NegativeCriterion | GateCriterion,
    Field(discriminator="kind"),
]


class ExpectedPoint(_Frozen):
    """One thing a full answer says, and the criterion it counts for."""

    id: Slug
    text: Text
    criterion: Slug
    importance: Literal["core", "optional"] = "core"


class Reference(_Frozen):
    """An answer that deserves full marks."""

    length: Literal["short", "full"]
    text: Text


class GradedExample(_Frozen):
    """An answer that a person graded, shown to the judge as an example: its level on each criterion."""

    answer: Text
    levels: dict[Slug, int]


class Question(_Frozen):
    """What the candidate is asked, and how questions are found and sorted."""

    id: Slug
    text: Text
    language: Language
    topic: Slug
    difficulty: Literal["foundation", "intermediate", "advanced"]
    minutes: int = Field(ge=1, le=120, description="Time a candidate should take to answer.")
    handbook: str | None = Field(
        default=None,
        pattern=r"^\d{1,2}\.\d$",
        description="Number of the question in the handbook; accepted wherever an identifier is.",
    )


class Rubric(_Frozen):
    """Everything that decides how answers to one question, in one language, are graded."""

    question: Question
    criteria: tuple[Criterion, ...] = Field(min_length=1, max_length=12)
    expected_points: tuple[ExpectedPoint, ...] = Field(min_length=1, max_length=30)
    references: tuple[Reference, ...] = Field(min_length=1, max_length=6)
    examples: tuple[GradedExample, ...] = Field(default=(), max_length=4)
    notes: str = Field(default="", max_length=4000, description="For graders and maintainers only.")
    status: Literal["draft", "frozen"] = Field(
        default="frozen",
        description="A draft was proposed by a model; nothing is graded by it until a person froze it.",
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        ids = [criterion.id for criterion in self.criteria]
        _no_repeats(ids, what="criterion")
        _no_repeats([point.id for point in self.expected_points], what="expected point")
        for point in self.expected_points:
            if point.criterion not in ids:
                raise ValueError(
                    f"expected point '{point.id}' counts for criterion '{point.criterion}', "
                    f"which is not among: {', '.join(ids)}"
                )
        for number, example in enumerate(self.examples, start=1):
            if set(example.levels) != set(ids):
                raise ValueError(f"graded example {number} must give a level for each of: {', '.join(ids)}")
            for criterion in self.criteria:
                if not 0 <= example.levels[criterion.id] < len(criterion.levels):
                    top = len(criterion.levels) - 1
                    raise ValueError(f"graded example {number}: criterion '{criterion.id}' has levels 0 to {top}")
        if self.max_points <= 0:
            raise ValueError("no criterion gives points: add a binary or an ordinal one")
        return self

    @property
    def max_points(self) -> float:
        """The most points an answer can get: the sum over criteria that give points."""
        return float(sum(c.points for c in self.criteria if c.points > 0))

    def points_expected_for(self, criterion_id: str) -> tuple[ExpectedPoint, ...]:
        """Expected points that count for one criterion, in their order."""
        return tuple(p for p in self.expected_points if p.criterion == criterion_id)


def _no_repeats(ids: Sequence[str], *, what: str) -> None:
    for index, identifier in enumerate(ids):
        if identifier in ids[:index]:
            raise ValueError(f"{what} '{identifier}' appears twice: give each its own id")
