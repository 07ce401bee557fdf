"""The queries on cohorts and their items, named for what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import Cohort, CohortItem, CohortState, Grading, State

_NAMES_IN_QUERY = 500


class CohortRepository:
    """Cohorts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest(self, *, state: str | None, after: tuple[datetime, str] | None, limit: int) -> Sequence[Cohort]:
        """Returns up to `limit` cohorts, in a state if it is given, the newest first."""
        query = sa.select(Cohort).order_by(Cohort.created_at.desc(), Cohort.id.desc()).limit(limit)
        if state:
            query = query.where(Cohort.state == state)
        if after:
            query = query.where(sa.tuple_(Cohort.created_at, Cohort.id) < sa.tuple_(*_bind(after)))
        return self._session.scalars(query).all()

    def running(self) -> Sequence[str]:
        """Returns the ids of the cohorts that run, of all organisations."""
        return self._session.scalars(sa.select(Cohort.id).where(Cohort.state == CohortState.RUNNING)).all()

    def to_sweep(self, now: datetime) -> Sequence[str]:
        """Returns the ids of cohorts that were started and have nothing left to grade, or whose time is up."""
        is_open = sa.exists().where(Grading.cohort_id == Cohort.id, Grading.state.in_([State.QUEUED, State.RUNNING]))
        query = sa.select(Cohort.id).where(
            Cohort.state.in_([CohortState.RUNNING, CohortState.PAUSED]),
            sa.or_(Cohort.finish_by <= now, ~is_open),
        )
        return self._session.scalars(query).all()

    def lock_if_free(self, cohort_id: str) -> Cohort | None:
        """Returns a cohort, locked until the transaction ends; None if another transaction has it."""
        query = sa.select(Cohort).where(Cohort.id == cohort_id).with_for_update(skip_locked=True)
        return self._session.scalars(query).first()

    def has_open_gradings(self, cohort_id: str) -> bool:
        """Returns whether a grading of the cohort is queued or running."""
        query = sa.select(Grading.id).where(
            Grading.cohort_id == cohort_id, Grading.state.in_([State.QUEUED, State.RUNNING])
        )
        return self._session.scalar(query.limit(1)) is not None


class CohortItemRepository:
    """Items of cohorts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def versions_of(self, cohort_id: str, external_ids: Sequence[str]) -> Mapping[str, Any]:
        """Returns id, content hash, row and metadata of the items with these ids that a cohort has, by external id."""
        columns = (
            CohortItem.external_id,
            CohortItem.id,
            CohortItem.content_hash,
            CohortItem.row,
            CohortItem.caller_metadata,
        )
        query = sa.select(*columns).where(CohortItem.cohort_id == cohort_id)
        # Of a long list, each name costs more than reading the cohort.
        if len(external_ids) <= _NAMES_IN_QUERY:
            query = query.where(CohortItem.external_id.in_(external_ids))
        return {row.external_id: row for row in self._session.execute(query)}

    def by_ids(self, ids: Sequence[str]) -> Sequence[CohortItem]:
        """Returns items by their ids."""
        return self._session.scalars(sa.select(CohortItem).where(CohortItem.id.in_(ids))).all()

    def count(self, cohort_id: str) -> int:
        """Returns the number of items of a cohort."""
        query = sa.select(sa.func.count()).select_from(CohortItem).where(CohortItem.cohort_id == cohort_id)
        return self._session.scalar(query) or 0

    def without_grading(self, cohort_id: str) -> Sequence[Any]:
        """Returns what a grading needs of each item that has none, in the order of the rows."""
        columns = (
            CohortItem.id,
            CohortItem.submission_id,
            CohortItem.rubric_version_id,
            CohortItem.caller_metadata,
            CohortItem.rubric_source,
        )
        query = sa.select(*columns).where(CohortItem.cohort_id == cohort_id, CohortItem.grading_id.is_(None))
        return self._session.execute(query.order_by(CohortItem.row, CohortItem.external_id)).all()


def _bind(after: tuple[datetime, str]) -> tuple[Any, Any]:
    return sa.literal(after[0], Cohort.created_at.type), sa.literal(after[1])
