"""The budget that calls of the judge must fit into. What keeps it, such as a database, is elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum, auto
from typing import Protocol

from anyio import to_thread

from ..errors import JudgeFailure, UnscoredReason

_ASK_AGAIN_SECONDS = 0.2


class Grant(Enum):
    """The reply to a reservation. LATER: it may fit once calls that are being made turn out cheaper."""

    GRANTED = auto()
    LATER = auto()
    REFUSED = auto()


class CallBudget(Protocol):
    """A budget of calls and their cost, in the currency of `Prices`; called from several threads."""

    def reserve(self, cost: float) -> Grant:
        """Reserves one call that costs at most `cost`."""

    def settle(self, reserved: float, *, calls: int, cost: float) -> None:
        """Counts what a call for which `reserved` was reserved has used. Writes nothing itself."""

    def refuse(self, cost: float) -> None:
        """Notes that a call was not made because it did not fit."""


_current: ContextVar[CallBudget | None] = ContextVar("current_budget", default=None)


@contextmanager
def within_budget(budget: CallBudget | None) -> Iterator[None]:
    """Makes all calls in the context, in tasks and threads that copy it, fit into a budget."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)


def current_budget() -> CallBudget | None:
    """Returns the budget of this context, None if calls are free."""
    return _current.get()


async def reserve_call(budget: CallBudget, cost: float, *, patience_seconds: float) -> None:
    """Reserves a call; waits while others may give back what they do not use. Raises JudgeFailure if it does not fit.

    The failure has the reason `budget`. `patience_seconds` is as long as a call may take.
    """
    until = time.monotonic() + patience_seconds
    while True:
        grant = await to_thread.run_sync(budget.reserve, cost)
        if grant is Grant.GRANTED:
            return
        if grant is Grant.REFUSED or time.monotonic() >= until:
            budget.refuse(cost)
            raise JudgeFailure(UnscoredReason.BUDGET, "the budget of its cohort is used up", unavailable=True)
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
