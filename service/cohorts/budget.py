"""The budget of a cohort: a call of the judge is reserved at its maximum before it is made, and settled afterwards.

A call that was lost, or of which nobody knows what it used, is never settled: it counts at its maximum for good. So
what is used and reserved together never exceeds a limit, whatever is killed when. The sum is changed by single
updates, which the database applies one after another.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.graders.judge.budget import Grant

from ..storage.tables import Cohort

# Sums of costs are rounded in the 16th digit.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Settlement:
    """What reserved calls have used: `calls` and `cost`, of `reserved_calls` and `reserved_cost`."""

    reserved_calls: int = 0
    reserved_cost: float = 0.0
    calls: int = 0
    cost: float = 0.0

    def __add__(self, other: Settlement) -> Settlement:
        return Settlement(
            self.reserved_calls + other.reserved_calls,
            self.reserved_cost + other.reserved_cost,
            self.calls + other.calls,
            self.cost + other.cost,
        )


def settle(session: Session, cohort_id: str, settlement: Settlement) -> None:
    """Counts what calls have used in place of what was reserved for them.

    Not to be repeated when a commit is in doubt: the difference would be given back twice.
    """
    session.execute(
        _update(cohort_id).values(
            reserved_calls=Cohort.reserved_calls - settlement.reserved_calls,
            reserved_cost=Cohort.reserved_cost - settlement.reserved_cost,
            used_calls=Cohort.used_calls + settlement.calls,
            used_cost=Cohort.used_cost + settlement.cost,
        )
    )


def reserve(session: Session, cohort_id: str, *, calls: int, cost: float) -> Grant:
    """Reserves calls that cost at most `cost` in all, if they fit into the limits with all that is reserved.

    Returns LATER if they may fit once other calls are settled. Repeated after a commit in doubt, it may reserve twice,
    which only stops the cohort earlier.
    """
    fits = (
        sa.or_(Cohort.max_calls.is_(None), Cohort.used_calls + Cohort.reserved_calls + calls <= Cohort.max_calls),
        sa.or_(Cohort.max_cost.is_(None), Cohort.used_cost + Cohort.reserved_cost + cost <= Cohort.max_cost),
    )
    reserved = session.execute(
        _update(cohort_id)
        .where(*fits)
        .values(reserved_calls=Cohort.reserved_calls + calls, reserved_cost=Cohort.reserved_cost + cost)
    )
    if reserved.rowcount:  # type: ignore[attr-defined]
        return Grant.GRANTED
    cohort = session.get_one(Cohort, cohort_id, populate_existing=True)
    is_used_up = _find_limit(cohort, calls=cohort.used_calls + calls, cost=cohort.used_cost + cost)
    return Grant.REFUSED if is_used_up else Grant.LATER


def describe_limit(cohort: Cohort, *, cost: float) -> str | None:
    """Returns why a call that may cost `cost` does not fit into the limits, None if it does."""
    reserved_cost = cohort.used_cost + cohort.reserved_cost
    limit = _find_limit(cohort, calls=cohort.used_calls + cohort.reserved_calls + 1, cost=reserved_cost + cost)
    if limit is None and cohort.max_cost is not None and reserved_cost >= cohort.max_cost:
        limit = "max_cost"
    if limit is None:
        return None
    value = f"{cohort.max_calls:,}" if limit == "max_calls" else f"{cohort.max_cost:g}"
    return f"{limit} of {value} is used up: raise it with PATCH, then resume the cohort"


def move_lost_reservations(cohort: Cohort) -> None:
    """Counts as used what is still reserved although nothing is being graded: those calls were lost."""
    cohort.used_calls, cohort.reserved_calls = cohort.used_calls + cohort.reserved_calls, 0
    cohort.used_cost, cohort.reserved_cost = cohort.used_cost + cohort.reserved_cost, 0.0


def check_fits(cohort: Cohort, *, max_calls: int | None, max_cost: float | None) -> str | None:
    """Returns what is wrong with new limits, None if they are at least what is used and reserved already."""
    calls, cost = cohort.used_calls + cohort.reserved_calls, cohort.used_cost + cohort.reserved_cost
    if max_calls is not None and max_calls < calls:
        return f"max_calls is {max_calls:,}, but {calls:,} calls are used or reserved already: send at least that"
    if max_cost is not None and max_cost < cost - _ROUNDING:
        return f"max_cost is {max_cost:g}, but {cost:g} is used or reserved already: send at least that"
    return None


def _find_limit(cohort: Cohort, *, calls: int, cost: float) -> str | None:
    if cohort.max_calls is not None and calls > cohort.max_calls:
        return "max_calls"
    if cohort.max_cost is not None and cost > cohort.max_cost:
        return "max_cost"
    return None


def _update(cohort_id: str) -> sa.Update:
    return sa.update(Cohort).where(Cohort.id == cohort_id).execution_options(synchronize_session=False)
