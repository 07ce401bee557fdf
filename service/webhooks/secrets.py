"""Signing secrets of webhook endpoints. They are derived when they are needed, and stored nowhere.

A secret is an HMAC of the endpoint and of a random salt under `VIVA_SECRET`. The database has the salt, and a hash by
which a changed `VIVA_SECRET` is noticed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ..storage import clock
from ..storage.tables import WebhookEndpoint

_PREFIX = "whsec_"


class ChangedKey(Exception):
    """The secret of an endpoint can no longer be derived, because `VIVA_SECRET` has changed."""


def make_secret(endpoint_id: str, key: str, *, salt: str | None = None) -> tuple[dict[str, Any], str]:
    """Returns what is stored of a new secret, and the secret itself. The same salt gives the same secret."""
    salt = salt or secrets.token_hex(16)
    text = _derive(endpoint_id, key, salt)
    stored = {"salt": salt, "check": _hash(text), "created_at": clock.now().isoformat(), "expires_at": None}
    return stored, text


def rotate_secret(endpoint: WebhookEndpoint, key: str, *, salt: str, overlap: timedelta) -> str:
    """Gives an endpoint a new secret and returns it; the one before signs too until the overlap ends.

    Repeated with the salt of the newest secret, it changes nothing and returns the same.
    """
    if is_newest(endpoint, salt):
        return _derive(endpoint.id, key, salt)
    stored, text = make_secret(endpoint.id, key, salt=salt)
    before = {**endpoint.secrets[0], "expires_at": (clock.now() + overlap).isoformat()}
    # What can no longer be derived signs nothing.
    endpoint.secrets = [stored, before] if _is_derivable(endpoint.id, key, before) else [stored]
    return text


def is_newest(endpoint: WebhookEndpoint, salt: str) -> bool:
    """Returns whether the newest secret of an endpoint was made with this salt."""
    return bool(endpoint.secrets[0]["salt"] == salt)


def read_secrets(endpoint: WebhookEndpoint, key: str) -> list[str]:
    """Returns the secrets that sign now, the newest first. Raises ChangedKey if one cannot be derived."""
    texts = []
    for stored in _find_valid(endpoint.secrets):
        if not _is_derivable(endpoint.id, key, stored):
            raise ChangedKey
        texts.append(_derive(endpoint.id, key, stored["salt"]))
    return texts


def read_overlap_end(endpoint: WebhookEndpoint) -> datetime | None:
    """Returns when the secret before the newest stops signing; None if only one signs."""
    valid = _find_valid(endpoint.secrets)
    return datetime.fromisoformat(valid[1]["expires_at"]) if len(valid) > 1 else None


def _find_valid(stored: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    moment = clock.now()
    return [one for one in stored if one["expires_at"] is None or datetime.fromisoformat(one["expires_at"]) > moment]


def _is_derivable(endpoint_id: str, key: str, stored: dict[str, Any]) -> bool:
    return hmac.compare_digest(_hash(_derive(endpoint_id, key, stored["salt"])), stored["check"])


def _derive(endpoint_id: str, key: str, salt: str) -> str:
    digest = hmac.new(key.encode(), f"webhook {endpoint_id} {salt}".encode(), hashlib.sha256).digest()
    return _PREFIX + base64.b64encode(digest).decode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
