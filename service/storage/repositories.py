"""Queries, named for what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .tables import Grading, IdempotencyKey, JudgeCall, RubricVersion, State


class GradingRepository:
    """Gradings of one organisation, or of all for the workers."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_id(self, grading_id: str, *, organisation_id: str) -> Grading | None:
        """A grading of an organisation."""
        grading = self._session.get(Grading, grading_id)
        return grading if grading and grading.organisation_id == organisation_id else None

    def next_waiting(self, now: datetime) -> Grading | None:
        """The grading that is next in line: highest priority, then oldest."""
        return self._session.scalars(self._waiting(now).limit(1)).unique().first()

    def waiting_like(self, first: Grading, *, now: datetime, limit: int) -> Sequence[Grading]:
        """The next gradings in line that share the rubric version of `first`, with it among them."""
        alike = self._waiting(now).where(Grading.rubric_version_id == first.rubric_version_id)
        return self._session.scalars(alike.limit(limit)).unique().all()

    def counts_by_state(self) -> Mapping[str, int]:
        """How many gradings stand where."""
        rows = self._session.execute(sa.select(Grading.state, sa.func.count()).group_by(Grading.state))
        return {str(state): int(count) for state, count in rows}

    def oldest_open(self) -> datetime | None:
        """When the oldest grading that is not finished came in."""
        return self._session.scalar(
            sa.select(sa.func.min(Grading.created_at)).where(Grading.state.in_([State.QUEUED, State.RUNNING]))
        )

    def _waiting(self, now: datetime) -> sa.Select[Grading]:
        due = sa.or_(Grading.not_before.is_(None), Grading.not_before <= now)
        abandoned = sa.and_(Grading.state == State.RUNNING, Grading.lease_until < now)
        return (
            sa.select(Grading)
            .where(sa.or_(sa.and_(Grading.state == State.QUEUED, due), abandoned))
            .order_by(Grading.priority.desc(), Grading.created_at, Grading.id)
            .with_for_update(of=Grading, skip_locked=True)
        )


class RubricVersionRepository:
    """Rubric versions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_content(self, content_hash: str, *, organisation_id: str) -> RubricVersion | None:
        """The version with that content."""
        return self._session.scalar(
            sa.select(RubricVersion).where(
                RubricVersion.organisation_id == organisation_id,
                RubricVersion.content_hash == content_hash,
            )
        )


class IdempotencyRepository:
    """Keys that callers gave their requests."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_key(self, key: str, *, organisation_id: str) -> IdempotencyKey | None:
        """What a key was used for."""
        return self._session.get(IdempotencyKey, (organisation_id, key))


class JudgeCallRepository:
    """Calls of the judge."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_keys(self, keys: Sequence[str], *, organisation_id: str) -> Sequence[JudgeCall]:
        """The calls that are known among the keys."""
        return self._session.scalars(
            sa.select(JudgeCall).where(JudgeCall.organisation_id == organisation_id, JudgeCall.key.in_(keys))
        ).all()
