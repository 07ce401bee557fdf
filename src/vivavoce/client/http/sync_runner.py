"""Carries out the steps of operations, blocking."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

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


class SyncRunner:
    """Sends over a pool of connections, which `close` closes."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self._http = httpx2.Client(headers=list_headers(settings), trust_env=not is_local(settings.url))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def run(self, steps: Steps[T]) -> T:
        """Carries out all steps and returns their result."""
        drive, result, error = Drive(steps), None, None
        while (step := drive.advance(result, error)) is not DONE:
            result, error = self._attempt(step)
        value: T = drive.value
        return value

    def iterate(self, items: Items[T]) -> Iterator[T]:
        """Carries out steps and yields the items; what is open is closed when the caller stops."""
        drive, result, error = Drive(items), None, None
        with ExitStack() as opened:
            while (step := drive.advance(result, error)) is not DONE:
                result, error = None, None
                if isinstance(step, Emit):
                    yield step.item
                    continue
                result, error = self._attempt(step)
                if isinstance(result, OpenedReply):
                    opened.pop_all().close()
                    opened.callback(result.response.close)

    def _attempt(self, step: Step) -> tuple[Any, ClientError | None]:
        try:
            return self._perform(step), None
        except FAILURES as failure:
            return None, to_client_error(failure, self.settings.url)
        except ClientError as failure:
            return None, failure

    def _perform(self, step: Step) -> Any:
        match step:
            case Request():
                return self.run(send_patiently(step, patience_seconds=self.settings.patience_seconds))
            case Open():
                return self.run(open_patiently(step, patience_seconds=self.settings.patience_seconds))
            case Send():
                return self._http.send(build_request(self._http, step.request, self.settings))
            case OpenOnce():
                return self._open(step)
            case ReadNext():
                return next(step.reply.parts, None)
            case Close():
                return step.reply.response.close()
            case Sleep():
                return time.sleep(step.seconds)
            case AskPatience():
                return self.settings.patience_seconds

    def _open(self, step: OpenOnce) -> OpenedReply:
        response = self._http.send(build_request(self._http, step.request, self.settings), stream=True)
        if response.is_success:
            return open_parts(response, as_events=step.as_events, is_async=False)
        try:
            response.read()
        finally:
            response.close()
        return OpenedReply(response, None)
