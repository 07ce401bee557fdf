"""Callers that were admitted a few seconds ago, for routes that read the key again when they write."""

from __future__ import annotations

import time

from .caller import Caller
from .keys import hash_key

# How often the last use of a busy key is looked at.
_KNOWN_SECONDS = 10.0
_MOST_KNOWN = 10_000


class KnownCallers:
    """Remembers callers by the hash of their keys, for ten seconds. Threads share it.

    It does not know of revocations: whoever relies on it must read the key again in its transaction, before anything
    is read or written for the caller.
    """

    def __init__(self) -> None:
        self._callers: dict[str, tuple[float, Caller]] = {}

    def find(self, text: str) -> Caller | None:
        """Returns the caller with a key, None if it was not admitted lately."""
        until, caller = self._callers.get(hash_key(text), (0.0, None))
        return caller if time.monotonic() < until else None

    def add(self, text: str, caller: Caller) -> None:
        """Remembers a caller whose key was just read."""
        if len(self._callers) >= _MOST_KNOWN:
            self._callers.clear()
        self._callers[hash_key(text)] = time.monotonic() + _KNOWN_SECONDS, caller
