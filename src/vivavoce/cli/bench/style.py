"""`viva bench style`: how much scores move when the same answers are written otherwise."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vivavoce.graders import MAX_SCORE, AnswerInput, Flag, Panel, Report, agreement, grade
from vivavoce.graders.reading import Reading
from vivavoce.graders.rewriting import REWRITINGS
from vivavoce.rubrics import Language, QualificationSet, Rubric
from vivavoce.rubrics.qualification import Quality

from ..errors import UserError

# Of full scale: how far style may move a score on average.
MOST_MOVEMENT = 0.03
_SETTLING = frozenset({Flag.EMPTY, Flag.NON_ANSWER, Flag.COPIED_QUESTION, Flag.OFF_TOPIC})


@dataclass(frozen=True)
class Sample:
    """An answer of known quality, with the rubric that it is graded by."""

    rubric: Rubric
    quality: Quality
    answer: str

    @property
    def kinds(self) -> tuple[Hashable, ...]:
        """What samples are to be spread over, the most important first."""
        question, language = self.rubric.question.id, self.rubric.question.language
        return ("question", question), (self.quality, language), ("quality", self.quality), ("language", language)


@dataclass(frozen=True)
class Pair:
    """An answer beside a version of it, with their scores as shares of full scale (0 to 1).

    `after` is None when the version has no score. `settled` says that a fact settled one of the two at 0 and not the
    other.
    """

    rewriting: str
    question: str
    language: Language
    quality: Quality
    before: float
    after: float | None
    settled: bool


@dataclass(frozen=True)
class Compared:
    """The pairs of some answers, and how many answers have no score themselves."""

    pairs: tuple[Pair, ...]
    unscored: int


@dataclass(frozen=True)
class Row:
    """How far one rewriting moved scores, as shares of full scale; None when no pair has two scores.

    `pairs` counts those that have, `unscored` those that do not; `interval` has the ends of that of `mean_absolute`.
    """

    rewriting: str
    language: str
    pairs: int
    mean_absolute: float | None
    interval: tuple[float, float] | None
    mean_signed: float | None
    largest: float | None
    unscored: int
    settled: int


def draw(
    bank: Iterable[Rubric],
    sets: Mapping[str, QualificationSet],
    languages: Sequence[str],
    *,
    answers: int,
    seed: int,
) -> list[Sample]:
    """Answers that reach the judge, as evenly over questions, languages and qualities as can be.

    A larger draw begins with a smaller one's. Raises UserError when there are not as many.
    """
    samples = (
        Sample(rubric, answer.level, answer.text(rubric.question.language))
        for rubric in bank
        if rubric.question.language in languages and rubric.question.id in sets
        for answer in sets[rubric.question.id].answers
    )
    pool = [sample for sample in samples if _reaches_the_judge(sample)]
    if answers > len(pool):
        raise UserError(f"Only {len(pool)} qualification answers reach the judge: ask for no more with --answers.")
    random.Random(seed).shuffle(pool)
    taken: Counter[Hashable] = Counter()
    drawn = []
    for _ in range(answers):
        rarest = min(range(len(pool)), key=lambda place: [taken[kind] for kind in pool[place].kinds])
        drawn.append(pool.pop(rarest))
        taken.update(drawn[-1].kinds)
    return drawn


def compare(
    samples: Sequence[Sample], panel: Panel, *, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Compared:
    """Grade answers as they are and in each version that differs; raises UserError when the judge answers nobody."""
    pairs: list[Pair] = []
    unscored = 0
    for done, sample in enumerate(samples, start=1):
        written = {name: rewrite(sample.answer) for name, rewrite in REWRITINGS.items()}
        versions = {name: version for name, version in written.items() if version != sample.answer}
        inputs = [AnswerInput(answer) for answer in (sample.answer, *versions.values())]
        original, *reports = grade(inputs, sample.rubric, panel)
        if any(report.judge_away for report in (original, *reports)):
            raise UserError("The judge answers nobody: mend that, then run the same command to go on.")
        if original.score is None:
            unscored += 1
        else:
            pairs += [
                _pair(name, sample, original, original.score, report)
                for name, report in zip(versions, reports, strict=True)
            ]
        on_progress(done, len(samples))
    return Compared(tuple(pairs), unscored)


def measure(pairs: Sequence[Pair], *, seed: int) -> list[Row]:
    """A row for each rewriting and language, and where there are two languages one for both."""
    languages = sorted({pair.language for pair in pairs})
    rows = []
    for name in REWRITINGS:
        own = [pair for pair in pairs if pair.rewriting == name]
        rows += [_row(name, language, [p for p in own if p.language == language], seed=seed) for language in languages]
        if len(languages) > 1:
            rows.append(_row(name, "both", own, seed=seed))
    return rows


def _reaches_the_judge(sample: Sample) -> bool:
    return Reading.of(AnswerInput(sample.answer), sample.rubric).screening.settled is None


def _pair(rewriting: str, sample: Sample, original: Report, before: float, report: Report) -> Pair:
    return Pair(
        rewriting=rewriting,
        question=sample.rubric.question.id,
        language=sample.rubric.question.language,
        quality=sample.quality,
        before=before / MAX_SCORE,
        after=None if report.score is None else report.score / MAX_SCORE,
        settled=report.score is not None and _facts(report.flags) != _facts(original.flags),
    )


def _facts(flags: Iterable[Flag]) -> frozenset[Flag]:
    return _SETTLING.intersection(flags)


def _row(rewriting: str, language: str, pairs: Sequence[Pair], *, seed: int) -> Row:
    signed = np.array([pair.after - pair.before for pair in pairs if pair.after is not None])
    moved = np.abs(signed)

    def mean_of(drawn: npt.NDArray[np.intp]) -> float:
        return float(moved[drawn].mean())

    interval = agreement.bootstrap(mean_of, len(moved), seed=seed)
    return Row(
        rewriting=rewriting,
        language=language,
        pairs=len(moved),
        mean_absolute=float(moved.mean()) if len(moved) else None,
        interval=(interval.low, interval.high) if interval else None,
        mean_signed=float(signed.mean()) if len(moved) else None,
        largest=float(moved.max()) if len(moved) else None,
        unscored=len(pairs) - len(moved),
        settled=sum(pair.settled for pair in pairs),
    )
