"""The key of the embedded default: made by the service itself, so that the first request works in one step."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InvalidKey
from ..settings import Settings
from ..storage.engine import SessionFactory
from ..storage.tables import DEFAULT_ORGANISATION
from .keys import add_key, find_caller
from .scopes import Role

FILE_NAME = "local-key"


def local_key_path(settings: Settings) -> Path:
    """Returns the file that has the local key of an installation."""
    return settings.state_dir / FILE_NAME


def ensure_local_key(settings: Settings, sessions: SessionFactory) -> Path | None:
    """Makes a key of an administrator for whoever may read the state folder; returns its file.

    Returns None, and makes none, in production and with a database that others may use too. A key that works already
    is kept.
    """
    if settings.environment == "production" or settings.database_url:
        return None
    path = local_key_path(settings)
    if not (path.is_file() and _works(sessions, path.read_text(encoding="ascii").strip())):
        _, text = sessions.run(
            lambda session: add_key(
                session,
                organisation_id=DEFAULT_ORGANISATION,
                name="local",
                role=Role.ADMIN,
                created_by="viva serve",
            )
        )
        path.unlink(missing_ok=True)
        # Created with its mode, so that nobody else can ever read it.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text + "\n")
    return path


def _works(sessions: SessionFactory, text: str) -> bool:
    try:
        with sessions() as session:
            find_caller(session, text)
    except InvalidKey:
        return False
    return True
