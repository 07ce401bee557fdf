"""The queries on background jobs, named for what they return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import Job


class JobRepository:
    """Background jobs of all organisations."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def next_due(self, now: datetime, *, kinds: Sequence[str]) -> Job | None:
        """Returns the oldest job of these kinds that waits, or whose worker has lost its lease, and locks it."""
        is_due = sa.or_(Job.state == "queued", sa.and_(Job.state == "running", Job.lease_until < now))
        query = sa.select(Job).where(is_due, Job.kind.in_(kinds)).order_by(Job.created_at, Job.id).limit(1)
        return self._session.scalar(query.with_for_update(skip_locked=True))

    def by_token(self, job_id: str, fencing_token: int) -> Job | None:
        """Returns a running job if its token is still the newest, and locks it."""
        query = sa.select(Job).where(Job.id == job_id, Job.fencing_token == fencing_token, Job.state == "running")
        return self._session.scalar(query.with_for_update())
