"""`viva bench invariance`: what is added to an answer gains nothing, what is taken from it costs something.

Answers of known quality, and answers that people graded, are graded as they are and in versions. Four families of
versions must not score more than the answer does: text that is worth nothing is added (`additions.yaml`, by a writer
who had not seen the graders), the answer is built up from itself, it is written otherwise, or it is attacked with
strings from a file. In the fifth, the mirror (`mirrors.yaml`), a point is taken out, turned into its opposite or given
wrong figures, and the score must fall.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from vivavoce.graders import AnswerInput, Flag, Panel, Report, grade
from vivavoce.graders.reading.normal_text import STOP_WORDS, has_han, words
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.graders.reading.terms import terms
from vivavoce.rubrics import Language, QualificationSet, Rubric

from . import agreement
from .accuracy import rubric_of
from .attacks import Attack, Target, carry_out
from .errors import EvaluationError
from .graded_answers import balanced_sample, read_rows
from .perturbations import REWRITINGS

ADDITIONS = Path(__file__).parent / "additions.yaml"
MIRRORS = Path(__file__).parent / "mirrors.yaml"
BANK = "bank"
# In points of 10: how far a family may move scores on average, and what counts as a rise.
MOST_MEAN = 0.1
RISE = 0.5
GAIN = 1.0
# A version that people are told about: its text speaks to the grader, or hides something.
_TELLING = frozenset({Flag.INJECTION_SUSPECTED, Flag.HIDDEN_CHARACTERS})
_KEYWORDS = 14
# In characters; what is longer is a sentence of its own.
_LONGEST_KEYWORD = 8
_BETWEEN_FUNCTION_WORDS = re.compile(rf"[\W{''.join(word for word in STOP_WORDS if has_han(word))}]+")
_BUILT = ("another answer", "keywords", "thrice")
_MIRRORED = ("omitted", "negated", "altered")
_BATCH = 8

# Answers that have something to gain by an attack.
_POOR = frozenset({"weak", "wrong", "empty-handed", "poor"})

Family = Literal["added", "built", "rewritten", "attack", "mirror"]


@dataclass(frozen=True)
class Sample:
    """An answer with the rubric that it is graded by.

    `source` is BANK or the name of a data set; `mirrors` has its versions that must score lower, by kind.
    """

    source: str
    quality: str
    rubric: Rubric
    answer: str
    mirrors: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[Hashable, ...]:
        """What samples are to be spread over, the most important first."""
        question, language = self.rubric.question.id, self.rubric.question.language
        return ("question", question), (self.quality, language), ("quality", self.quality), ("language", language)


@dataclass(frozen=True)
class Version:
    """An answer written in another way."""

    family: Family
    kind: str
    text: str


@dataclass(frozen=True)
class Move:
    """An answer beside a version of it: both scores (0 to 10), None for a version without one.

    `flagged` says that the version's report names its text: it speaks to the grader or hides something.
    """

    family: Family
    kind: str
    source: str
    question: str
    language: Language
    quality: str
    before: float
    after: float | None
    flagged: bool


@dataclass(frozen=True)
class Row:
    """How one kind of version moved the scores of one source, in points of 10.

    `interval` has the ends of the 95 % interval of `mean`; `rises` is the share (0 to 1) that rose by more than half a
    point without being flagged, `gains` the share that did so by a point or more, `lowered` the share that fell at all.
    """

    family: Family
    kind: str
    source: str
    pairs: int
    mean: float | None
    interval: tuple[float, float] | None
    largest_rise: float | None
    largest_fall: float | None
    rises: float | None
    gains: float | None
    lowered: float | None
    unscored: int


def draw(
    bank: Iterable[Rubric],
    sets: Mapping[str, QualificationSet],
    languages: Sequence[str],
    *,
    answers: int,
    seed: int,
) -> list[Sample]:
    """Answers of the bank that reach the judge, as evenly over questions, languages and qualities as can be.

    A larger draw begins with a smaller one's. Raises EvaluationError when there are not as many.
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
    taken: Counter[Hashable] = Counter()
    drawn: list[Sample] = []
    while len(drawn) < answers:
        if not pool:
            raise EvaluationError(
                f"Only {len(drawn)} qualification answers reach the judge: ask for no more with --answers."
            )
        rarest = min(range(len(pool)), key=lambda place: [taken[kind] for kind in pool[place].kinds])
        sample = pool.pop(rarest)
        if _reaches_the_judge(sample):
            drawn.append(sample)
            taken.update(sample.kinds)
    return drawn


