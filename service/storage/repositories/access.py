"""The queries on organisations and API keys, named for what they return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import ApiKey, Organisation


class OrganisationRepository:
    """Organisations."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_id(self, organisation_id: str) -> Organisation | None:
        """Returns an organisation."""
        return self._session.get(Organisation, organisation_id)

    def by_name(self, name: str) -> Organisation | None:
        """Returns the organisation with an id or a name, the oldest of several."""
        query = sa.select(Organisation).where(sa.or_(Organisation.id == name, Organisation.name == name))
        return self._session.scalar(query.order_by(Organisation.created_at, Organisation.id).limit(1))

    def oldest_first(self) -> Sequence[Organisation]:
        """Returns all organisations, the oldest first."""
        return self._session.scalars(sa.select(Organisation).order_by(Organisation.created_at, Organisation.id)).all()


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

    def page(
        self, *, moment: datetime, state: str | None, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[ApiKey]:
        """Returns keys in a state at a moment, the newest first, that come after one with this time and id."""
        query = sa.select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id.desc()).limit(limit)
        is_over = sa.and_(ApiKey.expires_at.is_not(None), ApiKey.expires_at <= moment)
        if state is not None:
            is_revoked = ApiKey.revoked_at.is_not(None)
            in_state = {
                "revoked": is_revoked,
                "expired": sa.and_(~is_revoked, is_over),
                "active": sa.and_(~is_revoked, ~is_over),
            }
            query = query.where(in_state[state])
        if after is not None:
            created_at, key_id = after
            query = query.where(
                sa.or_(ApiKey.created_at < created_at, sa.and_(ApiKey.created_at == created_at, ApiKey.id < key_id))
            )
        return self._session.scalars(query).all()

    def has_other_administrator(self, key: ApiKey, *, moment: datetime) -> bool:
        """Returns whether another key than this one can make keys for good; locks the organisation."""
        # Two administrators may revoke each other at once.
        self._session.get_one(Organisation, key.organisation_id, with_for_update=True)
        query = sa.select(ApiKey).where(
            ApiKey.organisation_id == key.organisation_id,
            ApiKey.id != key.id,
            ApiKey.role == "admin",
            ApiKey.revoked_at.is_(None),
            sa.or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > moment),
            # One that was rotated ends soon; its successor counts.
            ApiKey.replaced_by.is_(None),
        )
        return any("keys:write" in other.scopes for other in self._session.scalars(query))

    def is_any_active(self, moment: datetime) -> bool:
        """Returns whether any key works, of whatever organisation."""
        works = sa.and_(ApiKey.revoked_at.is_(None), sa.or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > moment))
        return self._session.scalar(sa.select(ApiKey.id).where(works).limit(1)) is not None

    def mark_used(self, key_id: str, moment: datetime) -> None:
        """Stores when a key was last used."""
        used = sa.update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=moment)
        self._session.execute(used.execution_options(synchronize_session=False))
