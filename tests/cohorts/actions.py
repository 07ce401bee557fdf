"""What happens to a cohort while it is graded, each as a function; afterwards it runs again, or is finished."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ..faults.kinds import kill_api, kill_worker_child, kill_worker_group
from .batch import Batch

Action = Callable[[Batch, random.Random], None]


def cancel(batch: Batch, chance: random.Random) -> None:
    batch.post("cancel")
    batch.check_end()
    batch.post("resume")


def pause(batch: Batch, chance: random.Random) -> None:
    if batch.post("pause")["state"] == "paused":
        time.sleep(chance.uniform(0.2, 1.5))
        batch.post("resume")


def expire(batch: Batch, chance: random.Random) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=chance.uniform(0.5, 2))
    if batch.edit(finish_by=soon.isoformat()) and batch.wait_for("expired"):
        batch.check_end()
    batch.edit(finish_by=None)
    batch.post("resume")


def stop_by_calls(batch: Batch, chance: random.Random) -> None:
    budget = batch.read()["budget"]
    cap = budget["used_calls"] + budget["reserved_calls"] + chance.randint(0, 60)
    if batch.edit(max_calls=cap) and batch.wait_for("budget_stopped"):
        batch.check_end(max_calls=cap)
    batch.edit(max_calls=None)
    batch.post("resume")


def stop_by_cost(batch: Batch, chance: random.Random) -> None:
    budget = batch.read()["budget"]
    cap = budget["used_cost"] + budget["reserved_cost"] + chance.uniform(0.0, 0.02)
    if batch.edit(max_cost=cap) and batch.wait_for("budget_stopped"):
        batch.check_end(max_cost=cap)
    batch.edit(max_cost=None)
    batch.post("resume")


def _kill(fault: Callable[..., None]) -> Action:
    return lambda batch, chance: fault(batch.site, chance)


ACTIONS: dict[str, Action] = {
    "cancel": cancel,
    "pause": pause,
    "expire": expire,
    "max_calls": stop_by_calls,
    "max_cost": stop_by_cost,
    "SIGKILL worker": _kill(kill_worker_group),
    "SIGKILL worker child": _kill(kill_worker_child),
    "SIGKILL API": _kill(kill_api),
}
