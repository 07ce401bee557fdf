"""Deletes exports whose time is up."""

from __future__ import annotations

import time

from vivavoce.service.exports import lifecycle
from vivavoce.service.storage.engine import SessionFactory

_PAUSE_SECONDS = 600.0


class ExportPruning:
    """A step of a background thread: deletes a few exports, every ten minutes while there are none left."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions
        self._due_at = 0.0

    def __call__(self) -> bool:
        """Delete what is due; returns whether there may be more."""
        if time.monotonic() < self._due_at:
            return False
        if self._sessions.run(lifecycle.prune):
            return True
        self._due_at = time.monotonic() + _PAUSE_SECONDS
        return False
