"""The model of a rubric: a question, its criteria with their levels, and the points that a full answer makes.

All kinds of criteria offer `levels` in ascending order, from the worst answer to the best (for a `negative` criterion
from "not made" to "made"), so that most grading code does not depend on the kind.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .points import SMALLEST_POINTS, Points

Language = Literal["zh", "en"]
"""The languages of rubrics; every question of the bank has both."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
OriginValue = bool | Annotated[str, StringConstraints(max_length=255)] | tuple[Slug, ...]
"""What the module of a file format may keep in a rubric: flags, short texts and lists of identifiers."""


class Frozen(BaseModel):
    """Base of models that are read from files: immutable, unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(Frozen):
    """One step of a criterion: what an answer on it shows, and the points it earns.

    `name` is a label for tables, such as "Full marks". The judge reads the description, which only a draft may lack.
    """

    points: Points = Field(ge=-100, le=100)
    name: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=4000)


class _CriterionBase(Frozen):
    id: Slug
    title: Text = Field(description="A few words for tables and feedback; candidates may see it.")
    grader_notes: str = Field(default="", max_length=2000, description="For graders only.")


# Grading asks for the levels of a criterion many times.
@lru_cache(maxsize=4096)
def _build_two_levels(points: float, statement: str) -> tuple[Level, ...]:
    return (Level(points=0, description="-"), Level(points=points, description=statement))


class BinaryCriterion(_CriterionBase):
    """A criterion that is met or not: the answer makes the `statement`, or it does not."""

    kind: Literal["binary"]
    statement: Text
    points: Points = Field(gt=0, le=100)

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: not met, met."""
        return _build_two_levels(self.points, self.statement)


