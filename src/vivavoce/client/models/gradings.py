"""Gradings, reports and reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pydantic

from .base import Model, Page

OPEN_STATES = frozenset({"queued", "running"})


class Evidence(Model):
    """A passage of the answer: positions of characters, from `start` up to before `end`, and its text."""

    start: int
    end: int
    quote: str


class Point(Model):
    """An expected point; `text` is None without the scope `answer_key:read`."""

    id: str
    text: str | None
    importance: str
    found: bool
    evidence: Evidence | None


class CriterionResult(Model):
    """A criterion: its points of `max_points`, or `unscored_reason` why it has none."""

    id: str
    title: str
    kind: str
    max_points: float
    level: int | None
    points: float | None
    probabilities: list[float] | None
    reason: str
    evidence: list[Evidence]
    expected_points: list[Point]
    unscored_reason: str | None


class Feedback(Model):
    """Feedback in words; `interviewer` is None without the scope `answer_key:read`."""

    language: str
    candidate: str
    interviewer: str | None


class Report(Model):
    """How an answer was graded: `score` of 0 to 10 with its range, or None with `unscored_reason`."""

    score: float | None
    points: float | None
    max_points: float
    score_min: float
    score_max: float
    max_score: float
    coverage: float
    confidence: float
    needs_review: bool
    flags: list[str]
    criteria: list[CriterionResult]
    signals: dict[str, float | None]
    contributions: dict[str, float]
    feedback: Feedback
    provenance: dict[str, Any]
    unscored_reason: str | None = None
    unscored_detail: str | None = None


class Review(Model):
    """What a person decided about a grading."""

    id: str
    grading_id: str
    reviewer: str
    score: float | None
    machine_score: float | None
    levels: dict[str, int]
    comment: str | None
    source: str
    created_at: datetime


class Provisional(Model):
    """The range in which the score will lie, while the judge is away."""

    score_min: float
    score_max: float
    coverage: float
    signals: dict[str, float | None]


class Grading(Model):
    """The grading of an answer: `state`, and the `report` once there is one."""

    id: str
    state: str
    question_id: str
    language: str
    source: str | None = None
    rubric_hash: str | None = None
    candidate: str | None
    attempt: int
    reason: str | None
    detail: str | None
    created_at: datetime
    updated_at: datetime
    provisional: Provisional | None = None
    report: Report | None
    submission_id: str | None = None
    cohort_id: str | None = None
    metadata: dict[str, str] | None = None
    review: Review | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits or is being graded."""
        return self.state in OPEN_STATES


class GradingListed(Model):
    """A grading in a list: the figures of its report, which is left out unless asked for."""

    id: str
    submission_id: str
    state: str
    question_id: str
    language: str
    source: str | None
    rubric_hash: str
    candidate: str | None
    cohort_id: str | None
    metadata: dict[str, str] | None
    reason: str | None
    detail: str | None
    score: float | None
    score_min: float | None
    score_max: float | None
    confidence: float | None
    flags: list[str]
    review: Review | None
    created_at: datetime
    updated_at: datetime
    report: Report | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits or is being graded."""
        return self.state in OPEN_STATES


class GradingPage(Page[GradingListed]):
    """A page of gradings: with `ids` those that are `missing`; with `sync` on the last page the next `sync_token`."""

    missing: list[str] = pydantic.Field(default_factory=list)
    sync_token: str | None = None


class EarlierReport(Model):
    """The report that a grading had before it was graded again."""

    id: str
    grading_id: str
    regrade_id: str | None
    state: str
    score: float | None
    created_at: datetime
    replaced_at: datetime
    report: Report | None


class Submission(Model):
    """An answer as it was sent."""

    id: str
    candidate: str | None
    answer: str
    answer_hash: str
    feedback_language: str | None
    created_at: datetime
    grading_ids: list[str]


class CandidateFeedback(Model):
    """What the candidate may see; `feedback` is None unless `state` is `ready`."""

    grading_id: str
    state: str
    language: str | None
    feedback: str | None


class Erased(Model):
    """What an erasure deleted, as numbers of rows."""

    submissions: int
    gradings: int
    reports: int
    reviews: int
    judge_calls: int
    items: int
    files: int
    exports: int
    analyses: int
