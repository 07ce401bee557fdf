"""The model of a rubric: a question, its criteria (criteria.py), and the points that a full answer makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from .criteria import SMALLEST_POINTS, Criterion, Frozen, Slug, Text

Language = Literal["zh", "en"]
"""The languages of rubrics; every question of the bank has both."""

OriginValue = bool | Annotated[str, StringConstraints(max_length=255)] | tuple[Slug, ...]
"""What the module of a file format may keep in a rubric: flags, short texts and lists of identifiers."""


class ExpectedPoint(Frozen):
    """One statement that a full answer makes, and the criterion it counts for."""

    id: Slug = Field(description="Identifier, unique in the rubric.")
    text: Text = Field(description="The statement.")
    criterion: Slug = Field(description="Id of the criterion that it counts for.")
    importance: Literal["core", "optional"] = Field(
        default="core", description="`core`: a full answer makes it; `optional`: it need not."
    )


class Reference(Frozen):
    """An answer that earns full marks."""

    length: Literal["short", "full"] = Field(description="`full` makes every core point; `short` one a criterion.")
    text: Text = Field(description="The answer.")


class GradedExample(Frozen):
    """An answer that a person graded, for the judge as an example: its level (from 0) on each criterion."""

    answer: Text = Field(description="The answer.")
    levels: dict[Slug, int] = Field(description="Index of its level, from 0, by the id of each criterion.")


class Question(Frozen):
    """The question that candidates answer, and the data to find and sort it by."""

    id: Slug = Field(description="Identifier: small letters, digits and hyphens; the same in both languages.")
    text: Text = Field(description="The question as it is asked.")
    language: Language = Field(description="Language of question and rubric: `zh` or `en`.")
    topic: Slug = Field(description="Topic, such as `inference`.")
    difficulty: Literal["foundation", "intermediate", "advanced"] = Field(description="For whom the question is.")
    minutes: int = Field(ge=1, le=120, description="Time for the answer, in minutes.")
    handbook: str | None = Field(
        default=None,
        pattern=r"^\d{1,2}\.\d$",
        description="Number of the question in the handbook; accepted in place of the identifier.",
    )


class SignalWeights(Frozen):
    """Weights of the signals that are set manually; only their proportions matter."""

    judge: float = Field(default=0, ge=0, le=100, description="Weight of the judge, 0 to 100.")
    embedding: float = Field(default=0, ge=0, le=100, description="Weight of the embedding similarity, 0 to 100.")
    rouge: float = Field(default=0, ge=0, le=100, description="Weight of the word overlap, 0 to 100.")

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

    question: Question = Field(description="The question.")
    criteria: tuple[Criterion, ...] = Field(
        min_length=1, max_length=12, description="What is judged, 1 to 12 criteria; at least one gives points."
    )
    expected_points: tuple[ExpectedPoint, ...] = Field(
        default=(), max_length=30, description="What a full answer says, at most 30 statements."
    )
    references: tuple[Reference, ...] = Field(
        default=(), max_length=6, description="Answers that earn full marks, at most 6."
    )
    examples: tuple[GradedExample, ...] = Field(
        default=(),
        max_length=4,
        description="Answers that a person graded, at most 4; shown to judges that take examples.",
    )
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
