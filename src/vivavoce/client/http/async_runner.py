"""Carries out the steps of operations, awaiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import anyio
import httpx2

from ..errors import ClientError
from ..settings import ClientSettings, is_local
from .failures import FAILURES, to_client_error
from .requests import (
    DONE,
    AskPatience,
    Close,
    Drive,
    Emit,
    Items,
    Open,
    OpenedReply,
    OpenOnce,
    ReadNext,
    Request,
    Send,
    Sleep,
    Step,
    Steps,
)
from .retries import open_patiently, send_patiently
from .wire import build_request, list_headers, open_parts

T = TypeVar("T")


class AsyncRunner:
    """Sends over a pool of connections, which `close` closes."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self._http = httpx2.AsyncClient(headers=list_headers(settings), trust_env=not is_local(settings.url))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def run(self, steps: Steps[T]) -> T:
        """Carries out all steps and returns their result."""
        drive, result, error = Drive(steps), None, None
        while (step := drive.advance(result, error)) is not DONE:
            result, error = await self._attempt(step)
        value: T = drive.value
        return value

    async def iterate(self, items: Items[T]) -> AsyncIterator[T]:
        """Carries out steps and yields the items; what is open is closed when the caller stops."""
        drive, result, error = Drive(items), None, None
        async with AsyncExitStack() as opened:
            while (step := drive.advance(result, error)) is not DONE:
                result, error = None, None
                if isinstance(step, Emit):
                    yield step.item
                    continue
                result, error = await self._attempt(step)
                if isinstance(result, OpenedReply):
                    await opened.pop_all().aclose()
                    opened.push_async_callback(result.response.aclose)

    async def _attempt(self, step: Step) -> tuple[Any, ClientError | None]:
        try:
            return await self._perform(step), None
        except FAILURES as failure:
            return None, to_client_error(failure, self.settings.url)
        except ClientError as failure:
            return None, failure

    async def _perform(self, step: Step) -> Any:
        match step:
            case Request():
                return await self.run(send_patiently(step, patience_seconds=self.settings.patience_seconds))
            case Open():
                return await self.run(open_patiently(step, patience_seconds=self.settings.patience_seconds))
            case Send():
                return await self._http.send(build_request(self._http, step.request, self.settings))
            case OpenOnce():
                return await self._open(step)
            case ReadNext():
                return await anext(step.reply.parts, None)
            case Close():
                return await step.reply.response.aclose()
            case Sleep():
                return await anyio.sleep(step.seconds)
            case AskPatience():
                return self.settings.patience_seconds

    async def _open(self, step: OpenOnce) -> OpenedReply:
        response = await self._http.send(build_request(self._http, step.request, self.settings), stream=True)
        if response.is_success:
            return open_parts(response, as_events=step.as_events, is_async=True)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return OpenedReply(response, None)
