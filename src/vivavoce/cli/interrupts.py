"""Ctrl-C that is not lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether an interrupt came."""

    came = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if one came."""
        if self.came:
            raise KeyboardInterrupt


@contextmanager
def deferred_interrupts() -> Iterator[Interruption]:
    """Remember an interrupt (SIGINT) while the context is open, and raise KeyboardInterrupt as Python does.

    Python drops an exception that is raised in a finaliser or in a callback of the garbage collector; an interrupt that
    comes at such a moment would be lost, were it not for `check`.
    """
    interruption = Interruption()

    def on_signal(number: int, frame: FrameType | None) -> None:
        interruption.came = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
