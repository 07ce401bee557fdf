"""The items of a cohort as callers see them: with outcome, reason and score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..storage.tables import CohortItem, Grading, Report
from .outcomes import OUTCOME, Outcome


@dataclass(frozen=True)
class ListedItem:
    """An item, its outcome, and what its grading says of it."""

    item: CohortItem
    outcome: Outcome
    reason: str | None
    detail: str | None
    score: float | None


def list_items(
    session: Session, cohort_id: str, *, filters: Mapping[str, str | None], after: str | None, limit: int
) -> Sequence[ListedItem]:
    """Returns up to `limit` items in the order of their external ids, those after one of them.

    `filters` may have `outcome`, `candidate`, `question_id` and `external_id`; None is no filter.
    """
    columns = {
        "outcome": OUTCOME,
        "candidate": CohortItem.candidate,
        "question_id": CohortItem.question_id,
        "external_id": CohortItem.external_id,
    }
    query = _select_items(cohort_id).order_by(CohortItem.external_id).limit(limit)
    for name, value in filters.items():
        if value is not None:
            query = query.where(columns[name] == value)
    if after is not None:
        query = query.where(CohortItem.external_id > after)
    return [_build(row) for row in session.execute(query)]


def find_item(session: Session, cohort_id: str, item_id: str) -> ListedItem | None:
    """Returns an item of a cohort, or None if it has none with this id."""
    row = session.execute(_select_items(cohort_id).where(CohortItem.id == item_id)).first()
    return _build(row) if row else None


def _select_items(cohort_id: str) -> sa.Select[tuple[CohortItem, str, str | None, str | None, float | None]]:
    return (
        sa.select(CohortItem, OUTCOME, Grading.reason, Grading.detail, Report.score)
        .outerjoin(Grading, Grading.id == CohortItem.grading_id)
        .outerjoin(Report, Report.grading_id == CohortItem.grading_id)
        .where(CohortItem.cohort_id == cohort_id)
    )


def _build(row: Any) -> ListedItem:
    item, outcome, reason, detail, score = row
    return ListedItem(item, Outcome(outcome), reason, detail, score)