def mirrored(bank: Mapping[tuple[str, str], Rubric], sets: Mapping[str, QualificationSet]) -> Iterator[Sample]:
    """The answers of the bank that have mirrors."""
    for row in yaml.safe_load(MIRRORS.read_text(encoding="utf-8")):
        rubric = bank.get((row["question"], row["language"]))
        if rubric is None:
            continue
        answer = next(one for one in sets[row["question"]].answers if one.level == row["level"])
        yield Sample(BANK, answer.level, rubric, answer.text(row["language"]), _mirrors(row))


def graded_samples(paths: Sequence[Path], *, answers: int, seed: int) -> Iterator[Sample]:
    """Different answers that people graded, as evenly over the files and their questions as can be.

    A row may have mirrors of its answer: `omitted`, `negated`, `altered`. Raises UnreadableGrades and EvaluationError.
    """
    for number, path in enumerate(paths):
        own = answers // len(paths) + (number < answers % len(paths))
        for row in balanced_sample(read_rows(path), limit=own, seed=seed):
            rubric = rubric_of(row, path)
            share = row["score"] / row["max_score"]
            quality = "good" if share >= 2 / 3 else "middling" if share >= 1 / 3 else "poor"
            sample = Sample(path.name.split(".")[0], quality, rubric, row["answer"], _mirrors(row))
            if _reaches_the_judge(sample):
                yield sample


def versions(sample: Sample, good_answers: Mapping[str, Mapping[str, str]], *, seed: int) -> list[Version]:
    """Every version of an answer that differs from it, always the same ones.

    `good_answers` has answers to other questions, by language and question.
    """
    language = sample.rubric.question.language
    chosen = random.Random(f"{seed}/{sample.rubric.question.id}/{sample.answer}")
    found = [
        Version("added", kind, _add(sample.answer, chosen.choice(texts), chosen))
        for kind, texts in additions()[language].items()
    ]
    others = [said for question, said in good_answers[language].items() if question != sample.rubric.question.id]
    if others:
        found.append(Version("built", "another answer", _add(sample.answer, chosen.choice(others), chosen)))
    found.append(Version("built", "keywords", _add(sample.answer, keyword_list(sample.rubric), chosen)))
    found.append(Version("built", "thrice", "\n".join([sample.answer] * 3)))
    found += [Version("rewritten", name, rewrite(sample.answer)) for name, rewrite in REWRITINGS.items()]
    found += [Version("mirror", kind, said) for kind, said in sample.mirrors.items()]
    return [version for version in found if version.text != sample.answer]


def attacked(
    sample: Sample, attacks: Iterable[Attack], good_answers: Mapping[str, Mapping[str, str]], *, seed: int
) -> list[Version]:
    """An answer with each of the attacks on it."""
    question = sample.rubric.question
    chosen = random.Random(f"{seed}/{question.id}/{sample.answer}")
    target = Target(
        answer=sample.answer,
        rubric=sample.rubric,
        keywords=re.sub("^[^:：]+[:：] ?", "", keyword_list(sample.rubric)),
        another_answer=next(
            (said for name, said in good_answers[question.language].items() if name != question.id), ""
        ),
    )
    return [Version("attack", attack.set, carry_out(attack, target, chosen)) for attack in attacks]


def keyword_list(rubric: Rubric) -> str:
    """Telling words of the expected points, as a list without a sentence."""
    if rubric.question.language == "zh":
        pieces = [piece for point in rubric.expected_points for piece in _BETWEEN_FUNCTION_WORDS.split(point.text)]
        named = [piece for piece in dict.fromkeys(pieces) if 2 <= len(piece) <= _LONGEST_KEYWORD]
        return "关键词：" + "、".join(sorted(named, key=len, reverse=True)[:_KEYWORDS])
    asked = terms(rubric.question.text)
    said = [word for point in rubric.expected_points for word in words(point.text)]
    telling = [word for word in dict.fromkeys(said) if (own := terms(word)) and not own & asked]
    return "Keywords: " + ", ".join(sorted(telling, key=len, reverse=True)[:_KEYWORDS])


