"""Cohorts, their answers, estimates and results."""

from __future__ import annotations

from datetime import datetime

from .base import Model, Range
from .gradings import Report

ENDED_STATES = frozenset({"finished", "cancelled", "expired", "budget_stopped"})


class CohortBudget(Model):
    """Calls of the judge and their cost: limits, what is used, reserved and left. None is without a limit."""

    max_calls: int | None
    used_calls: int
    reserved_calls: int
    left_calls: int | None
    max_cost: float | None
    used_cost: float
    reserved_cost: float
    left_cost: float | None


class CohortProgress(Model):
    """`done` is a share of 0 to 1; the ends are None while there is no speed yet."""

    done: float
    answers_a_minute: float | None
    earliest_end: datetime | None
    latest_end: datetime | None


class Cohort(Model):
    """A cohort; `counts` has the number of answers by outcome, which sum to `total`."""

    id: str
    name: str
    state: str
    end_reason: str | None
    open: bool
    feedback_language: str | None
    pass_mark: float | None
    finish_by: datetime | None
    metadata: dict[str, str] | None
    total: int
    counts: dict[str, int]
    budget: CohortBudget
    progress: CohortProgress
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether it does not go on without a `resume`."""
        return self.state in ENDED_STATES


class EarlierVersion(Model):
    """A version of an answer that was replaced."""

    version: int
    grading_id: str | None


class Item(Model):
    """An answer of a cohort."""

    id: str
    external_id: str
    row: int | None
    version: int
    candidate: str | None
    question_id: str
    outcome: str
    reason: str | None
    detail: str | None
    grading_id: str | None
    score: float | None
    metadata: dict[str, str] | None
    earlier: list[EarlierVersion]
    created_at: datetime
    updated_at: datetime


class ItemError(Model):
    """Why an item was refused: `index` counts the items that were given, from 0."""

    index: int
    pointer: str
    external_id: str | None
    code: str
    detail: str


class ItemsAppended(Model):
    """What became of items."""

    created: int
    changed: int
    unchanged: int
    errors: list[ItemError]


class LimitEffect(Model):
    """Whether a limit ends the cohort early (`no`, `maybe`, `yes`), and how many answers are graded under it."""

    limit: str
    stops: str
    answers: Range


class Estimate(Model):
    """What grading the rest is expected to take; `minutes` is None without any history."""

    answers: int
    basis: str
    calls: Range
    prompt_tokens: Range
    minutes: Range | None
    cost: Range
    limits: list[LimitEffect]


class ResultItem(Model):
    """The answer of a result."""

    id: str
    external_id: str
    candidate: str | None
    question_id: str
    row: int | None
    version: int


class ResultReview(Model):
    """What a person decided about a result."""

    score: float | None
    source: str
    created_at: datetime


class Result(Model):
    """The result of an answer; a later one of the same `item` replaces it. `sequence` is its place."""

    type: str = "result"
    sequence: int
    item: ResultItem
    grading_id: str
    outcome: str
    reason: str | None
    score: float | None
    score_min: float | None
    score_max: float | None
    confidence: float | None
    needs_review: bool
    flags: list[str]
    graded_at: datetime | None
    review: ResultReview | None
    report: Report | None


class ResultsPage(Model):
    """Results after a number; `is_complete` says that no further one comes by itself."""

    items: list[Result]
    next_after: int
    has_more: bool
    cohort_state: str
    is_complete: bool
