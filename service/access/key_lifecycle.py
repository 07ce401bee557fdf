"""The life of an API key: created, rotated, revoked; each change is in the audit trail, and no secret ever is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from .. import audit
from ..audit import Kind
from ..errors import MissingScope, UnusableKey, WrongState
from ..storage import clock
from ..storage.repositories import ApiKeyRepository
from ..storage.tables import ApiKey
from .caller import Caller
from .keys import add_key
from .scopes import SCOPES_BY_ROLE, Role, Scope


class KeyState(StrEnum):
    """The states of a key; only an active one works."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


def read_state(key: ApiKey) -> KeyState:
    """Returns the state of a key at this moment."""
    if key.revoked_at is not None:
        return KeyState.REVOKED
    is_over = key.expires_at is not None and key.expires_at <= clock.now()
    return KeyState.EXPIRED if is_over else KeyState.ACTIVE


def create_key(
    session: Session,
    *,
    organisation_id: str,
    name: str,
    role: Role,
    scopes: Iterable[Scope] | None = None,
    expires_at: datetime | None = None,
    caller: Caller | None = None,
) -> tuple[ApiKey, str]:
    """Creates a key, by default with all scopes of its role; returns its row and its text, which is shown once.

    `caller` is whose key asks for it; None for whoever may run commands on the machine. Raises UnusableKey if the role
    has not a scope or the key would have expired, and MissingScope if the caller would give more than it may itself.
    """
    given = frozenset(scopes) if scopes is not None else SCOPES_BY_ROLE[role]
    if beyond := sorted(given - SCOPES_BY_ROLE[role]):
        raise UnusableKey(f"The role '{role}' has not the scope '{beyond[0]}': leave it out, or choose another role.")
    expires_at = expires_at.astimezone(UTC) if expires_at else None
    _check_expiry(expires_at)
    _check_caller(session, caller, given, expires_at)
    actor = caller.actor if caller else None
    key, text = add_key(
        session,
        organisation_id=organisation_id,
        name=name,
        role=role,
        scopes=given,
        expires_at=expires_at,
        created_by=actor or "viva admin",
    )
    _record(session, Kind.KEY_CREATED, key, actor, role=key.role, scopes=key.scopes, expires_at=_write(expires_at))
    return key, text


def rotate_key(
    session: Session, key: ApiKey, *, overlap_hours: float, caller: Caller | None = None
) -> tuple[ApiKey, str]:
    """Makes the successor of an active key; the old one works for `overlap_hours` more, at most until it expires.

    The new key has name, role and scopes of the old one, and as long a life if that one expires. Raises WrongState for
    a key that does not work or was rotated before, and MissingScope as `create_key` does.
    """
    if (state := read_state(key)) != KeyState.ACTIVE:
        raise WrongState(f"The key {key.id} is {state}: create another one instead.")
    if key.replaced_by:
        raise WrongState(f"The key {key.id} was rotated before: rotate its successor {key.replaced_by}.")
    moment = clock.now()
    expires_at = moment + (key.expires_at - key.created_at) if key.expires_at else None
    scopes = frozenset(Scope(name) for name in key.scopes if name in SCOPES_BY_ROLE[Role(key.role)])
    _check_caller(session, caller, scopes, expires_at)
    actor = caller.actor if caller else None
    new, text = add_key(
        session,
        organisation_id=key.organisation_id,
        name=key.name,
        role=Role(key.role),
        scopes=scopes,
        expires_at=expires_at,
        created_by=actor or "viva admin",
    )
    end = moment + timedelta(hours=overlap_hours)
    key.replaced_by, key.expires_at = new.id, min(end, key.expires_at or end)
    _record(session, Kind.KEY_ROTATED, key, actor, replaced_by=new.id, expires_at=_write(key.expires_at))
    return new, text


def revoke_key(session: Session, key: ApiKey, *, caller: Caller | None = None) -> None:
    """Ends a key at once; one that was revoked stays as it is.

    Raises WrongState if it is the last of its organisation that can make keys and a caller asks over HTTP: nobody could
    make another one without the machine.
    """
    if key.revoked_at is not None:
        return
    if caller and not ApiKeyRepository(session).has_other_administrator(key, moment=clock.now()):
        raise WrongState(
            f"The key {key.id} is the last administrator's key of your organisation: create another one first."
        )
    key.revoked_at = clock.now()
    _record(session, Kind.KEY_REVOKED, key, caller.actor if caller else None)


def _check_expiry(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise UnusableKey("The key would have expired already: give an expires_at in the future, or null for none.")


def _check_caller(
    session: Session, caller: Caller | None, scopes: frozenset[Scope], expires_at: datetime | None
) -> None:
    """Raises MissingScope if a key would have more than its creator: another scope, or a longer life."""
    if caller is None:
        return
    if beyond := sorted(scopes - caller.scopes):
        raise MissingScope(
            f"The key {caller.key_id} cannot give the scope '{beyond[0]}', which it has not itself: "
            "name the scopes of the new key in 'scopes', or use a key that has it."
        )
    own = ApiKeyRepository(session).by_id(caller.key_id)
    end = own.expires_at if own else None
    if end is not None and (expires_at is None or expires_at > end):
        raise MissingScope(
            f"The key {caller.key_id} expires on {end:%Y-%m-%dT%H:%M:%SZ}, and cannot make one that lives longer: "
            "give an earlier expires_at, or use a key that lives as long."
        )


def _record(session: Session, kind: Kind, key: ApiKey, actor: str | None, **details: Any) -> None:
    audit.append_event(
        session,
        kind=kind,
        subject=key.id,
        details={"name": key.name, **details},
        actor=actor,
        organisation_id=key.organisation_id,
    )


def _write(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
