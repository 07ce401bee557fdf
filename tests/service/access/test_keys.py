from __future__ import annotations

import re
from datetime import timedelta

import pytest

from vivavoce.service.access import keys
from vivavoce.service.access.keys import add_key, find_caller, make_key, read_key_id
from vivavoce.service.access.scopes import SCOPES_BY_ROLE, Role, Scope
from vivavoce.service.errors import InvalidKey
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, ApiKey

from ..samples import FixedClock

MINUTE = 60


def _add(database: SessionFactory, role: Role = Role.ADMIN, **more: object) -> tuple[str, str]:
    with database.begin() as session:
        key, text = add_key(
            session,
            organisation_id=DEFAULT_ORGANISATION,
            name="test",
            role=role,
            created_by="test",
            **more,  # type: ignore[arg-type]
        )
        return key.id, text


def _change(database: SessionFactory, key_id: str, **values: object) -> None:
    with database.begin() as session:
        key = session.get_one(ApiKey, key_id)
        for name, value in values.items():
            setattr(key, name, value)


def test_a_key_has_a_prefix_an_id_and_a_checksum() -> None:
    made = [make_key() for _ in range(200)]
    for new in made:
        assert re.fullmatch(r"viva_[a-z0-9]{12}_[A-Za-z0-9]{38}", new.text)
        assert read_key_id(new.text) == new.id
    assert len({new.text for new in made}) == 200


def test_every_mistyped_character_is_noticed() -> None:
    text = make_key().text
    for at, character in enumerate(text):
        other = "x" if character != "x" else "y"
        assert read_key_id(text[:at] + other + text[at + 1 :]) is None, at
    swapped = [text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(len(text) - 1)]
    assert all(read_key_id(one) is None for one in swapped if one != text)


@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: text + "a", lambda text: "", repr])
def test_a_text_of_another_form_is_no_key(change: object) -> None:
    assert read_key_id(change(make_key().text)) is None  # type: ignore[operator]


def test_only_a_hash_is_kept(database: SessionFactory) -> None:
    key_id, text = _add(database)
    with database() as session:
        row = session.get_one(ApiKey, key_id)
        kept = " ".join(str(getattr(row, column.name)) for column in ApiKey.__table__.columns)
    assert text not in kept
    assert text.split("_")[2][:8] not in kept
    assert re.fullmatch("[0-9a-f]{64}", row.secret_hash)


def test_a_key_is_found_with_its_organisation_role_and_scopes(database: SessionFactory) -> None:
    key_id, text = _add(database, Role.INTEGRATOR, scopes=[Scope.GRADINGS_READ])
    with database() as session:
        caller, is_due = find_caller(session, text)
    assert (caller.key_id, caller.organisation_id, caller.role) == (key_id, DEFAULT_ORGANISATION, Role.INTEGRATOR)
    assert caller.scopes == {Scope.GRADINGS_READ}
    assert is_due


def test_a_wrong_secret_with_a_right_checksum_is_refused_like_an_unknown_key(database: SessionFactory) -> None:
    key_id, _ = _add(database)
    unknown = make_key().text
    body = f"viva_{key_id}_{'A' * 32}"
    forged = body + keys._compute_checksum(body)
    assert read_key_id(forged) == key_id
    said = set()
    for text in (unknown, forged):
        with database() as session, pytest.raises(InvalidKey, match="There is no such key") as refused:
            find_caller(session, text)
        said.add(str(refused.value))
    assert len(said) == 1


def test_a_revoked_key_and_an_expired_one_say_so(database: SessionFactory, fixed_clock: FixedClock) -> None:
    key_id, text = _add(database, expires_at=fixed_clock.moment + timedelta(hours=1))
    fixed_clock.advance(3599)
    with database() as session:
        find_caller(session, text)
    fixed_clock.advance(1)
    with database() as session, pytest.raises(InvalidKey, match="expired on 2030-01-01 13:00 UTC: ask for another"):
        find_caller(session, text)
    _change(database, key_id, revoked_at=fixed_clock.moment)
    with database() as session, pytest.raises(InvalidKey, match="was revoked: ask an administrator"):
        find_caller(session, text)


def test_a_scope_that_a_role_lost_is_lost_to_its_keys(
    database: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, text = _add(database, Role.AUDITOR)
    _change(database, key_id, scopes=["audit:read", "gradings:read", "unheard:of"])
    less = {**SCOPES_BY_ROLE, Role.AUDITOR: frozenset({Scope.GRADINGS_READ})}
    monkeypatch.setattr(keys, "SCOPES_BY_ROLE", less)
    with database() as session:
        caller, _ = find_caller(session, text)
    assert caller.scopes == {Scope.GRADINGS_READ}


def test_the_last_use_is_stored_once_a_minute(database: SessionFactory, fixed_clock: FixedClock) -> None:
    key_id, text = _add(database)
    _change(database, key_id, last_used_at=fixed_clock.moment)
    due = []
    for _ in range(3):
        with database() as session:
            due.append(find_caller(session, text)[1])
        fixed_clock.advance(MINUTE)
    assert due == [False, False, True]
