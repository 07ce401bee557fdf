"""Evaluates a panel on the qualification set: answers of known quality in both languages.

A question passes in a language when its answers of usual length come out in order. Beyond that, every pair of answers
of different quality is counted, whatever their lengths, and pairs whose better answer is the shorter one are counted
once more on their own. Criteria that score an answer without the fact as high as one with it are listed by name.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.panel import Panel
from vivavoce.graders.pipeline import grade, read_signals
from vivavoce.graders.scoring.probabilities import all_probabilities
from vivavoce.graders.types import MAX_SCORE, AnswerInput, CriterionResult, LevelSignals, Report
from vivavoce.rubrics import Criterion, Language, QualificationAnswer, QualificationSet, Rubric
from vivavoce.rubrics.qualification import IN_ORDER, QUALITIES, Quality, Style

from .rejected_mistakes import write_rejecting_answers

# Criteria that order a smaller share of pairs do not discriminate.
MIN_DISCRIMINATION = 0.75
# Wrong and empty-handed answers are equally worthless, so neither is above the other.
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


@dataclass(frozen=True)
class CriterionComparison:
    """One criterion of one answer: the share of its points (for a mistake: of it being made), 0 to 1, by both graders.

    `level` is the writer's level, `signals` are the graders' for each level above the lowest. `machine` is None when
    the criterion has no verdict.
    """

    criterion: str
    writer: float
    machine: float | None
    level: int
    signals: tuple[LevelSignals, ...]


@dataclass(frozen=True)
class Rejection:
    """An excellent answer that also names a mistake and rejects it.

    `held_against` is the probability (0 to 1) that the mistake counts as made, None when there is no verdict.
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
        """Whether every answer of usual length scores above all those of lower quality; False if one is unscored."""
        usual = [answer for answer in self.answers if answer.style == "usual"]
        scores = {quality: [answer.score for answer in usual if answer.quality == quality] for quality in IN_ORDER}
        if any(score is None for of_quality in scores.values() for score in of_quality):
            return False
        return all(
            min(score for score in scores[better] if score is not None)
            > max(score for score in scores[worse] if score is not None)
            for better, worse in itertools.pairwise(IN_ORDER)
        )

    def score(self, quality: Quality) -> float | None:
        """Mean score (0 to 10) of the answers of a quality; None when there are none or one is unscored."""
        scores = [answer.score for answer in self.answers if answer.quality == quality]
        defined = [score for score in scores if score is not None]
        return fmean(defined) if defined and len(defined) == len(scores) else None


@dataclass(frozen=True)
class PairOrder:
    """How many pairs of answers to the same question have the better answer above the worse one.

    `shorter_right` of `shorter` are the pairs whose better answer is the shorter one.
    """

    better: Quality
    worse: Quality
    right: int
    pairs: int
    shorter_right: int
    shorter: int


@dataclass(frozen=True)
class Discrimination:
    """How well a criterion orders answers: the share (0 to 1) of pairs with different levels in the right order."""

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


def reject_mistakes(rubric: Rubric, answers: QualificationSet, panel: Panel) -> list[Rejection]:
    """Grade an excellent answer that names and rejects a mistake, once for each mistake that claims something."""
    rejections = []
    for criterion, answer in write_rejecting_answers(rubric, answers):
        # Only the mistake itself is asked about: the rest is graded elsewhere.
        reduced = rubric.model_copy(update={"criteria": (criterion,)})
        (signals,) = read_signals([AnswerInput(answer)], reduced, panel)
        levels = tuple(signals[criterion.id]) if signals else ()
        probabilities = all_probabilities(reduced, {criterion.id: levels}, panel.coefficients) if levels else {}
        held_against = probabilities[criterion.id][-1] if levels else None
        rejections.append(Rejection(rubric.question.id, rubric.question.language, criterion.id, held_against, levels))
    return rejections


def order_pairs(results: Iterable[QuestionResult]) -> list[PairOrder]:
    """A row for each pair of qualities of which one must score above the other, over all questions.

    Equal scores, and an answer without a score, count as not in order.
    """
    answers = [question.answers for question in results]
    return [_order_pairs(better, worse, answers) for better, worse in ABOVE]


def _order_pairs(better: Quality, worse: Quality, answers: Iterable[Sequence[AnswerResult]]) -> PairOrder:
    pairs = [
        (high.score is not None and low.score is not None and high.score > low.score, high.length < low.length)
        for of_question in answers
        for high, low in itertools.permutations(of_question, 2)
        if (high.quality, low.quality) == (better, worse)
    ]
    shorter = [right for right, is_shorter in pairs if is_shorter]
    return PairOrder(better, worse, sum(right for right, _ in pairs), len(pairs), sum(shorter), len(shorter))


def measure_discrimination(results: Iterable[QuestionResult]) -> list[Discrimination]:
    """A row for each criterion with answers of different levels, the worst first."""
    rows = []
    for question in results:
        for name in dict.fromkeys(c.criterion for answer in question.answers for c in answer.criteria):
            comparisons = [c for answer in question.answers for c in answer.criteria if c.criterion == name]
            ordered = _share_ordered(comparisons)
            if ordered is not None:
                rows.append(Discrimination(question.question, question.language, name, ordered))
    return sorted(rows, key=lambda row: (row.ordered, row.question, row.language))


def measure_language_differences(results: Sequence[QuestionResult]) -> dict[Quality, list[float]]:
    """Score in Chinese minus score in English of the same answer, as shares of full scale (-1 to 1), by quality."""
    by_key = {(question.question, question.language): question for question in results}
    differences: dict[Quality, list[float]] = {quality: [] for quality in QUALITIES}
    for (question, language), chinese in by_key.items():
        english = by_key.get((question, "en"))
        if language != "zh" or english is None:
            continue
        for zh_answer, en_answer in zip(chinese.answers, english.answers, strict=True):
            if zh_answer.score is not None and en_answer.score is not None:
                differences[zh_answer.quality].append((zh_answer.score - en_answer.score) / MAX_SCORE)
    return differences


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
    # A gate has no points: it is met or not.
    return criterion.levels[level].points / criterion.points if criterion.points else float(level)


def _machine_share(result: CriterionResult) -> float | None:
    if result.points is None or result.probabilities is None:
        return None
    return result.points / result.max_points if result.max_points else result.probabilities[-1]


def _share_ordered(comparisons: Sequence[CriterionComparison]) -> float | None:
    pairs = [
        (high.machine, low.machine)
        for high, low in itertools.permutations(comparisons, 2)
        if high.writer > low.writer and high.machine is not None and low.machine is not None
    ]
    return fmean(high > low for high, low in pairs) if pairs else None
