"""Processor seconds and memory of a service with all its processes, from /proc."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAUSE_SECONDS = 0.1
_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass
class Use:
    """What a service took while a step ran: processor seconds, and its memory in MiB before and at its most."""

    idle_mib: float
    processor_seconds: float = 0.0
    peak_mib: float = 0.0


def find_tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(*_GONE):
                found += [int(child) for child in task.read_text().split()]
    return found


@contextlib.contextmanager
def watch(pid: int) -> Iterator[Use]:
    """Measure the processes of a service until the context ends; figures stand in the result then."""
    use, stop = Use(_read_memory(pid)), threading.Event()
    _forget_peaks(pid)
    before = _read_processor_seconds(pid)

    def sample() -> None:
        while not stop.wait(_PAUSE_SECONDS):
            use.peak_mib = max(use.peak_mib, _read_memory(pid))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield use
    finally:
        stop.set()
        thread.join()
        use.processor_seconds = _read_processor_seconds(pid) - before
        # Samples miss short peaks; that of a single process is known exactly.
        use.peak_mib = max(use.peak_mib, _read_memory(pid), *map(_read_own_peak, find_tree(pid)))


def _read_processor_seconds(pid: int) -> float:
    """Seconds of the processes and of their children that have ended."""
    ticks = 0
    for one in find_tree(pid):
        with contextlib.suppress(*_GONE):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def _read_memory(pid: int) -> float:
    """Memory of all processes; what several share counts once."""
    return sum(_read_kib(one, "smaps_rollup", "Pss:") for one in find_tree(pid)) / 1024


def _read_own_peak(pid: int) -> float:
    return _read_kib(pid, "status", "VmHWM:") / 1024


def _read_kib(pid: int, file: str, name: str) -> int:
    with contextlib.suppress(*_GONE):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0


def _forget_peaks(pid: int) -> None:
    for one in find_tree(pid):
        with contextlib.suppress(*_GONE):
            Path(f"/proc/{one}/clear_refs").write_text("5")
