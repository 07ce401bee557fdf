"""The two clients. They have the same operations: those of `Client` return, those of `AsyncClient` are awaited."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from .http.async_runner import AsyncRunner
from .http.operations import R, Resource
from .http.sync_runner import SyncRunner
from .resources.cohort_files import CohortFiles
from .resources.cohorts import Cohorts
from .resources.events import Events
from .resources.exports import Exports
from .resources.gradings import Gradings
from .resources.results import Results
from .resources.rubrics import Questions, Rubrics
from .resources.webhooks import Keys, Webhooks
from .settings import read_settings


class _Resources(Resource[R]):
    """The operations of a client, by resource."""

    def __init__(self, runner: R) -> None:
        super().__init__(runner)
        self.gradings = Gradings(runner)
        self.questions = Questions(runner)
        self.rubrics = Rubrics(runner)
        self.cohorts = Cohorts(runner)
        self.cohort_files = CohortFiles(runner)
        self.results = Results(runner)
        self.events = Events(runner)
        self.exports = Exports(runner)
        self.webhooks = Webhooks(runner)
        self.keys = Keys(runner)


class Client(_Resources[SyncRunner]):
    """Calls the API and waits for each reply; a context manager. Threads may share it.

    `url` and `key` are by default those in VIVA_URL and VIVA_KEY. `patience_seconds` is how long a request is tried
    again in all. Raises NotConfigured without a key. All errors of requests are ClientErrors.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        patience_seconds: float = 60.0,
        connect_seconds: float = 5.0,
        read_seconds: float = 30.0,
    ) -> None:
        settings = read_settings(
            url, key, patience_seconds=patience_seconds, connect_seconds=connect_seconds, read_seconds=read_seconds
        )
        super().__init__(SyncRunner(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._runner.close()


class AsyncClient(_Resources[AsyncRunner]):
    """Calls the API without blocking; an asynchronous context manager. See Client for the arguments."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        patience_seconds: float = 60.0,
        connect_seconds: float = 5.0,
        read_seconds: float = 30.0,
    ) -> None:
        settings = read_settings(
            url, key, patience_seconds=patience_seconds, connect_seconds=connect_seconds, read_seconds=read_seconds
        )
        super().__init__(AsyncRunner(settings))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._runner.close()
