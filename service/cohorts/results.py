"""The results of a cohort in the order in which they landed. One that changes stands at its new place only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ..storage.tables import Cohort, CohortItem, CohortResult, CohortState, Grading, Review, State
from .outcomes import OUTCOME, Outcome

_ENDED = frozenset({CohortState.FINISHED, CohortState.CANCELLED, CohortState.EXPIRED, CohortState.BUDGET_STOPPED})


@dataclass(frozen=True)
class LandedResult:
    """A result and its place: `sequence` is the number of the newest event about it."""

    sequence: int
    item: CohortItem
    grading: Grading
    outcome: Outcome
    review: Review | None


@dataclass(frozen=True)
class ResultBatch:
    """Results in order; `is_complete` says that no further one comes unless the cohort is resumed or regraded."""

    results: Sequence[LandedResult]
    position: int
    has_more: bool
    state: CohortState
    is_complete: bool


def read_results(session: Session, cohort: Cohort, after: int, *, limit: int) -> ResultBatch:
    """Returns up to `limit` results of a cohort after a number."""
    # Before the results: what lands meanwhile must not be left behind.
    has_ended = CohortState(cohort.state) in _ENDED and not _has_open_gradings(session, cohort.id)
    found = _find_landed(session, cohort.id, after, limit=limit + 1)
    results, has_more = found[:limit], len(found) > limit
    position = results[-1].sequence if results else after
    return ResultBatch(results, position, has_more, CohortState(cohort.state), has_ended and not has_more)


def _has_open_gradings(session: Session, cohort_id: str) -> bool:
    query = sa.select(Grading.id).where(
        Grading.cohort_id == cohort_id, Grading.state.in_([State.QUEUED, State.RUNNING])
    )
    return session.scalar(query.limit(1)) is not None


def _find_landed(session: Session, cohort_id: str, after: int, *, limit: int) -> Sequence[LandedResult]:
    other = aliased(Review)
    newest_review = (
        sa.select(other.id)
        .where(other.grading_id == CohortResult.grading_id)
        .order_by(other.created_at.desc(), other.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        sa.select(CohortResult.sequence, CohortItem, Grading, OUTCOME, Review)
        .join(Grading, Grading.id == CohortResult.grading_id)
        # An answer that was sent anew has another grading, and its old result no item.
        .join(CohortItem, CohortItem.grading_id == CohortResult.grading_id)
        .outerjoin(Review, Review.id == newest_review)
        .where(CohortResult.cohort_id == cohort_id, CohortResult.sequence > after)
        .order_by(CohortResult.sequence)
        .limit(limit)
    )
    rows = session.execute(query).unique().all()
    return [
        LandedResult(sequence, item, grading, Outcome(outcome), review)
        for sequence, item, grading, outcome, review in rows
    ]
