"""How far a cohort is, and when it may end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..storage import clock
from ..storage.tables import Cohort, CohortState, Grading, State
from .outcomes import Outcome, count_outcomes

# The speed is that of the last minutes.
_WINDOW_SECONDS = 600.0
# 90 % of a normal distribution are within this many standard deviations.
_Z = 1.645
_LEFT = (Outcome.QUEUED, Outcome.RUNNING)


@dataclass(frozen=True)
class Progress:
    """Counts by outcome, which sum to `total`; the share that is `done`; and the range of the end, if it is known."""

    counts: Mapping[Outcome, int]
    total: int
    done: float
    answers_a_minute: float | None = None
    earliest_end: datetime | None = None
    latest_end: datetime | None = None


def measure_progress(session: Session, cohort: Cohort) -> Progress:
    """Measures how far a cohort is. The number graded of late is taken as Poisson distributed."""
    counts = count_outcomes(session, cohort.id)
    total = sum(counts.values())
    left = sum(counts[outcome] for outcome in _LEFT)
    is_started = cohort.started_at is not None
    done = (total - left) / total if total and is_started else 0.0
    if cohort.state != CohortState.RUNNING or not left or cohort.started_at is None:
        return Progress(counts, total, done)
    now = clock.now()
    since = max(cohort.started_at, now - timedelta(seconds=_WINDOW_SECONDS))
    seconds = max((now - since).total_seconds(), 1.0)
    graded = _count_graded(session, cohort.id, since)
    if not graded:
        return Progress(counts, total, done)
    fast, slow = graded + _Z * math.sqrt(graded), graded - _Z * math.sqrt(graded)
    return Progress(
        counts,
        total,
        done,
        answers_a_minute=graded / seconds * 60,
        earliest_end=now + timedelta(seconds=left * seconds / fast),
        # Of fewer than three, nothing is known about the slow side.
        latest_end=now + timedelta(seconds=left * seconds / slow) if slow > 0 else None,
    )


def _count_graded(session: Session, cohort_id: str, since: datetime) -> int:
    finished = (State.GRADED, State.NEEDS_REVIEW, State.FAILED)
    query = sa.select(sa.func.count()).where(
        Grading.cohort_id == cohort_id, Grading.state.in_(finished), Grading.updated_at >= since
    )
    return session.scalar(query) or 0
