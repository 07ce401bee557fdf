"""Interrupts (Ctrl-C) that are not lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Records whether an interrupt was received."""

    received = False

    def raise_if_received(self) -> None:
        """Raise KeyboardInterrupt if an interrupt was received."""
        if self.received:
            raise KeyboardInterrupt


@contextmanager
def deferred_interrupts() -> Iterator[Interruption]:
    """Record SIGINT while the context is open, besides raising KeyboardInterrupt as Python does.

    Python drops exceptions that are raised in finalisers and in callbacks of the garbage collector. An interrupt that
    arrives at such a moment would be lost; `raise_if_received` raises it again. The handler before is restored at the
    end.
    """
    interruption = Interruption()

    def on_signal(number: int, frame: FrameType | None) -> None:
        interruption.received = True
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, on_signal)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, previous)