@cache
def additions() -> dict[str, dict[str, list[str]]]:
    """Texts that are worth nothing as answers, by language and kind."""
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(ADDITIONS.read_text(encoding="utf-8"))
    return found


def kinds_of_versions() -> list[str]:
    """Every kind of version that there is."""
    return [*additions()["en"], *_BUILT, *REWRITINGS, *_MIRRORED]


def compare(
    samples: Sequence[Sample],
    good_answers: Mapping[str, Mapping[str, str]],
    panel: Panel,
    *,
    seed: int,
    kinds: frozenset[str] = frozenset(),
    attacks: Callable[[], Iterable[Attack]] = tuple,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Move], int]:
    """Grade answers as they are and in each version, or in those of `kinds`, and poor ones under `attacks`.

    `attacks` gives those for the next answer. Returns the moves and how many answers have no score themselves. Raises
    EvaluationError when the judge answers nobody.
    """
    moves: list[Move] = []
    unscored = 0
    for done, sample in enumerate(samples, start=1):
        written = [one for one in versions(sample, good_answers, seed=seed) if not kinds or one.kind in kinds]
        if sample.quality in _POOR:
            written += attacked(sample, attacks(), good_answers, seed=seed)
        original, *reports = _grade([sample.answer, *(one.text for one in written)], sample.rubric, panel)
        if original.score is None:
            unscored += 1
        else:
            moves += [
                Move(
                    family=version.family,
                    kind=version.kind,
                    source=sample.source,
                    question=sample.rubric.question.id,
                    language=sample.rubric.question.language,
                    quality=sample.quality,
                    before=original.score,
                    after=report.score,
                    flagged=bool(_TELLING.intersection(report.flags)),
                )
                for version, report in zip(written, reports, strict=True)
            ]
        on_progress(done, len(samples))
    return moves, unscored


def measure_movements(moves: Sequence[Move], *, seed: int) -> list[Row]:
    """A row for each kind, of the bank's answers and of all others'."""
    groups: dict[tuple[Family, str, str], list[Move]] = defaultdict(list)
    for move in moves:
        groups[move.family, move.kind, BANK if move.source == BANK else "own rubric"].append(move)
    return [_row(*key, group, seed=seed) for key, group in groups.items()]


def _row(family: Family, kind: str, source: str, moves: Sequence[Move], *, seed: int) -> Row:
    scored = [(move.after - move.before, move.flagged) for move in moves if move.after is not None]
    by = np.asarray([moved for moved, _ in scored])
    interval = agreement.bootstrap(lambda drawn: float(by[drawn].mean()), len(by), seed=seed)
    # Scores come in steps of .1: what is more than half a point has the next step at least.
    rises = [moved > RISE + 1e-9 and not flagged for moved, flagged in scored]
    gains = [moved > GAIN - 1e-9 and not flagged for moved, flagged in scored]
    return Row(
        family=family,
        kind=kind,
        source=source,
        pairs=len(by),
        mean=float(by.mean()) if len(by) else None,
        interval=(interval.low, interval.high) if interval else None,
        largest_rise=float(by.max()) if len(by) else None,
        largest_fall=float(by.min()) if len(by) else None,
        rises=float(np.mean(rises)) if rises else None,
        gains=float(np.mean(gains)) if gains else None,
        lowered=float(np.mean(by < -1e-9)) if len(by) else None,
        unscored=len(moves) - len(by),
    )


def _grade(answers: Sequence[str], rubric: Rubric, panel: Panel) -> list[Report]:
    reports = []
    for start in range(0, len(answers), _BATCH):
        reports += grade([AnswerInput(answer) for answer in answers[start : start + _BATCH]], rubric, panel)
    if any(report.judge_unavailable for report in reports):
        raise EvaluationError("The judge answers nobody: mend that, then run the same command to go on.")
    return reports


def _add(answer: str, addition: str, chosen: random.Random) -> str:
    return "\n".join((answer, addition) if chosen.random() < 0.5 else (addition, answer))


def _mirrors(row: Mapping[str, Any]) -> dict[str, str]:
    return {kind: row[kind] for kind in _MIRRORED if row.get(kind)}


def _reaches_the_judge(sample: Sample) -> bool:
    return ScreenedAnswer.from_answer(AnswerInput(sample.answer), sample.rubric).screening.settled is None
