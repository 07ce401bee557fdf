"""Who holds a lease, said so that others on the same machine can see whether it still lives."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from functools import cache
from pathlib import Path


def current_worker_id() -> str:
    """Who holds a lease: where processes are counted, process, thread, and a word that no earlier one had."""
    return f"{_host_and_namespace()}:{os.getpid()}:{threading.get_native_id()}:{_process_nonce(os.getpid())}"


def has_ended(name: str) -> bool:
    """Whether a worker of that name was a process that can be seen from here and has ended."""
    place, _, rest = name.partition(":")
    process = rest.partition(":")[0]
    if place != _host_and_namespace() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
        return _is_defunct(int(process))
    except ProcessLookupError:
        return True
    except PermissionError:
        return False


def _is_defunct(process: int) -> bool:
    """Whether a process has ended and its parent has not noticed yet (Linux; elsewhere it counts as alive)."""
    try:
        described = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return described.rpartition(")")[2].split()[0] == "Z"


@cache
def _host_and_namespace() -> str:
    """Host and process namespace: two containers may share a name, and each counts its own processes."""
    namespace = Path("/proc/self/ns/pid")
    counted = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()[:20]}/{counted}"


@cache
def _process_nonce(process: int) -> str:
    return secrets.token_hex(4)
