"""Qualification answers: answers of known quality to the bank's questions, on which judges are evaluated.

`rubrics/qualification/QUESTION.yaml` has four answers or more, each in Chinese and in English, each with the level
that its writer gave it on every criterion. The two texts of an answer say the same. Good and bad answers come both
short and long, so that length does not predict quality.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, model_validator

from .criteria import Frozen, Slug, Text
from .errors import InvalidRubric
from .loader import parse_as
from .model import Language, Rubric
from .total import total_share

Quality = Literal["excellent", "adequate", "weak", "wrong", "empty-handed"]
Style = Literal["usual", "concise", "verbose"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
# Every question has an answer of each of these, best first.
IN_ORDER: tuple[Quality, ...] = QUALITIES[:-1]
QUALIFICATION = Path(__file__).parent / "qualification"


class QualificationAnswer(Frozen):
    """An answer with its quality and its level (from 0) on each criterion, in both languages.

    An `empty-handed` answer claims much and states nothing. `style` is its length compared with other answers of its
    quality; `author` distinguishes the writers.
    """

    level: Quality
    style: Style = "usual"
    author: str = "a"
    criteria: dict[Slug, int]
    en: Text
    zh: Text

    def text(self, language: Language) -> str:
        """The text of the answer in a language."""
        return self.en if language == "en" else self.zh

    def grade(self, rubric: Rubric) -> float:
        """The grade (0 to 10, two decimals) that follows from the writer's levels.

        Raises InvalidRubric if the levels do not fit the rubric's criteria.
        """
        self._check_levels(rubric)
        points: dict[str, float] = {}
        gates_met: dict[str, float] = {}
        for criterion in rubric.criteria:
            level = self.criteria[criterion.id]
            if criterion.kind == "gate":
                gates_met[criterion.id] = float(level)
            else:
                points[criterion.id] = criterion.levels[level].points
        return round(total_share(rubric, points, gates_met).share * 10, 2)

    def _check_levels(self, rubric: Rubric) -> None:
        ids = [criterion.id for criterion in rubric.criteria]
        if set(self.criteria) != set(ids):
            raise InvalidRubric(
                f"the {self.level} answer to '{rubric.question.id}' must give a level for each of: {', '.join(ids)}"
            )
        for criterion in rubric.criteria:
            if not 0 <= self.criteria[criterion.id] < len(criterion.levels):
                raise InvalidRubric(
                    f"the {self.level} answer to '{rubric.question.id}': criterion '{criterion.id}' has levels 0 to "
                    f"{len(criterion.levels) - 1}"
                )


class QualificationSet(Frozen):
    """The answers to one question, with at least one of each quality from excellent to wrong."""

    question: Slug
    answers: tuple[QualificationAnswer, ...] = Field(min_length=len(IN_ORDER))

    @model_validator(mode="after")
    def _has_every_quality(self) -> QualificationSet:
        if missing := [quality for quality in IN_ORDER if quality not in {answer.level for answer in self.answers}]:
            raise ValueError(f"there is no answer that is {', '.join(missing)}: write one")
        return self


def load_qualification(path: Path) -> QualificationSet:
    """The answers in a file; raises RubricUnreadable or InvalidRubric with file, line and fix in one sentence."""
    return parse_as(QualificationSet, path, starts_with="a qualification file starts with 'question:' and 'answers:'")


def load_qualifications(folder: Path = QUALIFICATION) -> dict[str, QualificationSet]:
    """All sets in a folder, by question."""
    sets = [load_qualification(path) for path in sorted(folder.glob("*.yaml"))]
    return {answers.question: answers for answers in sets}
