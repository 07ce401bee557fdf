"""What a database holds, in figures that can be compared: rows and a hash for each table, whatever their order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

_MODULUS = 2**256
_AT_ONCE = 500
_VERSIONS = "alembic_version"
# Made by the migrations themselves.
_ALWAYS_THERE = frozenset({_VERSIONS, "organisation"})


@dataclass(frozen=True)
class TableContents:
    """A table's number of rows, and the sum of its rows' SHA-256 modulo 2²⁵⁶: the same in whatever order they come."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """Schema revision and tables of a database."""

    schema: str
    tables: Mapping[str, TableContents]

    @property
    def row_counts(self) -> dict[str, int]:
        """Tables with rows that came with use."""
        return {name: table.rows for name, table in self.tables.items() if table.rows and name not in _ALWAYS_THERE}


def read_contents(connection: sa.Connection) -> Contents:
    """The contents as the connection's transaction sees them; rows are streamed.

    The tables are asked of the database, so that older schemas can be read too. Raises ValueError when a value is
    not of its column's type, as SQLite allows.
    """
    known = sa.MetaData()
    known.reflect(connection)
    tables = {name: _read_table(connection, table) for name, table in sorted(known.tables.items())}
    return Contents(schema_revision(connection), tables)


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """Tables with rows that came with use, and how many."""
    known = sa.MetaData()
    known.reflect(connection)
    found = {
        name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for name, table in sorted(known.tables.items())
        if name not in _ALWAYS_THERE
    }
    return {name: rows for name, rows in found.items() if rows}


def schema_revision(connection: sa.Connection) -> str:
    """The migration that the database is at; empty when there was none."""
    if not sa.inspect(connection).has_table(_VERSIONS):
        return ""
    return str(connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(_VERSIONS))) or "")


def _read_table(connection: sa.Connection, table: sa.Table) -> TableContents:
    names = sorted(column.name for column in table.columns)
    wanted = sa.select(*(table.columns[name] for name in names))
    rows = total = 0
    with closing(connection.execution_options(stream_results=True, yield_per=_AT_ONCE).execute(wanted)) as found:
        for row in found:
            text = json.dumps([_plain(value) for value in row], sort_keys=True, separators=(",", ":"))
            total += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
            rows += 1
    return TableContents(rows, f"{total % _MODULUS:064x}")


def _plain(value: Any) -> Any:
    """A value as JSON can hold it: times as ISO in UTC, bytes as hex, floats with all their digits."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if value is None or isinstance(value, str | int | float | dict | list):
        return value
    return str(value)
