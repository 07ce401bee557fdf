"""A limit on the time that models spend on one answer, checked between their units of work.

A unit is a batch of texts for the embedder, one statement for the verifier, or one call of the judge. A unit that has
begun is never cut short, so that results do not depend on the clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from ..errors import JudgeFailure, UnscoredReason
from .embedder import Embedder, Vectors

_TEXTS_IN_UNIT = 16


class TimeLimit:
    """A limit of `seconds` on the work on one answer; None is no limit. Only time inside of `counting` counts."""

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._spent = 0.0
        self._started: float | None = None

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the time while the context is open, and have `check_time` check this limit."""
        self._started = time.monotonic()
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            self.add(time.monotonic() - self._started)
            self._started = None

    def add(self, seconds: float) -> None:
        """Count work that was done elsewhere."""
        self._spent += seconds

    @property
    def left(self) -> float | None:
        """Seconds that are left, 0 or less if the time is over; None without a limit."""
        if self._seconds is None:
            return None
        running = time.monotonic() - self._started if self._started is not None else 0.0
        return self._seconds - self._spent - running

    def is_over(self, seconds: float) -> bool:
        """Whether no time is left after `seconds` of work that are not counted yet."""
        return self.left is not None and self.left <= seconds

    def check(self) -> None:
        """Raise JudgeFailure with the reason `too_long` if no time is left."""
        if self.is_over(0.0):
            raise self.failure

    @property
    def failure(self) -> JudgeFailure:
        """The failure of a grading whose time is over."""
        return JudgeFailure(
            UnscoredReason.TOO_LONG,
            f"grading took more than {self._seconds:g} s (VIVA_GRADING_SECONDS): shorten the answer or raise the limit",
        )


_current: ContextVar[TimeLimit | None] = ContextVar("current_limit", default=None)
_of_batch: ContextVar[Sequence[TimeLimit]] = ContextVar("limits_of_batch", default=())


def check_time() -> None:
    """Raise JudgeFailure if the limit on the answer that is being worked on, if any, has no time left."""
    if limit := _current.get():
        limit.check()


@contextmanager
def share_limits(limits: Sequence[TimeLimit]) -> Iterator[None]:
    """Let a judge that is called in the context read the limits on its answers, in their order."""
    token = _of_batch.set(tuple(limits))
    try:
        yield
    finally:
        _of_batch.reset(token)


def limits_of_batch(answers: int) -> Sequence[TimeLimit]:
    """The shared limits on a batch of this many answers; without any, limits that never end."""
    limits = _of_batch.get()
    return limits if len(limits) == answers else [TimeLimit() for _ in range(answers)]


def embed_in_units(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """The vectors of the texts, as from `embedder.embed`; the time is checked before each few of them."""
    vectors = []
    for start in range(0, max(len(texts), 1), _TEXTS_IN_UNIT):
        check_time()
        vectors.append(embedder.embed(texts[start : start + _TEXTS_IN_UNIT]))
    return np.concatenate(vectors)
