"""The queries on idempotency keys, named for what they return."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..locks import try_named_lock
from ..tables import IdempotencyKey

FILE_KEYS = "file:"
"""How the idempotency keys of `viva grade` begin."""


class IdempotencyRepository:
    """Idempotency keys."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_key(self, key: str, *, route: str, organisation_id: str) -> IdempotencyKey | None:
        """Returns the stored use of a key at a route."""
        return self._session.get(IdempotencyKey, (organisation_id, route, key))

    def try_lock(self, key: str, *, route: str, organisation_id: str) -> bool:
        """Holds a key until the transaction ends; returns False if another request holds it."""
        return try_named_lock(self._session, f"idempotency {organisation_id} {route} {key}")

    def delete_older(self, moment: datetime, *, limit: int) -> int:
        """Deletes up to `limit` keys of callers that were used before a moment; returns how many.

        Keys of `viva grade` stay: by them a file that is graded again gets its earlier gradings.
        """
        key = (IdempotencyKey.organisation_id, IdempotencyKey.route, IdempotencyKey.key)
        old = (
            sa.select(*key)
            .where(IdempotencyKey.created_at < moment, IdempotencyKey.key.not_like(f"{FILE_KEYS}%"))
            .order_by(IdempotencyKey.created_at)
            .limit(limit)
        )
        deleted = self._session.execute(sa.delete(IdempotencyKey).where(sa.tuple_(*key).in_(old)))
        return int(deleted.rowcount)  # type: ignore[attr-defined]
