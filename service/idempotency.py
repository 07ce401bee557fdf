"""Requests that are carried out once: the key of a request and its reply are stored in its own transaction.

A repetition gets the stored reply, also if the process ended between the commit and the reply.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from .errors import IdempotencyInProgress, IdempotencyMismatch
from .storage import clock
from .storage.repositories import IdempotencyRepository
from .storage.tables import IdempotencyKey


@dataclass(frozen=True)
class KeyUse:
    """The use of an idempotency key at a route (`POST /v1/...`); `request_hash` covers all that the caller sent."""

    key: str
    route: str
    request_hash: str
    organisation_id: str


def hash_request(fields: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of what a caller sent; the order of fields makes no difference."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def find_earlier_use(session: Session, use: KeyUse, *, other_hashes: Collection[str] = ()) -> IdempotencyKey | None:
    """Returns the earlier use of a key by the same request, or None; holds the key until the transaction ends.

    `other_hashes` are hashes that earlier versions gave the same request. Raises IdempotencyMismatch if the key was
    used for another request, and IdempotencyInProgress while another request with the key is running.
    """
    keys = IdempotencyRepository(session)
    if not keys.try_lock(use.key, route=use.route, organisation_id=use.organisation_id):
        raise IdempotencyInProgress(
            "A request with this Idempotency-Key is being carried out: wait a moment, then send it again."
        )
    found = keys.by_key(use.key, route=use.route, organisation_id=use.organisation_id)
    if found and found.request_hash not in (use.request_hash, *other_hashes):
        raise IdempotencyMismatch("This Idempotency-Key was used for another request: use a new key for a new request.")
    return found


def add_key(
    session: Session, use: KeyUse, *, reply: Mapping[str, Any] | None = None, grading_id: str | None = None
) -> IdempotencyKey:
    """Stores the use of a key, with the reply as JSON values."""
    stored = IdempotencyKey(
        organisation_id=use.organisation_id,
        route=use.route,
        key=use.key,
        request_hash=use.request_hash,
        reply=reply,
        grading_id=grading_id,
        created_at=clock.now(),
    )
    session.add(stored)
    session.flush()
    return stored
