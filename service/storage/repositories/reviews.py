"""The queries on people's decisions and on reports that were replaced, named for what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import EarlierReport, Review
from .keyset import comes_before

After = tuple[datetime, str]
"""The time and id of the last row of a page."""


class ReviewRepository:
    """Reviews."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest_of(self, grading_ids: Sequence[str]) -> Mapping[str, Review]:
        """Returns the newest review of each of the gradings that have one, by the grading's id."""
        query = sa.select(Review).where(Review.grading_id.in_(grading_ids)).order_by(Review.created_at, Review.id)
        # The newest comes last, and so stays.
        return {review.grading_id: review for review in self._session.scalars(query)}

    def of_grading(self, grading_id: str, *, after: After | None, limit: int) -> Sequence[Review]:
        """Returns reviews of a grading, the newest first."""
        query = sa.select(Review).where(Review.grading_id == grading_id)
        if after:
            query = query.where(comes_before((Review.created_at, Review.id), after))
        return self._session.scalars(query.order_by(Review.created_at.desc(), Review.id.desc()).limit(limit)).all()


class EarlierReportRepository:
    """Reports that were replaced."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_grading(self, grading_id: str, *, after: After | None, limit: int) -> Sequence[EarlierReport]:
        """Returns earlier reports of a grading, the one replaced last first."""
        order = (EarlierReport.replaced_at, EarlierReport.id)
        query = sa.select(EarlierReport).where(EarlierReport.grading_id == grading_id)
        if after:
            query = query.where(comes_before(order, after))
        return self._session.scalars(query.order_by(*(column.desc() for column in order)).limit(limit)).all()
