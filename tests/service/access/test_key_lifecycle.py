"""Keys on both databases, where transactions meet."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from vivavoce.service.access.caller import Caller
from vivavoce.service.access.key_lifecycle import create_key, revoke_key
from vivavoce.service.access.keys import find_caller
from vivavoce.service.access.scopes import Role
from vivavoce.service.errors import WrongState
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import ApiKeyRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, ApiKey


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


def _create(database: SessionFactory, role: Role = Role.ADMIN) -> Caller:
    with database.begin() as session:
        _, text = create_key(session, organisation_id=DEFAULT_ORGANISATION, name="test", role=role)
    with database() as session:
        return find_caller(session, text)[0]


def test_two_administrators_who_revoke_each_other_at_once_leave_one(database: SessionFactory) -> None:
    callers = [_create(database), _create(database)]
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def revoke(caller: Caller, key_id: str) -> None:
        together.wait()
        try:
            with database.of(DEFAULT_ORGANISATION).begin() as session:
                key = session.get_one(ApiKey, key_id, with_for_update=True)
                revoke_key(session, key, caller=caller)
            outcomes.append("revoked")
        except WrongState:
            outcomes.append("refused")

    threads = [
        threading.Thread(target=revoke, args=(callers[number], callers[1 - number].key_id)) for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "revoked"]
    with database() as session:
        assert ApiKeyRepository(session).is_any_active(clock.now())


def test_pages_and_states_are_the_same_on_both(database: SessionFactory) -> None:
    ids = [_create(database, Role.AUDITOR).key_id for _ in range(4)]
    moment = clock.now()
    with database.begin() as session:
        session.get_one(ApiKey, ids[0]).revoked_at = moment
        session.get_one(ApiKey, ids[1]).expires_at = moment
        session.get_one(ApiKey, ids[2]).expires_at = moment + timedelta(hours=1)
    with database.of(DEFAULT_ORGANISATION)() as session:
        keys = ApiKeyRepository(session)

        def find(state: str | None) -> list[str]:
            found: list[ApiKey] = []
            while page := keys.page(
                moment=moment,
                state=state,
                after=(found[-1].created_at, found[-1].id) if found else None,
                limit=1,
            ):
                found += page
            return [key.id for key in found]

        assert find(None) == ids[::-1]
        assert [find(state) for state in ("revoked", "expired", "active")] == [[ids[0]], [ids[1]], [ids[3], ids[2]]]
