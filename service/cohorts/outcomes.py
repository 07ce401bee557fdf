"""What became of each answer of a cohort: one outcome an item, read from its grading, so that the sums always agree."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..storage.tables import CohortItem, Grading, Report, Review, RubricVersion, State, Submission

NOT_STARTED_REASON = "not_started"
EXPIRED_REASON = "cohort_expired"
"""Reasons of gradings that the end of their cohort cancelled: no worker had begun them, or the time was up."""
_ROWS_AT_ONCE = 500


class Outcome(StrEnum):
    """What became of an item. `queued` and `running` last only while its cohort runs."""

    NOT_STARTED = "not_started"
    QUEUED = "queued"
    RUNNING = "running"
    GRADED = "graded"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OUTCOME = sa.case(
    (CohortItem.grading_id.is_(None), Outcome.NOT_STARTED.value),
    (Grading.state == State.DEAD, Outcome.FAILED.value),
    (Grading.state != State.CANCELLED, Grading.state),
    (Grading.reason == NOT_STARTED_REASON, Outcome.NOT_STARTED.value),
    (Grading.reason == EXPIRED_REASON, Outcome.EXPIRED.value),
    else_=Outcome.CANCELLED.value,
)
"""The outcome in a query of items that is joined with their gradings from outside."""


@dataclass(frozen=True)
class ItemResult:
    """An item with its outcome, its report and the newest decision of a person, as far as there are any."""

    item_id: str
    external_id: str
    row: int | None
    version: int
    candidate: str | None
    question_id: str
    language: str
    rubric_hash: str
    answer: str
    outcome: Outcome
    grading_id: str | None
    reason: str | None
    detail: str | None
    graded_at: datetime | None
    report: dict[str, Any] | None
    review: Review | None


def count_outcomes(session: Session, cohort_id: str) -> Mapping[Outcome, int]:
    """Returns the number of items with each outcome, 0 included; they sum to the items of the cohort."""
    query = (
        sa.select(OUTCOME, sa.func.count())
        .select_from(CohortItem)
        .outerjoin(Grading, Grading.id == CohortItem.grading_id)
        .where(CohortItem.cohort_id == cohort_id)
        .group_by(OUTCOME)
    )
    found = {Outcome(name): int(count) for name, count in session.execute(query)}
    return {outcome: found.get(outcome, 0) for outcome in Outcome}


def newest_review() -> sa.ScalarSelect[str]:
    """The id of the newest decision of a person on an item, for a query of items."""
    return (
        sa.select(Review.id)
        .where(Review.grading_id == CohortItem.grading_id)
        .order_by(Review.created_at.desc(), Review.id.desc())
        .limit(1)
        .correlate(CohortItem)
        .scalar_subquery()
    )


def stream_results(session: Session, cohort_id: str) -> Generator[ItemResult]:
    """Streams the items of a cohort in the order of their rows, a few hundred in memory at a time.

    Close it when you leave early.
    """
    query = (
        sa.select(
            CohortItem,
            OUTCOME.label("outcome"),
            Grading.reason,
            Grading.detail,
            Submission.answer,
            RubricVersion.language,
            RubricVersion.content_hash,
            Report.document,
            Report.created_at,
            Review,
        )
        .join(Submission, Submission.id == CohortItem.submission_id)
        .join(RubricVersion, RubricVersion.id == CohortItem.rubric_version_id)
        .outerjoin(Grading, Grading.id == CohortItem.grading_id)
        .outerjoin(Report, Report.grading_id == CohortItem.grading_id)
        .outerjoin(Review, Review.id == newest_review())
        .where(CohortItem.cohort_id == cohort_id)
        .order_by(CohortItem.row, CohortItem.external_id)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    with closing(session.execute(query)) as rows:
        for item, outcome, reason, detail, answer, language, rubric_hash, document, graded_at, review in rows:
            yield ItemResult(
                item_id=item.id,
                external_id=item.external_id,
                row=item.row,
                version=item.version,
                candidate=item.candidate,
                question_id=item.question_id,
                language=language,
                rubric_hash=rubric_hash,
                answer=answer,
                outcome=Outcome(outcome),
                grading_id=item.grading_id,
                reason=reason,
                detail=detail,
                graded_at=graded_at,
                report=document,
                review=review,
            )
            # The session would keep every item in memory.
            session.expunge(item)
            if review is not None:
                session.expunge(review)
