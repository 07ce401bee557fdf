"""The criteria of a rubric, their levels and points.

All kinds of criteria offer `levels` in ascending order, from the worst answer to the best (for a `negative` criterion
from "not made" to "made"), so that most grading code does not depend on the kind.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
# Smaller figures overflow once divided by; only proportions count.
SMALLEST_POINTS = 0.01


def _check_size(value: float) -> float:
    if 0 < abs(value) < SMALLEST_POINTS:
        bound = f"at least {SMALLEST_POINTS}" if value > 0 else f"at most -{SMALLEST_POINTS}"
        raise ValueError(f"points must be {bound}: only proportions count, so multiply all of them")
    return value


Points = Annotated[float, AfterValidator(_check_size)]
"""Points of a level or a criterion: 0, or not too small to be divided by."""


class Frozen(BaseModel):
    """Base of models that are read from files: immutable, unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(Frozen):
    """One step of a criterion: what an answer on it shows, and the points it earns.

    `name` is a label for tables, such as "Full marks". The judge reads the description, which only a draft may lack.
    """

    points: Points = Field(ge=-100, le=100, description="Points of an answer on this level, -100 to 100.")
    name: str = Field(default="", max_length=200, description="Label for tables, such as `Full marks`.")
    description: str = Field(
        default="", max_length=4000, description="What an answer on this level shows; the judge reads it."
    )


class _CriterionBase(Frozen):
    id: Slug = Field(description="Identifier: small letters, digits and hyphens; unique in the rubric.")
    title: Text = Field(description="A few words for tables and feedback; candidates may see it.")
    grader_notes: str = Field(default="", max_length=2000, description="For graders only.")


# Grading asks for the levels of a criterion many times.
@lru_cache(maxsize=4096)
def _build_two_levels(points: float, statement: str) -> tuple[Level, ...]:
    return (Level(points=0, description="-"), Level(points=points, description=statement))


class BinaryCriterion(_CriterionBase):
    """A criterion that is met or not: the answer makes the `statement`, or it does not."""

    kind: Literal["binary"] = Field(description="Met or not.")
    statement: Text = Field(description="What the answer says if it meets the criterion; the judge reads it.")
    points: Points = Field(
        gt=0, le=100, description="Points if it is met, 0.01 to 100.", json_schema_extra={"minimum": SMALLEST_POINTS}
    )

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: not met, met."""
        return _build_two_levels(self.points, self.statement)


class OrdinalCriterion(_CriterionBase):
    """A criterion that is met by degrees: each level describes an answer on it, the first one is usually worth 0."""

    kind: Literal["ordinal"] = Field(description="Met by degrees.")
    levels: tuple[Level, ...] = Field(
        min_length=2, max_length=10, description="Its levels, the worst answer first; their points rise."
    )

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        points = [level.points for level in self.levels]
        if points[0] < 0:
            raise ValueError("no level of an ordinal criterion is worth less than 0: use a negative criterion instead")
        if any(low >= high for low, high in itertools.pairwise(points)):
            raise ValueError("the points of the levels must rise from each level to the next: reorder or change them")
        return self

    @property
    def points(self) -> float:
        """Points of the highest level."""
        return self.levels[-1].points

    @property
    def has_names(self) -> bool:
        """Whether any of its levels has a name."""
        return any(level.name for level in self.levels)


class NegativeCriterion(_CriterionBase):
    """A mistake that costs points if the answer makes the `statement`."""

    kind: Literal["negative"] = Field(description="A mistake.")
    statement: Text = Field(description="What the answer says if it makes the mistake; the judge reads it.")
    points: Points = Field(
        ge=-100,
        lt=0,
        description="Points if it is made, -100 to -0.01.",
        json_schema_extra={"maximum": -SMALLEST_POINTS},
    )

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: the mistake was not made (0 points), the mistake was made (points below 0)."""
        return _build_two_levels(self.points, self.statement)


class GateCriterion(_CriterionBase):
    """A condition for all points: an answer that does not meet it scores at most `cap` (0 to 1) of the maximum."""

    kind: Literal["gate"] = Field(description="A condition for all points.")
    statement: Text = Field(description="What the answer must say; the judge reads it.")
    cap: float = Field(
        default=0.0, ge=0, lt=1, description="Largest share of all points, 0 to below 1, of an answer that misses it."
    )
    points: Literal[0] = Field(default=0, description="A gate gives no points.")

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: not met, met; neither earns points."""
        return _build_two_levels(0, self.statement)


Criterion = Annotated[
    BinaryCriterion | OrdinalCriterion | NegativeCriterion | GateCriterion,
    Field(discriminator="kind"),
]
