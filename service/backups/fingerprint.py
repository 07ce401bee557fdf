"""The contents of a database as figures that can be compared: number of rows and a hash for each table."""

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
_ROWS_AT_ONCE = 500
_VERSIONS = "alembic_version"
# The migrations fill these tables themselves.
_FILLED_BY_MIGRATIONS = frozenset({_VERSIONS, "organisation"})


@dataclass(frozen=True)
class TableContents:
    """The number of rows of a table, and the sum of the SHA-256 of its rows modulo 2²⁵⁶, in hexadecimal.

    The sum does not depend on the order of the rows.
    """

    rows: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """The schema revision and the tables of a database."""

    schema: str
    tables: Mapping[str, TableContents]

    @property
    def row_counts(self) -> dict[str, int]:
        """Number of rows of each table that is not empty, without those that the migrations fill."""
        return {
            name: table.rows for name, table in self.tables.items() if table.rows and name not in _FILLED_BY_MIGRATIONS
        }


@dataclass(frozen=True)
class Difference:
    """A difference between the expected and the actual contents, in words; `what` names the table or part."""

    what: str
    expected: str
    found: str


def read_contents(connection: sa.Connection) -> Contents:
    """Reads the contents of a database in the connection's transaction, row by row.

    The tables are read from the database, not from this version's schema, so that older schemas work too. Raises
    ValueError if a value is not of its column's type, which SQLite permits.
    """
    metadata = sa.MetaData()
    metadata.reflect(connection)
    tables = {name: _read_table(connection, table) for name, table in sorted(metadata.tables.items())}
    return Contents(schema_revision(connection), tables)


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """Counts the rows of each table, without empty tables and those that the migrations fill."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    counts = {
        name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for name, table in sorted(metadata.tables.items())
        if name not in _FILLED_BY_MIGRATIONS
    }
    return {name: rows for name, rows in counts.items() if rows}


def schema_revision(connection: sa.Connection) -> str:
    """Returns the schema revision of a database; empty if it was never migrated."""
    if not sa.inspect(connection).has_table(_VERSIONS):
        return ""
    return str(connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(_VERSIONS))) or "")


def compare_contents(expected: Contents, actual: Contents) -> list[Difference]:
    """Lists what differs: the schema, then tables by name, each by presence, number of rows or hash."""
    differences = []
    if expected.schema != actual.schema:
        differences.append(Difference("schema", expected.schema, actual.schema))
    for name in sorted({*expected.tables, *actual.tables}):
        was, now = expected.tables.get(name), actual.tables.get(name)
        if was is None or now is None:
            differences.append(Difference(name, "there" if was else "missing", "there" if now else "missing"))
        elif was.rows != now.rows:
            differences.append(Difference(name, f"{was.rows} rows", f"{now.rows} rows"))
        elif was != now:
            # 16 of 64 digits are enough to see the difference.
            differences.append(Difference(name, f"rows with hash {was.sha256[:16]}", now.sha256[:16]))
    return differences


def _read_table(connection: sa.Connection, table: sa.Table) -> TableContents:
    # By name: migrations may leave columns in another order.
    names = sorted(column.name for column in table.columns)
    query = sa.select(*(table.columns[name] for name in names))
    count = total = 0
    with closing(connection.execution_options(stream_results=True, yield_per=_ROWS_AT_ONCE).execute(query)) as rows:
        for row in rows:
            text = json.dumps([_to_json_value(value) for value in row], sort_keys=True, separators=(",", ":"))
            total += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
            count += 1
    return TableContents(count, f"{total % _MODULUS:064x}")


def _to_json_value(value: Any) -> Any:
    """Converts a value for JSON: times to ISO 8601 in UTC, bytes to hexadecimal, other unknown types to text."""
    if isinstance(value, datetime):
        # SQLite returns times without a zone.
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if value is None or isinstance(value, str | int | float | dict | list):
        return value
    return str(value)
