"""Counts of requests in the memory of this process."""

from __future__ import annotations

import threading
import time

from limits.storage import MemoryStorage

_SWEEP_SECONDS = 60.0


class OwnCounts(MemoryStorage):
    """The library's storage, which forgets what is over once a minute.

    The library's own starts a thread for that every ten milliseconds in which something is counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counting = threading.Lock()
        self._sweep_after = time.time() + _SWEEP_SECONDS

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """See MemoryStorage."""
        with self._counting:
            now = time.time()
            if now >= self._sweep_after:
                self._sweep_after = now + _SWEEP_SECONDS
                self._forget_old(now)
            if self.expirations.get(key, 0.0) <= now:
                self.storage.pop(key, None)
                self.expirations[key] = now + expiry
            self.storage[key] += amount
            return self.storage[key]

    def _forget_old(self, now: float) -> None:
        for key in [key for key, end in self.expirations.items() if end <= now]:
            self.storage.pop(key, None)
            self.expirations.pop(key, None)
