"""Dumps of PostgreSQL, with pg_dump and pg_restore.

The tools get the password in their environment, as other users can read command lines.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..errors import BackupError
from .fingerprint import Contents, read_contents

T = TypeVar("T")
# Schema that holds the old tables during a restore.
_ASIDE = "viva_replaced"
_LOCK_SECONDS = 10
# The SQLSTATE of a lock timeout.
_LOCK_NOT_AVAILABLE = "55P03"
# Connection parameters, and the variables of the tools for them.
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "application_name": "PGAPPNAME",
    "channel_binding": "PGCHANNELBINDING",
}


class PostgresDumper:
    """Dumps PostgreSQL with pg_dump and pg_restore."""

    file_name = "database.dump"

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _, address = engine.dialect.create_connect_args(engine.url)
        if unknown := sorted(set(address) - set(_VARIABLES) - {"context"}):
            raise BackupError(f"VIVA_DATABASE_URL has '{unknown[0]}', which pg_dump does not support: leave it out.")
        # The tools need none of our settings, and some are secret.
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VIVA_")},
            **{_VARIABLES[name]: str(value) for name, value in address.items() if name in _VARIABLES},
        }
        self._name = str(engine.url.database or "")

    def write_dump(self, target: Path, read_more: Callable[[sa.Connection], T]) -> tuple[Contents, T]:
        """See Dumper."""
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            server = int(connection.scalar(sa.text("SHOW server_version_num")) or 0) // 10_000
            tool = self._find_tool("pg_dump", at_least=server)
            snapshot = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
            options = [f"--snapshot={snapshot}", f"--file={target}", f"--exclude-schema={_ASIDE}"]
            # The snapshot lasts only while this transaction is open.
            with self._run_tool(tool, "--format=custom", "--no-owner", "--no-privileges", *options):
                return read_contents(connection), read_more(connection)

    def read_dump(self, dump: Path) -> None:
        """See Dumper."""

    @contextmanager
    def replace_database(self, dump: Path) -> Iterator[None]:
        """See Dumper. The old tables are kept in a schema of their own until the context ends."""
        tool = self._find_tool("pg_restore", at_least=0)
        self._set_aside()
        try:
            # Quoted as libpq reads connection strings.
            name = self._name.replace("\\", "\\\\").replace("'", "\\'")
            options = [f"--dbname=dbname='{name}'", "--single-transaction", "--exit-on-error"]
            with self._run_tool(tool, "--no-owner", "--no-privileges", *options, str(dump)):
                pass
            yield
        except BaseException:
            self._bring_back()
            raise
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {_ASIDE} CASCADE")

    def _set_aside(self) -> None:
        try:
            self._move_aside()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise BackupError("The database is in use: stop API and workers, then run this again.") from None

    def _move_aside(self) -> None:
        with self._engine.begin() as connection:
            if _ASIDE in sa.inspect(connection).get_schema_names():
                raise BackupError(
                    f"A restore was interrupted, and the tables from before it are in the schema '{_ASIDE}': move them "
                    "back or drop the schema, then run this again."
                )
            connection.exec_driver_sql(f"CREATE SCHEMA {_ASIDE}")
            _move_objects(connection, from_schema=_current_schema(connection), to_schema=_ASIDE)

    def _bring_back(self) -> None:
        with self._engine.begin() as connection:
            home = _current_schema(connection)
            for kind, name in _list_objects(connection, home):
                connection.exec_driver_sql(f"DROP {kind} IF EXISTS {name} CASCADE")
            _move_objects(connection, from_schema=_ASIDE, to_schema=home)
            connection.exec_driver_sql(f"DROP SCHEMA {_ASIDE}")

    def _find_tool(self, name: str, *, at_least: int) -> str:
        """Returns the path of a tool. Raises BackupError if it is missing or older than version `at_least`."""
        tool = shutil.which(name)
        if tool is None:
            raise BackupError(f"{name} is missing: install the package postgresql-client.")
        shown = subprocess.run([tool, "--version"], env=self._environment, capture_output=True, text=True, check=False)
        version = re.search(r"\) (\d+)", shown.stdout)
        if version is None:
            raise BackupError(f"{name} does not show its version: {_last_line(shown.stderr)}.")
        if int(version[1]) < at_least:
            raise BackupError(
                f"{name} has version {version[1]}, older than the server's {at_least}: install postgresql-client-"
                f"{at_least} or newer."
            )
        return tool

    @contextmanager
    def _run_tool(self, tool: str, *options: str) -> Iterator[None]:
        """Runs a tool beside the context and waits for it at the end. Raises BackupError if it fails."""
        # A file, as a pipe that nobody reads would fill up.
        with tempfile.TemporaryFile("w+") as errors:
            child = subprocess.Popen([tool, *options], env=self._environment, stdin=subprocess.DEVNULL, stderr=errors)
            try:
                yield
            except BaseException:
                child.kill()
                raise
            finally:
                status = child.wait()
            errors.seek(0)
            if status:
                raise BackupError(f"{Path(tool).name} failed: {_last_line(errors.read())}.")


def _current_schema(connection: sa.Connection) -> str:
    return str(connection.scalar(sa.text("SELECT quote_ident(current_schema())")))


def _list_objects(connection: sa.Connection, schema: str) -> list[tuple[str, str]]:
    """Lists the tables and functions of a schema, as `TABLE` or `FUNCTION` and full name, without extensions."""
    not_of_extension = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
    tables = connection.exec_driver_sql(
        f"SELECT o.oid::regclass::text FROM pg_class o WHERE relnamespace = '{schema}'::regnamespace "
        f"AND relkind IN ('r', 'p') AND {not_of_extension} ORDER BY 1"
    ).scalars()
    functions = connection.exec_driver_sql(
        f"SELECT o.oid::regprocedure::text FROM pg_proc o WHERE pronamespace = '{schema}'::regnamespace "
        f"AND {not_of_extension} ORDER BY 1"
    ).scalars()
    return [*(("TABLE", name) for name in tables), *(("FUNCTION", name) for name in functions)]


def _move_objects(connection: sa.Connection, *, from_schema: str, to_schema: str) -> None:
    # Fails soon while the service still uses a table.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    for kind, name in _list_objects(connection, from_schema):
        connection.exec_driver_sql(f"ALTER {kind} {name} SET SCHEMA {to_schema}")


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        return "it gave no reason"
    return lines[-1].removeprefix("pg_dump: ").removeprefix("pg_restore: ").rstrip(".")
