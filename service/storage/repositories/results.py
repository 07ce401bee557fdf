"""The queries on where the results of cohorts stand, named for what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import CohortResult

# Databases bound the values of one query.
_IDS_AT_ONCE = 500


class CohortResultRepository:
    """Where the results of cohorts stand."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def delete(self, grading_ids: Sequence[str]) -> None:
        """Deletes the places of these gradings."""
        for start in range(0, len(grading_ids), _IDS_AT_ONCE):
            ids = grading_ids[start : start + _IDS_AT_ONCE]
            self._session.execute(sa.delete(CohortResult).where(CohortResult.grading_id.in_(ids)))

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts the places of gradings that have none."""
        self._session.execute(sa.insert(CohortResult), [dict(row) for row in rows])
