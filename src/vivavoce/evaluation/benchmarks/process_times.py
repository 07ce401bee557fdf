"""Processor time of other processes, read from /proc; None where a system has none."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import sqlalchemy as sa

_PROC = Path("/proc")


def read_tree_seconds(root: int) -> float | None:
    """Returns the seconds of processor time of a process and all that it began and that still run."""
    children: dict[int, list[int]] = defaultdict(list)
    spent: dict[int, float] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            # The name before it may have spaces and brackets.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            # It ended meanwhile.
            continue
        pid = int(folder.name)
        children[int(fields[1])].append(pid)
        spent[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    if root not in spent:
        return None
    tree, seconds = [root], 0.0
    while tree:
        pid = tree.pop()
        seconds += spent[pid]
        tree += children[pid]
    return seconds


def find_database_process(engine: sa.Engine) -> int | None:
    """Returns the process that began all others of a PostgreSQL server, None if it runs elsewhere or is another."""
    if engine.dialect.name != "postgresql":
        return None
    with engine.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        try:
            fields = (_PROC / str(pid) / "stat").read_text()
        except OSError:
            return None
    return int(fields.rpartition(")")[2].split()[1]) if "(postgres)" in fields else None
