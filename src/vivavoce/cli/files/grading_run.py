"""Grades what a file submitted, beside other processes that work on the same queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from vivavoce.graders import Panel
from vivavoce.service.gradings.lifecycle import find_open
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import OpenGrading
from vivavoce.workers.grading import RETRY_SECONDS, process_queue
from vivavoce.workers.worker_id import current_worker_id


def grade_waiting(
    grading_ids: Sequence[str],
    *,
    sessions: SessionFactory,
    panel: Panel,
    settings: Settings,
    on_finished: Callable[[], None],
    on_waiting: Callable[[str], None],
    patience_seconds: float,
) -> None:
    """Process the queue until every one of these gradings is finished.

    `on_finished` is called once per grading, `on_waiting` with the reason while the judge is unavailable or another
    process holds gradings. After `patience_seconds` without progress, by this process or by one that holds gradings,
    this returns and leaves the rest in the queue.
    """
    open_gradings = read_open(sessions, grading_ids)
    open_ids = set(open_gradings)
    for _ in range(len(grading_ids) - len(open_ids)):
        on_finished()

    def mark_finished(grading_id: str) -> None:
        # The queue may hold gradings of other files and of the API.
        if grading_id in open_ids:
            open_ids.discard(grading_id)
            on_finished()

    last_progress = time.monotonic()
    while open_ids:
        run = process_queue(sessions, panel, settings, owner=current_worker_id(), on_finished=mark_finished)
        before, open_gradings = open_gradings, read_open(sessions, grading_ids)
        for grading_id in open_ids - open_gradings.keys():
            mark_finished(grading_id)
        if run.finished or len(open_gradings) < len(before) or _signs_of_life(open_gradings) - _signs_of_life(before):
            last_progress = time.monotonic()
        elif time.monotonic() - last_progress > _limit_patience(open_gradings, patience_seconds, settings):
            return
        if open_ids:
            if reason := run.released_reason or describe_holders(open_gradings.values()):
                on_waiting(reason)
            time.sleep(min(1.0, RETRY_SECONDS))


def read_open(sessions: SessionFactory, grading_ids: Sequence[str]) -> Mapping[str, OpenGrading]:
    """Those of the gradings that are not finished, by id."""
    return {grading.id: grading for grading in sessions.read(lambda session: find_open(session, grading_ids))}


def describe_wait(grading: OpenGrading) -> str | None:
    """Why a grading is open, for the person who looks at the results; None if its own reason says it."""
    if grading.owner:
        since = f"{grading.changed_at:%Y-%m-%d %H:%M:%S} UTC"
        holder = f"worker {grading.owner}, since {since}"
        return f"another process is grading it ({holder}): run the same command again to pick up its result."
    return None if grading.reason else "it waits in the queue: run the same command again to grade it."


def describe_holders(gradings: Iterable[OpenGrading]) -> str | None:
    """Which other processes hold gradings; None without any."""
    owners = sorted({grading.owner for grading in gradings if grading.owner})
    return f"another process is grading some of the answers (worker {', '.join(owners)})" if owners else None


def _signs_of_life(gradings: Mapping[str, OpenGrading]) -> set[OpenGrading]:
    """What other processes hold; each claim and each renewed lease makes another value."""
    # One that was released by a failing judge shows no progress.
    return {grading for grading in gradings.values() if grading.owner and not grading.reason}


def _limit_patience(gradings: Mapping[str, OpenGrading], patience_seconds: float, settings: Settings) -> float:
    """A process that holds gradings gets the time of a lease to show that it still runs."""
    is_held = any(grading.owner for grading in gradings.values())
    return max(patience_seconds, settings.lease_seconds) if is_held else patience_seconds
