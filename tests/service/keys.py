"""API keys for tests."""

from __future__ import annotations

from collections.abc import Iterable

from vivavoce.service.access.keys import add_key
from vivavoce.service.access.scopes import Role, Scope
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, Organisation


def make_key_header(
    database: SessionFactory,
    *,
    role: Role = Role.ADMIN,
    scopes: Iterable[Scope] | None = None,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> dict[str, str]:
    """The header with a new key of an organisation, which is made if it is missing."""
    with database.begin() as session:
        if session.get(Organisation, organisation_id) is None:
            session.add(Organisation(id=organisation_id, created_at=clock.now()))
            session.flush()
        _, text = add_key(
            session, organisation_id=organisation_id, name="test", role=role, scopes=scopes, created_by="test"
        )
    return {"Authorization": f"Bearer {text}"}
