"""Candidates of a cohort, near-duplicates and regrades."""

from __future__ import annotations

from datetime import datetime

from .base import Model, Page


class MissingScore(Model):
    """A question for which a candidate has no score, and why."""

    question_id: str
    reason: str


class Candidate(Model):
    """A candidate's total with its range; candidates whose totals may be equal share a `tier`."""

    candidate: str
    tier: int | None
    total: float | None
    total_min: float
    total_max: float
    machine_total: float | None
    human_total: float | None
    human_grades: int
    scored: int
    questions: int
    coverage: float
    missing: list[MissingScore]


class CandidateAnswer(Model):
    """An answer of a candidate, with the score that counts."""

    question_id: str
    item_id: str
    external_id: str
    grading_id: str | None
    outcome: str
    counted_score: float | None
    score: float | None
    score_min: float | None
    score_max: float | None
    human_score: float | None


class CandidateDetail(Candidate):
    """A candidate with all answers."""

    answers: list[CandidateAnswer]


class CandidatePage(Page[Candidate]):
    """Candidates by tier, and the answers without a candidate."""

    tiers: int
    tier_error: float = 0.05
    anonymous_items: int


class DuplicateMember(Model):
    """An answer of a group of near-duplicates."""

    item_id: str
    external_id: str
    candidate: str | None
    similarity: float


class DuplicateGroup(Model):
    """Answers that are alike, with their similarity of 0 to 1."""

    kind: str
    question_id: str
    similarity: float
    members: list[DuplicateMember]


class Duplicates(Model):
    """A search for near-duplicates; `groups` is None until it is finished."""

    id: str
    cohort_id: str
    state: str
    error: str | None
    threshold: float
    created_at: datetime
    finished_at: datetime | None
    compared: int | None
    too_short: int | None
    said_nothing: int | None
    groups_total: int | None
    groups: list[DuplicateGroup] | None


class RegradeCounts(Model):
    """What happens to the answers of a cohort."""

    unchanged: int
    recomputed: int
    needs_judge: int
    kept_human: int
    not_graded: int


class RegradeChange(Model):
    """A score that moves; `crosses` says over which side of the pass mark."""

    old_score: float | None
    new_score: float | None
    change: float | None
    crosses: str | None


class RegradeItem(RegradeChange):
    """An answer whose score moves."""

    item_id: str
    external_id: str
    candidate: str | None
    question_id: str
    grading_id: str
    effect: str


class RegradeCandidate(RegradeChange):
    """A candidate whose total moves."""

    candidate: str
    needs_judge: int


class Regrade(Model):
    """What another rubric, pass mark or judge would change; `items` is None until it is finished."""

    id: str
    cohort_id: str
    state: str
    error: str | None
    rubric_hashes: dict[str, str]
    pass_mark: float | None
    judge: bool
    created_at: datetime
    finished_at: datetime | None
    applied_at: datetime | None
    counts: RegradeCounts | None
    estimated_calls: int | None
    items: list[RegradeItem] | None
    candidates: list[RegradeCandidate] | None
