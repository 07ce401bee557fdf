"""The answers whose versions are graded: of the bank, and from files of answers that people graded."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vivavoce.graders import AnswerInput
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.rubrics import QualificationSet, Rubric

from ..errors import EvaluationError
from ..graded_answers import balanced_sample, read_rows, rubric_for_row

MIRRORS = Path(__file__).parents[1] / "mirrors.yaml"
MIRROR_KINDS = ("omitted", "negated", "altered")
BANK = "bank"


@dataclass(frozen=True)
class Sample:
    """An answer with the rubric that it is graded by.

    `source` is BANK or the name of a data set; `mirrors` are its versions that must score lower, by kind.
    """

    source: str
    quality: str
    rubric: Rubric
    answer: str
    mirrors: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[Hashable, ...]:
        """The groups over which samples are spread evenly, the most important first."""
        question, language = self.rubric.question.id, self.rubric.question.language
        return ("question", question), (self.quality, language), ("quality", self.quality), ("language", language)


def draw(
    bank: Iterable[Rubric],
    sets: Mapping[str, QualificationSet],
    languages: Sequence[str],
    *,
    answers: int,
    seed: int,
) -> list[Sample]:
    """Qualification answers that reach the judge, spread evenly over questions, languages and qualities.

    A larger draw begins with a smaller one's. Raises EvaluationError when there are fewer than `answers`.
    """
    pool = [
        Sample(BANK, answer.level, rubric, answer.text(rubric.question.language))
        for rubric in bank
        if rubric.question.language in languages and rubric.question.id in sets
        for answer in sets[rubric.question.id].answers
    ]
    if answers > len(pool):
        raise EvaluationError(f"There are only {len(pool)} qualification answers: ask for no more with --answers.")
    random.Random(seed).shuffle(pool)
    drawn_of_kind: Counter[Hashable] = Counter()
    drawn: list[Sample] = []
    while len(drawn) < answers:
        if not pool:
            raise EvaluationError(
                f"Only {len(drawn)} qualification answers reach the judge: ask for no more with --answers."
            )
        rarest = min(range(len(pool)), key=lambda index: [drawn_of_kind[kind] for kind in pool[index].kinds])
        sample = pool.pop(rarest)
        # Screening is slow, so only candidates are screened.
        if _reaches_judge(sample):
            drawn.append(sample)
            drawn_of_kind.update(sample.kinds)
    return drawn


def mirrored(bank: Mapping[tuple[str, str], Rubric], sets: Mapping[str, QualificationSet]) -> Iterator[Sample]:
    """The qualification answers that have mirrors; `bank` has the rubrics by question and language."""
    for row in yaml.safe_load(MIRRORS.read_text(encoding="utf-8")):
        rubric = bank.get((row["question"], row["language"]))
        if rubric is None:
            continue
        # The mirrors were written for the first answer of the level.
        answer = next(answer for answer in sets[row["question"]].answers if answer.level == row["level"])
        yield Sample(BANK, answer.level, rubric, answer.text(row["language"]), _read_mirrors(row))


def graded_samples(paths: Sequence[Path], *, answers: int, seed: int) -> Iterator[Sample]:
    """Different answers that people graded, spread evenly over the files and their questions.

    A row may have mirrors of its answer: `omitted`, `negated`, `altered`. Quality follows from the grade: good from two
    thirds of full marks, middling from one third, else poor. Raises UnreadableGrades and EvaluationError.
    """
    for number, path in enumerate(paths):
        of_file = answers // len(paths) + (number < answers % len(paths))
        for row in balanced_sample(read_rows(path), limit=of_file, seed=seed):
            rubric = rubric_for_row(row, path)
            share = row["score"] / row["max_score"]
            quality = "good" if share >= 2 / 3 else "middling" if share >= 1 / 3 else "poor"
            sample = Sample(path.name.split(".")[0], quality, rubric, row["answer"], _read_mirrors(row))
            if _reaches_judge(sample):
                yield sample


def _read_mirrors(row: Mapping[str, Any]) -> dict[str, str]:
    return {kind: row[kind] for kind in MIRROR_KINDS if row.get(kind)}


def _reaches_judge(sample: Sample) -> bool:
    """Whether screening leaves the answer to the judge instead of settling it at 0."""
    return ScreenedAnswer.from_answer(AnswerInput(sample.answer), sample.rubric).screening.settled is None
