"""Repositories of judges: their recorded calls, and their versions."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import JudgeCall, JudgeVersion


class JudgeCallRepository:
    """Recorded calls of the judge."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_keys(self, keys: Sequence[str], *, organisation_id: str) -> Sequence[JudgeCall]:
        """Returns the recorded calls among the keys, in any order."""
        return self._session.scalars(
            sa.select(JudgeCall).where(JudgeCall.organisation_id == organisation_id, JudgeCall.key.in_(keys))
        ).all()


class JudgeVersionRepository:
    """Judges with the figures of a qualification run."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest_first(self, organisation_id: str) -> Sequence[JudgeVersion]:
        """Returns all versions of an organisation, the newest first."""
        query = sa.select(JudgeVersion).where(JudgeVersion.organisation_id == organisation_id)
        return self._session.scalars(query.order_by(JudgeVersion.registered_at.desc(), JudgeVersion.id)).all()

    def find_active(self, organisation_id: str) -> JudgeVersion | None:
        """Returns the active version and locks it until the end of the transaction."""
        query = sa.select(JudgeVersion).where(
            JudgeVersion.organisation_id == organisation_id,
            JudgeVersion.promoted_at.is_not(None),
            JudgeVersion.retired_at.is_(None),
        )
        return self._session.scalar(query.with_for_update())

    def promoted_before(self, version: JudgeVersion) -> JudgeVersion | None:
        """Returns the version that was promoted last before another."""
        query = sa.select(JudgeVersion).where(
            JudgeVersion.organisation_id == version.organisation_id, JudgeVersion.promoted_at < version.promoted_at
        )
        return self._session.scalar(query.order_by(JudgeVersion.promoted_at.desc()).limit(1))
