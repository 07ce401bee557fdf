"""The queries on files of cohorts and on saved mappings of columns, named for what they return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import CohortFile, ColumnMapping

_MOST_SAVED = 500


class CohortFileRepository:
    """Files of cohorts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def page(self, cohort_id: str, *, limit: int, after: Sequence[Any] | None) -> Sequence[CohortFile]:
        """Returns files of a cohort, the newest first, behind the one with these sort values (time, id)."""
        query = sa.select(CohortFile).where(CohortFile.cohort_id == cohort_id)
        if after:
            moment, file_id = datetime.fromisoformat(after[0]), after[1]
            query = query.where(sa.tuple_(CohortFile.created_at, CohortFile.id) < (moment, file_id))
        return self._session.scalars(
            query.order_by(CohortFile.created_at.desc(), CohortFile.id.desc()).limit(limit)
        ).all()


class ColumnMappingRepository:
    """Saved mappings of columns."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_name(self, name: str) -> ColumnMapping | None:
        """Returns the mapping with a name."""
        return self._session.scalar(sa.select(ColumnMapping).where(ColumnMapping.name == name))

    def newest(self) -> Sequence[ColumnMapping]:
        """Returns the mappings that a file is compared with, the newest first, at most 500."""
        query = sa.select(ColumnMapping).order_by(ColumnMapping.created_at.desc(), ColumnMapping.id)
        return self._session.scalars(query.limit(_MOST_SAVED)).all()

    def page(self, *, limit: int, after: Sequence[Any] | None) -> Sequence[ColumnMapping]:
        """Returns mappings by name, behind the one with this name."""
        query = sa.select(ColumnMapping)
        if after:
            query = query.where(ColumnMapping.name > after[0])
        return self._session.scalars(query.order_by(ColumnMapping.name).limit(limit)).all()
