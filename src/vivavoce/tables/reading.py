"""Reads the table in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .model import Table, TableError


def read_table(
    path: Path, *, encoding: str | None = None, sheet: str | None = None, columns: Mapping[str, str] | None = None
) -> Table:
    """The table in a file; raises TableError when the whole file cannot be read.

    `columns` names the headings of fields, where the headings do not say it themselves. `sheet` is a name or a number.
    """
    raise TableError(f"{path} cannot be read yet.")


def require_fields(path: Path, table: Table, fields: Sequence[str]) -> None:
    """Raises TableError when the table lacks the column of a field, or has several for it."""
    raise TableError(f"{path} cannot be read yet.")
