"""Questions and rubrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .base import Model
from .gradings import Report


class Criterion(Model):
    """A criterion without its key."""

    id: str
    kind: str
    title: str
    points: float


class Question(Model):
    """A question in one language; `source` is `bank` or `own`."""

    id: str
    source: str
    rubric_id: str | None
    handbook: str | None
    language: str
    text: str
    topic: str
    difficulty: str
    minutes: int
    max_points: float
    rubric_hash: str
    criteria: list[Criterion]


class RubricSummary(Model):
    """A version of a rubric of your own; `status` is `draft`, `frozen` or `retired`."""

    id: str
    question_id: str
    question: str
    language: str
    version: int
    status: str
    criteria: int
    max_points: float
    content_hash: str | None
    revision: int
    created_at: datetime
    updated_at: datetime
    frozen_at: datetime | None
    retired_at: datetime | None


class Rubric(RubricSummary):
    """A version with its answer key, as in a rubric file."""

    rubric: dict[str, Any]


class QuestionDetail(Model):
    """A question in each of its languages, and your versions of its rubric."""

    id: str
    languages: list[Question]
    rubrics: list[RubricSummary]


class Finding(Model):
    """A weakness of a rubric; `error` must be mended before freezing."""

    severity: str
    rule: str
    pointer: str
    message: str


class LintReport(Model):
    """All weaknesses of a rubric."""

    can_freeze: bool
    findings: list[Finding]


class RubricChange(Model):
    """A difference between two versions."""

    effect: str
    criterion: str | None
    what: str
    is_seen_by_judges: bool


class RubricDiff(Model):
    """How two versions differ; `effect` is what that does to grades: `none`, `recompute` or `stale`."""

    rubric_id: str
    against: str
    effect: str
    changes: list[RubricChange]


class RubricImport(Model):
    """The drafts that were made of a file."""

    items: list[RubricSummary]
    notices: list[str]
    failures: list[str]


class RubricTest(Model):
    """An answer graded to try a rubric out."""

    id: str
    rubric_id: str
    rubric_revision: int
    state: str
    error: str | None
    answer: str
    report: Report | None
    findings: list[Finding] | None
    created_at: datetime
    expires_at: datetime
