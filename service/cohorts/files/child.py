"""Runs one function in a process of its own, with limits of memory and time, so that no file can stop the service."""

from __future__ import annotations

import multiprocessing
import resource
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar, cast

T = TypeVar("T")
# Files that are read at once; others wait.
_AT_ONCE = threading.BoundedSemaphore(2)
MOST_SECONDS = 120.0
_ENDED_BY_ERROR = 1
_MOST_BYTES = 1536 * 1024 * 1024
_CONTEXT = multiprocessing.get_context("forkserver")
# Loaded once by the server of processes, so that a child starts at once.
_CONTEXT.set_forkserver_preload(["vivavoce.service.cohorts.files.jobs"])


class ChildStopped(Exception):
    """The process took too much memory or time, or ended by an error, which it printed."""

    def __init__(self, *, is_error: bool) -> None:
        super().__init__()
        self.is_error = is_error


def run_in_child(work: Callable[..., T], *arguments: Any, seconds: float = MOST_SECONDS) -> T:
    """What a function of a module gives; raises ChildStopped if the process ended before."""
    with _AT_ONCE:
        receiver, sender = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(target=_work, args=(sender, work, arguments), daemon=True)
        process.start()
        sender.close()
        try:
            if not receiver.poll(seconds):
                raise ChildStopped(is_error=False)
            return cast(T, receiver.recv())
        except EOFError:
            process.join()
            raise ChildStopped(is_error=process.exitcode == _ENDED_BY_ERROR) from None
        finally:
            receiver.close()
            process.kill()
            process.join()
            process.close()


def _work(sender: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    # Ends it even if the service has been killed.
    resource.setrlimit(resource.RLIMIT_CPU, (round(MOST_SECONDS), round(MOST_SECONDS)))
    try:
        sender.send(work(*arguments))
    except MemoryError:
        sender.close()
