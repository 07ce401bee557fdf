"""The total of a candidate: the mean of the scores, its range, and what is missing.

A person's grade counts in place of the machine's score and has no range: the range of a score says where a person's
grade lies. Scores of different questions are taken as independent, so the variances add up.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Literal

from vivavoce.graders.types import MAX_SCORE

from ..cohorts.outcomes import Outcome
from .tiers import Total

MissingReason = Literal["no_answer", "not_graded", "failed", "open"]
# The range of a score reaches from its 10 % to its 90 % quantile.
_RANGE_DEVIATIONS = NormalDist().inv_cdf(0.9)
_UNGRADED = frozenset({Outcome.NOT_STARTED, Outcome.QUEUED, Outcome.RUNNING, Outcome.CANCELLED, Outcome.EXPIRED})


@dataclass(frozen=True)
class Answer:
    """An answer of a candidate with its scores, all 0 to 10.

    `is_open` is true if the machine's score of 0 stands for one that a person has to give.
    """

    item_id: str
    external_id: str
    question_id: str
    grading_id: str | None
    outcome: Outcome
    score: float | None
    score_min: float | None
    score_max: float | None
    is_open: bool
    human_score: float | None

    @property
    def machine_score(self) -> float | None:
        """The score of the machine; None if it has none, or one that a person has to give."""
        return None if self.is_open else self.score

    @property
    def counted_score(self) -> float | None:
        """The score that counts: the person's, otherwise the machine's."""
        return self.machine_score if self.human_score is None else self.human_score

    @property
    def deviation(self) -> float:
        """Standard deviation of the score that counts, in points of 10."""
        if self.human_score is not None or self.score is None or self.score_min is None or self.score_max is None:
            return 0.0
        # Only one side can be cut off at an end of the scale.
        return max(self.score - self.score_min, self.score_max - self.score, 0.0) / _RANGE_DEVIATIONS

    @property
    def missing_reason(self) -> MissingReason | None:
        """Why no score counts; None if one does."""
        if self.counted_score is not None:
            return None
        if self.outcome in _UNGRADED:
            return "not_graded"
        return "open" if self.outcome is Outcome.NEEDS_REVIEW else "failed"


@dataclass(frozen=True)
class Missing:
    """A question without a score that counts, and why."""

    question_id: str
    reason: MissingReason


@dataclass(frozen=True)
class Standing:
    """A candidate's total (0 to 10) with its 10 to 90 % range; None without any score.

    `machine_total` is the mean of the machine's scores alone, `human_total` that of people's grades, of which there
    are `human_count`. `scored` of `expected` questions have a score that counts.
    """

    candidate: str
    total: float | None
    total_min: float
    total_max: float
    deviation: float
    machine_total: float | None
    human_total: float | None
    human_count: int
    scored: int
    expected: int
    missing: tuple[Missing, ...]

    @property
    def as_total(self) -> Total | None:
        """The total as tiers compare it; None while a question has no score."""
        return None if self.total is None or self.missing else Total(self.total, self.deviation)


def sum_up(candidate: str, answers: Sequence[Answer], questions: Collection[str]) -> Standing:
    """Returns the standing of a candidate over the expected questions, which include those of the answers.

    Several answers to one question count as their mean, with the mean of their deviations, as if their errors were the
    same. A question without a score counts 0 at the low end of the range and 10 at the high end.
    """
    by_question: dict[str, list[Answer]] = {question: [] for question in sorted(questions)}
    for answer in answers:
        by_question[answer.question_id].append(answer)
    scored = [
        [answer for answer in found if answer.counted_score is not None] for found in by_question.values() if found
    ]
    scored = [found for found in scored if found]
    missing = tuple(
        Missing(question, _explain_missing(found))
        for question, found in by_question.items()
        if all(answer.counted_score is None for answer in found)
    )
    scores = [fmean(answer.counted_score or 0.0 for answer in found) for found in scored]
    deviations = [fmean(answer.deviation for answer in found) for found in scored]
    low, high = _bound_total(scores, deviations, missing=len(missing))
    human = [answer.human_score for answer in answers if answer.human_score is not None]
    machine = [answer.machine_score for answer in answers if answer.machine_score is not None]
    return Standing(
        candidate=candidate,
        total=round(fmean(scores), 2) if scores else None,
        total_min=low,
        total_max=high,
        deviation=math.hypot(*deviations) / len(scores) if scores else 0.0,
        machine_total=round(fmean(machine), 2) if machine else None,
        human_total=round(fmean(human), 2) if human else None,
        human_count=len(human),
        scored=len(scores),
        expected=len(by_question),
        missing=missing,
    )


def _bound_total(scores: Sequence[float], deviations: Sequence[float], *, missing: int) -> tuple[float, float]:
    count = len(scores) + missing
    if not count:
        return 0.0, MAX_SCORE
    reach = _RANGE_DEVIATIONS * math.hypot(*deviations)
    low = max(sum(scores) - reach, 0.0) / count
    high = min(sum(scores) + reach + MAX_SCORE * missing, MAX_SCORE * count) / count
    return round(low, 2), round(high, 2)


def _explain_missing(answers: Sequence[Answer]) -> MissingReason:
    reasons = [answer.missing_reason for answer in answers]
    return reasons[0] or "failed" if reasons else "no_answer"
