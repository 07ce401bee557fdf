from __future__ import annotations

import stat
from typing import Any

import pytest

from vivavoce.service.access.keys import find_caller
from vivavoce.service.access.local_key import ensure_local_key
from vivavoce.service.access.scopes import Role, Scope
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import ApiKey


def test_the_local_key_is_an_administrators_that_only_its_owner_reads(
    settings: Settings, database: SessionFactory
) -> None:
    path = ensure_local_key(settings, database)
    assert path == settings.state_dir / "local-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with database() as session:
        caller, _ = find_caller(session, path.read_text().strip())
    assert (caller.role, caller.scopes) == (Role.ADMIN, frozenset(Scope))


def test_a_key_that_works_is_kept_over_restarts(settings: Settings, database: SessionFactory) -> None:
    path = ensure_local_key(settings, database)
    assert path
    first = path.read_text()
    assert ensure_local_key(settings, database) == path
    assert path.read_text() == first


@pytest.mark.parametrize("damage", ["revoked", "text", "open to all"])
def test_a_key_that_works_no_more_is_replaced(settings: Settings, database: SessionFactory, damage: str) -> None:
    path = ensure_local_key(settings, database)
    assert path
    first = path.read_text()
    if damage == "revoked":
        with database.begin() as session:
            (key,) = session.query(ApiKey)
            key.revoked_at = key.created_at
    else:
        path.chmod(0o644)
        path.write_text("no key\n")
    ensure_local_key(settings, database)
    assert path.read_text() not in (first, "no key\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "values",
    [
        {"environment": "production", "secret": "x" * 32, "database_url": "postgresql+psycopg://viva@localhost/viva"},
        {"database_url": "sqlite:////tmp/shared.db"},
    ],
)
def test_there_is_none_where_others_use_the_database(database: SessionFactory, values: dict[str, Any]) -> None:
    settings = Settings(**values)
    assert ensure_local_key(settings, database) is None
    assert not (settings.state_dir / "local-key").exists()
