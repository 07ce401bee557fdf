"""The queries on API keys, named for what they return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import ApiKey


class ApiKeyRepository:
    """API keys."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_id(self, key_id: str) -> ApiKey | None:
        """Returns a key; one of any organisation, unless the session belongs to one."""
        return self._session.get(ApiKey, key_id)

    def of_organisation(self, organisation_id: str) -> Sequence[ApiKey]:
        """Returns the keys of an organisation, the newest first."""
        query = sa.select(ApiKey).where(ApiKey.organisation_id == organisation_id)
        return self._session.scalars(query.order_by(ApiKey.created_at.desc(), ApiKey.id)).all()

    def mark_used(self, key_id: str, moment: datetime) -> None:
        """Stores when a key was last used."""
        used = sa.update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=moment)
        self._session.execute(used.execution_options(synchronize_session=False))
