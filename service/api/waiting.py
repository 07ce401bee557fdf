"""Requests that wait for a report: one look into the database for all of them, a few times a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import anyio
from sqlalchemy.exc import SQLAlchemyError

from ..storage.engine import SessionFactory
from ..storage.repositories import GradingRepository

# Half of it is what a report comes late by on average.
POLL_SECONDS = 0.2
# Databases bound the values of one query.
_IDS_AT_ONCE = 500
_log = logging.getLogger(__name__)


class WaitingRequests:
    """The requests of this process that wait for gradings. All methods are called in one event loop."""

    def __init__(self, sessions: SessionFactory, is_stopping: Callable[[], bool]) -> None:
        self._sessions = sessions
        self._is_stopping = is_stopping
        self._events: dict[str, set[asyncio.Event]] = {}
        self._watcher: asyncio.Task[None] | None = None

    async def wait(self, grading_id: str, *, seconds: float) -> None:
        """Returns once the grading is finished, the service stops, or the time is up."""
        event = asyncio.Event()
        self._events.setdefault(grading_id, set()).add(event)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._forget(grading_id, event)

    def _forget(self, grading_id: str, event: asyncio.Event) -> None:
        events = self._events.get(grading_id, set())
        events.discard(event)
        if not events:
            self._events.pop(grading_id, None)

    async def _watch(self) -> None:
        """Wakes requests until none waits any more."""
        while self._events:
            ids = list(self._events)
            if not self._is_stopping():
                try:
                    ids = await anyio.to_thread.run_sync(self._find_finished, ids)
                except SQLAlchemyError as error:
                    _log.warning("requests wait although the database is unavailable (%s)", type(error).__name__)
                    ids = []
            for grading_id in ids:
                for event in self._events.get(grading_id, ()):
                    event.set()
            await asyncio.sleep(POLL_SECONDS)

    def _find_finished(self, ids: Sequence[str]) -> list[str]:
        finished: list[str] = []
        with self._sessions() as session:
            gradings = GradingRepository(session)
            for start in range(0, len(ids), _IDS_AT_ONCE):
                finished += gradings.finished_among(ids[start : start + _IDS_AT_ONCE])
        return finished
