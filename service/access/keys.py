"""API keys: how they are made, read and looked up.

A key is `viva_`, an id of 12 letters and digits, `_`, a secret of 32 (190 bits), and a checksum of 6, by which a
mistyped key and a key in a leaked file are recognised without the database. Only a SHA-256 is kept: the secret is
random, so a slow hash would add nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..errors import InvalidKey
from ..storage import clock
from ..storage.repositories import ApiKeyRepository
from ..storage.tables import ApiKey
from .caller import Caller
from .scopes import SCOPES_BY_ROLE, Role, Scope

_PREFIX = "viva_"
_ID_CHARACTERS, _SECRET_CHARACTERS, _CHECKSUM_CHARACTERS = 12, 32, 6
_ID_ALPHABET = string.ascii_lowercase + string.digits
_ALPHABET = string.ascii_letters + string.digits
_FORM = re.compile(rf"viva_([a-z0-9]{{{_ID_CHARACTERS}}})_[A-Za-z0-9]{{{_SECRET_CHARACTERS + _CHECKSUM_CHARACTERS}}}")
# More often would cost each request a transaction.
_USE_SECONDS = 60


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; its text is shown once and kept nowhere."""

    id: str
    text: str
    secret_hash: str


def make_key() -> NewKey:
    """Returns a new random key."""
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_CHARACTERS))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_CHARACTERS))
    body = f"{_PREFIX}{key_id}_{secret}"
    text = body + _compute_checksum(body)
    return NewKey(key_id, text, hash_key(text))


def read_key_id(text: str) -> str | None:
    """Returns the id in a key, or None if the text is no key or was mistyped."""
    match = _FORM.fullmatch(text)
    if match is None or _compute_checksum(text[:-_CHECKSUM_CHARACTERS]) != text[-_CHECKSUM_CHARACTERS:]:
        return None
    return match[1]


def add_key(
    session: Session,
    *,
    organisation_id: str,
    name: str,
    role: Role,
    created_by: str,
    scopes: Iterable[Scope] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Stores a new key, by default with all scopes of its role; returns its row and its text."""
    new = make_key()
    row = ApiKey(
        id=new.id,
        organisation_id=organisation_id,
        name=name,
        role=role.value,
        scopes=sorted(scopes if scopes is not None else SCOPES_BY_ROLE[role]),
        secret_hash=new.secret_hash,
        created_by=created_by,
        created_at=clock.now(),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row, new.text


def find_caller(session: Session, text: str) -> tuple[Caller, bool]:
    """Returns the caller with a key, and whether its last use should be stored again.

    Raises InvalidKey if the text is no key, or if the key is unknown, revoked or expired.
    """
    key_id = read_key_id(text)
    if key_id is None:
        raise InvalidKey("This is no key, or it was mistyped: send the whole key, as 'viva admin create' printed it.")
    row = ApiKeyRepository(session).by_id(key_id)
    # One message for all: a wrong secret must not reveal that an id exists.
    if row is None or not hmac.compare_digest(row.secret_hash, hash_key(text)):
        raise InvalidKey("There is no such key: check that it is complete, and that it belongs to this installation.")
    moment = clock.now()
    check_validity(key_id, revoked_at=row.revoked_at, expires_at=row.expires_at, moment=moment)
    is_due = row.last_used_at is None or row.last_used_at < moment - timedelta(seconds=_USE_SECONDS)
    return _read_caller(row), is_due


def check_validity(key_id: str, *, revoked_at: datetime | None, expires_at: datetime | None, moment: datetime) -> None:
    """Raises InvalidKey if a key was revoked or has expired at a moment."""
    if revoked_at is not None and revoked_at <= moment:
        raise InvalidKey(f"The key {key_id} was revoked: ask an administrator for another.")
    if expires_at is not None and expires_at <= moment:
        raise InvalidKey(f"The key {key_id} expired on {expires_at:%Y-%m-%d %H:%M} UTC: ask for another.")


def _read_caller(row: ApiKey) -> Caller:
    role = Role(row.role)
    # A role may lose a scope in a later version.
    scopes = frozenset(scope for scope in SCOPES_BY_ROLE[role] if scope.value in row.scopes)
    return Caller(row.organisation_id, row.id, row.name, role, scopes)


def hash_key(text: str) -> str:
    """Returns the SHA-256 of a key, which is what is kept of it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _compute_checksum(body: str) -> str:
    """Returns the CRC-32 of a text in base 62, of fixed length."""
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_CHARACTERS):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
