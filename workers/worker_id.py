"""Identifiers of lease owners, from which another process on the machine can see whether the owner still runs."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from functools import cache
from pathlib import Path


def current_worker_id() -> str:
    """The calling thread as a lease owner: host and process namespace, process, thread, and a random nonce.

    The nonce tells it from an earlier process with the same number. At most 64 characters, the width of the column.
    """
    return f"{_host_and_namespace()}:{os.getpid()}:{threading.get_native_id()}:{_process_nonce(os.getpid())}"


def has_ended(worker_id: str) -> bool:
    """Whether the worker's process ran on this host and namespace and has ended; False where that cannot be seen."""
    location, _, rest = worker_id.partition(":")
    process = rest.partition(":")[0]
    if location != _host_and_namespace() or not process.isdigit():
        return False
    try:
        # Signal 0 only checks that the process exists.
        os.kill(int(process), 0)
        return _is_defunct(int(process))
    except ProcessLookupError:
        return True
    except PermissionError:
        # It runs as another user.
        return False


def _is_defunct(process: int) -> bool:
    """Whether a process has ended but was not yet reaped by its parent (Linux; False on other systems)."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    # The name in brackets may itself contain blanks and brackets.
    return status.rpartition(")")[2].split()[0] == "Z"


@cache
def _host_and_namespace() -> str:
    """Host name and process namespace: containers may share a host name but count processes separately."""
    namespace = Path("/proc/self/ns/pid")
    inode = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()[:20]}/{inode}"


@cache
def _process_nonce(process: int) -> str:
    # Keyed by process: a forked child must not inherit it.
    return secrets.token_hex(4)
