"""Requests that wait for events: one look into the database for all of them, a few times a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import anyio
from sqlalchemy.exc import SQLAlchemyError

from ..storage.engine import SessionFactory
from ..storage.repositories import EventRepository

# Half of it is what an event comes late by on average.
POLL_SECONDS = 0.2
_log = logging.getLogger(__name__)


class EventWatcher:
    """The requests of this process that wait for events. All methods are called in one event loop."""

    def __init__(self, sessions: SessionFactory, is_stopping: Callable[[], bool]) -> None:
        self._sessions = sessions
        self.is_stopping = is_stopping
        self._waiters: dict[str, dict[asyncio.Event, int]] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, organisation_id: str, after: int, *, seconds: float) -> None:
        """Returns once the log of an organisation goes beyond a number, the service stops, or the time is up."""
        event = asyncio.Event()
        self._waiters.setdefault(organisation_id, {})[event] = after
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._forget(organisation_id, event)

    def _forget(self, organisation_id: str, event: asyncio.Event) -> None:
        waiters = self._waiters.get(organisation_id, {})
        waiters.pop(event, None)
        if not waiters:
            self._waiters.pop(organisation_id, None)

    async def _watch(self) -> None:
        """Wakes requests until none waits any more."""
        while self._waiters:
            newest: dict[str, int] = {}
            if not self.is_stopping():
                try:
                    newest = dict(await anyio.to_thread.run_sync(self._read_newest, list(self._waiters)))
                except SQLAlchemyError as error:
                    _log.warning("readers of events wait: the database is unavailable (%s)", type(error).__name__)
            self._wake(newest)
            await asyncio.sleep(POLL_SECONDS)

    def _wake(self, newest: dict[str, int]) -> None:
        for organisation_id, waiters in self._waiters.items():
            for event, after in waiters.items():
                if self.is_stopping() or newest.get(organisation_id, 0) > after:
                    event.set()

    def _read_newest(self, organisation_ids: list[str]) -> dict[str, int]:
        with self._sessions() as session:
            return dict(EventRepository(session).last_sequences(organisation_ids))
