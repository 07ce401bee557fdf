"""What grading a cohort is expected to take: calls, tokens, minutes and cost, each as a range of 80 %.

The figures of a rubric come from reports by it; without any, from what the judge would be asked about a few of the
answers. The sum over answers is taken as normally distributed, with the uncertainty of a mean of few. Equal answers to
a question are judged once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..judges.settings import JudgeSettings
from ..storage import clock
from ..storage.tables import Cohort, CohortItem, Grading, State, Submission
from .history import AnswerFigures, Range, measure_minutes, plan_figures, read_figures

# 80 % of a normal distribution are within this many standard deviations.
_Z = 1.2816
Stops = Literal["no", "maybe", "yes"]


@dataclass(frozen=True)
class LimitEffect:
    """Whether a limit ends the cohort before all is graded, and how many answers are graded under it."""

    limit: Literal["max_calls", "max_cost", "finish_by"]
    stops: Stops
    answers: Range


@dataclass(frozen=True)
class Estimate:
    """See EstimatePublic."""

    answers: int
    basis: Literal["history", "rubric"]
    calls: Range
    prompt_tokens: Range
    minutes: Range | None
    cost: Range
    limits: tuple[LimitEffect, ...]


def estimate_cost(session: Session, cohort: Cohort, settings: JudgeSettings) -> Estimate:
    """Estimates what the answers of a cohort that are not graded yet take."""
    parts: list[tuple[Range, Range, Range]] = []
    has_history = True
    total = 0
    for version_id, answers, different in _count_answers(session, cohort):
        total += answers
        figures = read_figures(session, version_id)
        if figures is None:
            has_history = False
            figures = plan_figures(session, cohort.id, version_id, settings)
        parts.append(_sum_answers(figures, different))
    calls, tokens, cost = (_add(part[index] for part in parts) for index in range(3))
    minutes = measure_minutes(session, cohort, total, calls, settings)
    return Estimate(
        answers=total,
        basis="history" if has_history and total else "rubric",
        calls=calls,
        prompt_tokens=tokens,
        minutes=minutes,
        cost=cost,
        limits=tuple(_describe_limits(cohort, total, calls, cost, minutes)),
    )


def _count_answers(session: Session, cohort: Cohort) -> list[tuple[str, int, int]]:
    """Returns the number of answers to be graded by each rubric version, and that of different ones."""
    is_left = sa.or_(CohortItem.grading_id.is_(None), Grading.state.in_([State.QUEUED, State.CANCELLED]))
    query = (
        sa.select(CohortItem.rubric_version_id, sa.func.count(), sa.func.count(sa.distinct(Submission.answer_hash)))
        .join(Submission, Submission.id == CohortItem.submission_id)
        .outerjoin(Grading, Grading.id == CohortItem.grading_id)
        .where(CohortItem.cohort_id == cohort.id, is_left)
        .group_by(CohortItem.rubric_version_id)
    )
    return [(str(row[0]), int(row[1]), int(row[2])) for row in session.execute(query)]


def _sum_answers(figures: AnswerFigures, answers: int) -> tuple[Range, Range, Range]:
    """Returns the ranges of calls, tokens and cost of this many answers by one rubric."""
    spread = _Z * figures.calls_sd * math.sqrt(answers + answers**2 / figures.sample)
    low = max(answers * figures.calls.low - spread, 0.0)
    # The answer without content is asked about once for each rubric.
    high = answers * figures.calls.high + spread + figures.baseline_calls
    calls = Range(math.floor(low), math.ceil(high))
    tokens = Range(calls.low * figures.tokens_a_call.low, calls.high * figures.tokens_a_call.high)
    cost = Range(calls.low * figures.cost_a_call.low, calls.high * figures.cost_a_call.high)
    return calls, Range(math.floor(tokens.low), math.ceil(tokens.high)), cost


def _add(ranges: Iterable[Range]) -> Range:
    found = list(ranges)
    return Range(sum(one.low for one in found), sum(one.high for one in found))


def _describe_limits(
    cohort: Cohort, answers: int, calls: Range, cost: Range, minutes: Range | None
) -> Iterable[LimitEffect]:
    if cohort.max_calls is not None:
        left = cohort.max_calls - cohort.used_calls - cohort.reserved_calls
        yield _describe_limit("max_calls", left, calls, answers)
    if cohort.max_cost is not None:
        yield _describe_limit("max_cost", cohort.max_cost - cohort.used_cost - cohort.reserved_cost, cost, answers)
    if cohort.finish_by is not None and minutes is not None:
        left_minutes = (cohort.finish_by - clock.now()).total_seconds() / 60
        yield _describe_limit("finish_by", left_minutes, minutes, answers)


def _describe_limit(
    name: Literal["max_calls", "max_cost", "finish_by"], left: float, need: Range, answers: int
) -> LimitEffect:
    left = max(left, 0.0)
    stops: Stops = "no" if need.high <= left else "yes" if need.low > left else "maybe"
    low = answers if need.high <= left else math.floor(answers * left / need.high)
    high = answers if need.low <= left else math.floor(answers * left / need.low)
    return LimitEffect(name, stops, Range(low, high))