class OrdinalCriterion(_CriterionBase):
    """A criterion that is met by degrees: each level describes an answer on it, the first one is usually worth 0."""

    kind: Literal["ordinal"]
    levels: tuple[Level, ...] = Field(min_length=2, max_length=10)

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

    kind: Literal["negative"]
    statement: Text
    points: Points = Field(ge=-100, lt=0)

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: the mistake was not made (0 points), the mistake was made (points below 0)."""
        return _build_two_levels(self.points, self.statement)


class GateCriterion(_CriterionBase):
    """A condition for all points: an answer that does not meet it scores at most `cap` (0 to 1) of the maximum."""

    kind: Literal["gate"]
    statement: Text
    cap: float = Field(default=0.0, ge=0, lt=1)
    points: Literal[0] = 0

    @property
    def levels(self) -> tuple[Level, ...]:
        """Two levels: not met, met; neither earns points."""
        return _build_two_levels(0, self.statement)


Criterion = Annotated[
    BinaryCriterion | OrdinalCriterion | NegativeCriterion | GateCriterion,
    Field(discriminator="kind"),
]


class ExpectedPoint(Frozen):
    """One statement that a full answer makes, and the criterion it counts for."""

    id: Slug
    text: Text
    criterion: Slug
    importance: Literal["core", "optional"] = "core"


class Reference(Frozen):
    """An answer that earns full marks."""

    length: Literal["short", "full"]
    text: Text


class GradedExample(Frozen):
    """An answer that a person graded, for the judge as an example: its level (from 0) on each criterion."""

    answer: Text
    levels: dict[Slug, int]


class Question(Frozen):
    """The question that candidates answer, and the data to find and sort it by."""

    id: Slug
    text: Text
    language: Language
    topic: Slug
    difficulty: Literal["foundation", "intermediate", "advanced"]
    minutes: int = Field(ge=1, le=120, description="Time for the answer, in minutes.")
    handbook: str | None = Field(
        default=None,
        pattern=r"^\d{1,2}\.\d$",
        description="Number of the question in the handbook; accepted in place of the identifier.",
    )


class SignalWeights(Frozen):
    """Weights of the signals that are set manually; only their proportions matter."""

    judge: float = Field(default=0, ge=0, le=100)
    embedding: float = Field(default=0, ge=0, le=100)
    rouge: float = Field(default=0, ge=0, le=100)

    @model_validator(mode="after")
    def _some_signal_counts(self) -> Self:
        if any(0 < weight < SMALLEST_POINTS for weight in (self.judge, self.embedding, self.rouge)):
            raise ValueError(f"a weight must be 0 or at least {SMALLEST_POINTS}: multiply all of them")
        if not self.judge + self.embedding + self.rouge:
            raise ValueError("all weights are 0: give judge, embedding or rouge a weight above 0, or leave weights out")
        return self


class Rubric(Frozen):
    """Everything that determines how answers to one question, in one language, are graded.

    A draft may lack expected points, references and descriptions of levels; a frozen rubric has them.
    """

    question: Question
    criteria: tuple[Criterion, ...] = Field(min_length=1, max_length=12)
    expected_points: tuple[ExpectedPoint, ...] = Field(default=(), max_length=30)
    references: tuple[Reference, ...] = Field(default=(), max_length=6)
    examples: tuple[GradedExample, ...] = Field(default=(), max_length=4)
    notes: str = Field(default="", max_length=4000, description="For graders and maintainers only.")
    weights: SignalWeights | None = Field(
        default=None,
        description="Replace the weights that were fitted to people's grades.",
    )
    status: Literal["draft", "frozen"] = Field(
        default="frozen",
        description="A draft was proposed by a model or imported; it grades no answers until a person freezes it.",
    )
    origin: dict[str, OriginValue] | None = Field(
        default=None,
        max_length=20,
        description="Layout of the file that the rubric was imported from, for its format only; part of no hash.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        ids = [criterion.id for criterion in self.criteria]
        _check_unique(ids, what="criterion")
        _check_unique([point.id for point in self.expected_points], what="expected point")
        for point in self.expected_points:
            if point.criterion not in ids:
                raise ValueError(
                    f"expected point '{point.id}' counts for criterion '{point.criterion}', "
                    f"which is not there: use one of {', '.join(ids)}"
                )
        for number, example in enumerate(self.examples, start=1):
            self._check_example(number, example)
        if self.max_points <= 0:
            raise ValueError("no criterion gives points: add a binary or an ordinal one")
        # A draft may be incomplete, not inconsistent.
        if self.status == "frozen" and (gap := next(self.find_gaps(), None)):
            raise ValueError(f"{gap[1]}, or set 'status: draft'")
        return self

    def _check_example(self, number: int, example: GradedExample) -> None:
        ids = [criterion.id for criterion in self.criteria]
        if set(example.levels) != set(ids):
            raise ValueError(f"graded example {number} must give a level for each of: {', '.join(ids)}")
        for criterion in self.criteria:
            if not 0 <= example.levels[criterion.id] < len(criterion.levels):
                top = len(criterion.levels) - 1
                raise ValueError(f"graded example {number}: criterion '{criterion.id}' has levels 0 to {top}: use one")

    def find_gaps(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What a draft still lacks: its place in the data, and what to do, without a full stop."""
        if not self.expected_points:
            yield ("expected_points",), "there are no expected points: list what a full answer says"
        if not self.references:
            yield ("references",), "there is no reference answer: add one that earns full marks"
        for index, criterion in enumerate(self.criteria):
            for number, level in enumerate(criterion.levels):
                if not level.description.strip():
                    message = (
                        f"level {number} of criterion '{criterion.id}' has no description: describe an answer on it"
                    )
                    yield ("criteria", index, "levels", number), message

    @property
    def max_points(self) -> float:
        """The most points that an answer can earn: the sum over criteria with points above 0."""
        return float(sum(c.points for c in self.criteria if c.points > 0))

    def points_expected_for(self, criterion_id: str) -> tuple[ExpectedPoint, ...]:
        """The expected points that count for a criterion, in the order of the file."""
        return tuple(p for p in self.expected_points if p.criterion == criterion_id)


def _check_unique(ids: Sequence[str], *, what: str) -> None:
    for index, identifier in enumerate(ids):
        if identifier in ids[:index]:
            raise ValueError(f"{what} '{identifier}' appears twice: give each its own id")
