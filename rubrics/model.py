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


class Frozen(BaseModel):
    """A value from a file: never changed, and with no field that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(Frozen):
    """One step of a criterion: what an answer on it shows, and the points it brings.

    `name` is what a table calls it, such as "Full marks"; the judge reads the description, which only a
    draft may leave out.
    """

    points: float = Field(ge=-100, le=100)
    name: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=4000)


class _CriterionBase(Frozen):
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
    """Reached by degrees: each level describes what an answer on it shows, the first one usually worth 0."""

    kind: Literal["ordinal"]
    levels: tuple[Level, ...] = Field(min_length=2, max_length=10)

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        points = [level.points for level in self.levels]
        if points[0] < 0:
            raise ValueError("no level of an ordinal criterion is worth less than 0: use a negative criterion for that")
        if any(low >= high for low, high in itertools.pairwise(points)):
            raise ValueError("the points of the levels must rise from each level to the next")
        return self

    @property
    def points(self) -> float:
        """Points of the highest level."""
        return self.levels[-1].points

    @property
    def has_names(self) -> bool:
        """Whether its levels have names."""
        return any(level.name for level in self.levels)


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


class ExpectedPoint(Frozen):
    """One thing a full answer says, and the criterion it counts for."""

    id: Slug
    text: Text
    criterion: Slug
    importance: Literal["core", "optional"] = "core"


class Reference(Frozen):
    """An answer that deserves full marks."""

    length: Literal["short", "full"]
    text: Text


class GradedExample(Frozen):
    """An answer that a person graded, shown to the judge as an example: its level on each criterion."""

    answer: Text
    levels: dict[Slug, int]


class Question(Frozen):
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


class SignalWeights(Frozen):
    """How much each signal counts, set by hand; only their proportions matter."""

    judge: float = Field(default=0, ge=0, le=100)
    embedding: float = Field(default=0, ge=0, le=100)
    rouge: float = Field(default=0, ge=0, le=100)

    @model_validator(mode="after")
    def _some_signal_counts(self) -> Self:
        if not self.judge + self.embedding + self.rouge:
            raise ValueError("no signal counts: give judge, embedding or rouge a weight above 0, or leave weights out")
        return self


class CanvasOrigin(Frozen):
    """How the Canvas file that a rubric was imported from was laid out, so that it can be written again as it was."""

    format: Literal["canvas"] = "canvas"
    name: str = Field(max_length=255, description="What the rubric is called there.")
    ranges: tuple[Slug, ...] = Field(default=(), description="Criteria whose ratings stand for ranges of points.")
    decimals: bool = Field(default=False, description="Five points are written 5.0.")
    quotes: Literal["needed", "empty", "all"] = Field(default="needed", description="Which cells stand in quotes.")
    crlf: bool = Field(default=False, description="Lines end as on Windows.")
    byte_order_mark: bool = False
    numbered: bool = Field(default=False, description="Headings of ratings carry numbers.")
    upper_case: bool = Field(default=False, description="TRUE and FALSE are written in capitals.")
    padded: bool = Field(default=True, description="Rows with fewer ratings are filled up with empty cells.")


class Rubric(Frozen):
    """Everything that decides how answers to one question, in one language, are graded.

    A draft may still lack expected points, references and descriptions of levels.
    """

    question: Question
    criteria: tuple[Criterion, ...] = Field(min_length=1, max_length=12)
    expected_points: tuple[ExpectedPoint, ...] = Field(default=(), max_length=30)
    references: tuple[Reference, ...] = Field(default=(), max_length=6)
    examples: tuple[GradedExample, ...] = Field(default=(), max_length=4)
    notes: str = Field(default="", max_length=4000, description="For graders and maintainers only.")
    weights: SignalWeights | None = Field(
        default=None,
        description="Instead of the weights that were fitted to people's grades.",
    )
    status: Literal["draft", "frozen"] = Field(
        default="frozen",
        description="A draft was proposed by a model or imported; nothing is graded by it until a person froze it.",
    )
    origin: CanvasOrigin | None = Field(default=None, description="Decides no grade, so no hash covers it.")

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
        if self.status == "frozen":
            self._is_complete()
        return self

    def _is_complete(self) -> None:
        if not self.expected_points:
            raise ValueError("there are no expected points: say what a full answer makes, or set 'status: draft'")
        if not self.references:
            raise ValueError("there is no reference answer: add one that deserves full marks, or set 'status: draft'")
        for criterion in self.criteria:
            for number, level in enumerate(criterion.levels):
                if not level.description.strip():
                    raise ValueError(
                        f"level {number} of criterion '{criterion.id}' has no description: say what an answer on it "
                        "shows, or set 'status: draft'"
                    )

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
