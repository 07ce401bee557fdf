"""How a panel of graders stands the examination of the bank: answers of known quality, in both languages.

A question passes in a language when its answers of usual length come out in order. Beside that every pair of answers of
different quality counts, whatever their lengths, and apart from the rest those pairs whose better answer is the shorter
one. What fails is told by criterion: one that gives an answer without the fact as much as one with it fails to separate
them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.panel import Panel
from vivavoce.graders.pipeline import grade, read_signals
from vivavoce.graders.scoring.probabilities import all_probabilities
from vivavoce.graders.types import MAX_SCORE, AnswerInput, CriterionResult, LevelSignals, Report
from vivavoce.rubrics import Criterion, Language, QualificationAnswer, QualificationSet, Rubric
from vivavoce.rubrics.qualification import IN_ORDER, QUALITIES, Quality, Style

# A criterion that orders fewer of its pairs of answers than this does not separate them.
MIN_DISCRIMINATION = 0.75
# Which quality has to come out above which; an answer that says nothing and a wrong one are equally worth nothing.
ABOVE: tuple[tuple[Quality, Quality], ...] = (
    ("excellent", "adequate"),
    ("excellent", "weak"),
    ("excellent", "wrong"),
    ("excellent", "empty-handed"),
    ("adequate", "weak"),
    ("adequate", "wrong"),
    ("adequate", "empty-handed"),
    ("weak", "wrong"),
)
_CLAIM: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"The answer (?:claims(?: as a certainty)?|says|states) that (?P<claim>.+?)\.?$", re.DOTALL),
    "zh": re.compile(r"回答(?:声称|断言|说|主张|认为)(?P<claim>.+?)。?$", re.DOTALL),
}
_REJECTED: dict[Language, str] = {
    "en": " By the way, people sometimes say that {claim}, which is wrong.",
    "zh": "顺便说一句，有人说{claim}，这是不对的。",
}


@dataclass(frozen=True)
class CriterionComparison:
    """A criterion on one answer: its share of the points (for a mistake: of it being made), 0 to 1.

    `level` is the writer's, `signals` what the graders found for each level above the lowest.
    """

    criterion: str
    writer: float
    machine: float | None
    level: int
    signals: tuple[LevelSignals, ...]


@dataclass(frozen=True)
class Rejection:
    """An excellent answer that goes on to name a mistake and to reject it.

    `held_against` is the probability (0 to 1) that it is counted as made, None when there is no verdict.
    """

    question: str
    language: Language
    criterion: str
    held_against: float | None
    signals: tuple[LevelSignals, ...]


@dataclass(frozen=True)
class AnswerResult:
    """One answer: its quality, its writer's grade and the machine's score, both 0 to 10; `length` in characters."""

    quality: Quality
    grade: float
    score: float | None
    criteria: tuple[CriterionComparison, ...]
    style: Style = "usual"
    length: int = 0
    flagged: bool = False
    unscored_reason: UnscoredReason | None = None
    judge_unavailable: bool = False


@dataclass(frozen=True)
class QuestionResult:
    """The answers to one question in one language."""

    question: str
    language: Language
    topic: str
    answers: tuple[AnswerResult, ...]

    @property
    def in_order(self) -> bool:
        """Whether every answer of usual length scores above those of lower quality; an unscored one is out of order."""
        scores = {
            quality: [one.score for one in self.answers if one.quality == quality and one.style == "usual"]
            for quality in IN_ORDER
        }
        if any(score is None for found in scores.values() for score in found):
            return False
        return all(
            min(score for score in scores[better] if score is not None)
            > max(score for score in scores[worse] if score is not None)
            for better, worse in itertools.pairwise(IN_ORDER)
        )

    def score(self, quality: Quality) -> float | None:
        """Mean score of the answers of a quality, None when one has none."""
        found = [result.score for result in self.answers if result.quality == quality]
        scored = [score for score in found if score is not None]
        return fmean(scored) if len(scored) == len(found) else None


@dataclass(frozen=True)
class PairOrder:
    """How many pairs of answers to the same question come out with the better one above the other.

    `shorter_right` of `shorter` are those whose better answer is the shorter one.
    """

    better: Quality
    worse: Quality
    right: int
    pairs: int
    shorter_right: int
    shorter: int


@dataclass(frozen=True)
class Discrimination:
    """How a criterion orders answers: the share (0 to 1) of pairs with different levels that it orders rightly."""

    question: str
    language: Language
    criterion: str
    ordered: float


def grade_qualification_answers(rubric: Rubric, answers: QualificationSet, panel: Panel) -> QuestionResult:
    """Grade the qualification answers to a question in the language of its rubric.

    Raises InvalidRubric when the answers' levels are not those of the rubric.
    """
    language = rubric.question.language
    grades = [answer.grade(rubric) for answer in answers.answers]
    reports = grade([AnswerInput(answer.text(language)) for answer in answers.answers], rubric, panel)
    return QuestionResult(
        question=rubric.question.id,
        language=language,
        topic=rubric.question.topic,
        answers=tuple(
            _compare_answer(rubric, answer, graded, report)
            for answer, graded, report in zip(answers.answers, grades, reports, strict=True)
        ),
    )


def rejecting_answers(rubric: Rubric, answers: QualificationSet) -> Iterator[tuple[Criterion, str]]:
    """Each mistake that claims something, and an excellent answer that names it only to reject it."""
    language = rubric.question.language
    excellent = next(answer for answer in answers.answers if answer.level == "excellent").text(language)
    for criterion in rubric.criteria:
        claim = _CLAIM[language].match(criterion.levels[-1].description)
        if criterion.kind == "negative" and claim:
            yield criterion, excellent + _REJECTED[language].format(claim=claim["claim"])


def reject_mistakes(rubric: Rubric, answers: QualificationSet, panel: Panel) -> list[Rejection]:
    """What becomes of candidates who name a mistake only to reject it, for each mistake that claims something."""
    language = rubric.question.language
    found = []
    for criterion, said in rejecting_answers(rubric, answers):
        only = rubric.model_copy(update={"criteria": (criterion,)})
        (signals,) = read_signals([AnswerInput(said)], only, panel)
        levels = tuple(signals[criterion.id]) if signals else ()
        held = all_probabilities(only, {criterion.id: levels}, panel.coefficients)[criterion.id][-1] if levels else None
        found.append(Rejection(rubric.question.id, language, criterion.id, held, levels))
    return found


def order_pairs(found: Iterable[QuestionResult]) -> list[PairOrder]:
    """Every pair of answers to the same question of which one has to come out above the other, by quality.

    Equal scores, and an answer without a score, count as not in order.
    """
    answers = [question.answers for question in found]
    return [_order_pairs(better, worse, answers) for better, worse in ABOVE]


def _order_pairs(better: Quality, worse: Quality, answers: Iterable[Sequence[AnswerResult]]) -> PairOrder:
    pairs = [
        (high.score is not None and low.score is not None and high.score > low.score, high.length < low.length)
        for own in answers
        for high, low in itertools.permutations(own, 2)
        if (high.quality, low.quality) == (better, worse)
    ]
    shorter = [right for right, is_shorter in pairs if is_shorter]
    return PairOrder(better, worse, sum(right for right, _ in pairs), len(pairs), sum(shorter), len(shorter))


def measure_discrimination(found: Iterable[QuestionResult]) -> list[Discrimination]:
    """Every criterion that answers of different levels were given to, the worst first."""
    rows = []
    for question in found:
        for name in dict.fromkeys(c.criterion for result in question.answers for c in result.criteria):
            own = [c for result in question.answers for c in result.criteria if c.criterion == name]
            ordered = _ordered(own)
            if ordered is not None:
                rows.append(Discrimination(question.question, question.language, name, ordered))
    return sorted(rows, key=lambda row: (row.ordered, row.question, row.language))


def measure_language_differences(found: Sequence[QuestionResult]) -> dict[Quality, list[float]]:
    """Score in Chinese less that in English of the same answer, as a share of full scale, by quality."""
    by_key = {(question.question, question.language): question for question in found}
    gaps: dict[Quality, list[float]] = {quality: [] for quality in QUALITIES}
    for (question, language), chinese in by_key.items():
        english = by_key.get((question, "en"))
        if language != "zh" or english is None:
            continue
        for ours, theirs in zip(chinese.answers, english.answers, strict=True):
            if ours.score is not None and theirs.score is not None:
                gaps[ours.quality].append((ours.score - theirs.score) / MAX_SCORE)
    return gaps


def _compare_answer(rubric: Rubric, answer: QualificationAnswer, graded: float, report: Report) -> AnswerResult:
    return AnswerResult(
        quality=answer.level,
        grade=graded,
        score=report.score,
        criteria=tuple(
            CriterionComparison(
                criterion=criterion.id,
                writer=_writer_share(criterion, answer.criteria[criterion.id]),
                machine=_machine_share(result),
                level=answer.criteria[criterion.id],
                signals=result.signals,
            )
            for criterion, result in zip(rubric.criteria, report.criteria, strict=True)
        ),
        style=answer.style,
        length=len(answer.text(rubric.question.language)),
        flagged=report.needs_review,
        unscored_reason=report.unscored_reason,
        judge_unavailable=report.judge_unavailable,
    )


def _writer_share(criterion: Criterion, level: int) -> float:
    return criterion.levels[level].points / criterion.points if criterion.points else float(level)


def _machine_share(result: CriterionResult) -> float | None:
    if result.points is None or result.probabilities is None:
        return None
    return result.points / result.max_points if result.max_points else result.probabilities[-1]


def _ordered(own: Sequence[CriterionComparison]) -> float | None:
    pairs = [
        (high.machine, low.machine)
        for high, low in itertools.permutations(own, 2)
        if high.writer > low.writer and high.machine is not None and low.machine is not None
    ]
    return fmean(high > low for high, low in pairs) if pairs else None
