"""How a database is written into a file in one snapshot, and read back: PostgreSQL by its own tools, SQLite by its own.

A password reaches the tools in their environment and stands on no command line.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..errors import BackupError
from .fingerprint import Contents, read_contents

T = TypeVar("T")
_ASIDE = "viva_replaced"
_LOCK_SECONDS = 10
_LOCK_NOT_AVAILABLE = "55P03"
# PostgreSQL's name for each part of an address, and that of the variable which its tools read.
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


class Dumper(Protocol):
    """One kind of database; `file_name` is what its dumps are called."""

    file_name: str

    def dump(self, target: Path, also: Callable[[sa.Connection], T]) -> tuple[Contents, T]:
        """Write the database into a file; its contents, and what `also` reads, are of the same snapshot.

        Raises BackupError, and ValueError when a value is not of its column's type.
        """

    def compare_dump(self, dump: Path) -> Contents | None:
        """The contents of a dump, None when it must be restored to be read. Raises BackupError."""

    def restored(self, dump: Path) -> AbstractContextManager[None]:
        """Put a dump in the place of what is there; an error inside brings that back. Raises BackupError."""


def dumper(engine: sa.Engine) -> Dumper:
    """What dumps the database of an engine."""
    return PostgresDumper(engine) if engine.dialect.name == "postgresql" else SqliteDumper(engine)


class SqliteDumper:
    """SQLite, by its backup interface: others may go on writing."""

    file_name = "database.sqlite"

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._path = Path(engine.url.database or "")

    def dump(self, target: Path, also: Callable[[sa.Connection], T]) -> tuple[Contents, T]:
        """See Dumper."""
        if not self._path.is_file():
            raise BackupError(f"There is no database at {self._path}: check VIVA_DATABASE_URL or VIVA_STATE_DIR.")
        _copy(self._path, target, leave_wal=True)
        with _reading(target) as connection:
            return read_contents(connection), also(connection)

    def compare_dump(self, dump: Path) -> Contents:
        """See Dumper."""
        try:
            with _reading(dump) as connection:
                return read_contents(connection)
        except (DBAPIError, ValueError) as error:
            cause = getattr(error, "orig", None) or error
            raise BackupError(f"{dump} cannot be read as a database ({cause}).") from None

    @contextmanager
    def restored(self, dump: Path) -> Iterator[None]:
        """See Dumper. The dump was read before: SQLite takes all of it or nothing, and nothing is set aside."""
        self._engine.dispose()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _copy(dump, self._path)
        yield


@contextmanager
def _reading(dump: Path) -> Iterator[sa.Connection]:
    where = f"file:{quote(str(dump.resolve()))}?mode=ro&immutable=1"
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(where, uri=True), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def _copy(source: Path, target: Path, *, leave_wal: bool = False) -> None:
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)
        if leave_wal:
            # One file, with nothing of it in others beside it.
            writing.execute("PRAGMA journal_mode=DELETE")


class PostgresDumper:
    """PostgreSQL, by pg_dump and pg_restore."""

    file_name = "database.dump"

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _, address = engine.dialect.create_connect_args(engine.url)
        if unknown := sorted(set(address) - set(_VARIABLES) - {"context"}):
            raise BackupError(f"VIVA_DATABASE_URL has '{unknown[0]}', which pg_dump cannot be told: leave it out.")
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VIVA_")},
            **{_VARIABLES[name]: str(value) for name, value in address.items() if name in _VARIABLES},
        }
        self._name = str(engine.url.database or "")

    def dump(self, target: Path, also: Callable[[sa.Connection], T]) -> tuple[Contents, T]:
        """See Dumper."""
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            server = int(connection.scalar(sa.text("SHOW server_version_num")) or 0) // 10_000
            tool = self._tool("pg_dump", at_least=server)
            snapshot = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
            options = [f"--snapshot={snapshot}", f"--file={target}", f"--exclude-schema={_ASIDE}"]
            # The tool reads the snapshot while we do, and as long as our transaction is open.
            with self._running(tool, "--format=custom", "--no-owner", "--no-privileges", *options):
                return read_contents(connection), also(connection)

    def compare_dump(self, dump: Path) -> None:
        """See Dumper."""

    @contextmanager
    def restored(self, dump: Path) -> Iterator[None]:
        """See Dumper. What is there stands aside in a schema of its own until all is well."""
        tool = self._tool("pg_restore", at_least=0)
        self._set_aside()
        try:
            name = self._name.replace("\\", "\\\\").replace("'", "\\'")
            options = [f"--dbname=dbname='{name}'", "--single-transaction", "--exit-on-error"]
            with self._running(tool, "--no-owner", "--no-privileges", *options, str(dump)):
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
                    f"A restore was interrupted, and what was there before is in the schema '{_ASIDE}': move it back "
                    "into place or drop it, then run this again."
                )
            connection.exec_driver_sql(f"CREATE SCHEMA {_ASIDE}")
            _move(connection, from_schema=_schema(connection), to_schema=_ASIDE)

    def _bring_back(self) -> None:
        with self._engine.begin() as connection:
            home = _schema(connection)
            for kind, name in _objects(connection, home):
                connection.exec_driver_sql(f"DROP {kind} IF EXISTS {name} CASCADE")
            _move(connection, from_schema=_ASIDE, to_schema=home)
            connection.exec_driver_sql(f"DROP SCHEMA {_ASIDE}")

    def _tool(self, name: str, *, at_least: int) -> str:
        found = shutil.which(name)
        if found is None:
            raise BackupError(f"{name} is missing: install the package postgresql-client.")
        said = subprocess.run([found, "--version"], env=self._environment, capture_output=True, text=True, check=False)
        version = re.search(r"\) (\d+)", said.stdout)
        if version is None:
            raise BackupError(f"{name} does not tell its version: {_last_line(said.stderr)}.")
        if int(version[1]) < at_least:
            raise BackupError(
                f"{name} is of version {version[1]}, older than the server's {at_least}: install postgresql-client-"
                f"{at_least} or newer."
            )
        return found

    @contextmanager
    def _running(self, tool: str, *options: str) -> Iterator[None]:
        """A tool at work; it has ended well when the context ends, or BackupError says why not."""
        with tempfile.TemporaryFile("w+") as said:
            child = subprocess.Popen([tool, *options], env=self._environment, stdin=subprocess.DEVNULL, stderr=said)
            try:
                yield
            except BaseException:
                child.kill()
                raise
            finally:
                status = child.wait()
            said.seek(0)
            if status:
                raise BackupError(f"{Path(tool).name} failed: {_last_line(said.read())}.")


def _schema(connection: sa.Connection) -> str:
    return str(connection.scalar(sa.text("SELECT quote_ident(current_schema())")))


def _objects(connection: sa.Connection, schema: str) -> list[tuple[str, str]]:
    """Tables and functions of a schema that belong to no extension, as `TABLE` or `FUNCTION` and full name."""
    own = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
    tables = connection.exec_driver_sql(
        f"SELECT o.oid::regclass::text FROM pg_class o WHERE relnamespace = '{schema}'::regnamespace "
        f"AND relkind IN ('r', 'p') AND {own} ORDER BY 1"
    ).scalars()
    functions = connection.exec_driver_sql(
        f"SELECT o.oid::regprocedure::text FROM pg_proc o WHERE pronamespace = '{schema}'::regnamespace "
        f"AND {own} ORDER BY 1"
    ).scalars()
    return [*(("TABLE", name) for name in tables), *(("FUNCTION", name) for name in functions)]


def _move(connection: sa.Connection, *, from_schema: str, to_schema: str) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    for kind, name in _objects(connection, from_schema):
        connection.exec_driver_sql(f"ALTER {kind} {name} SET SCHEMA {to_schema}")


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (
        lines[-1].removeprefix("pg_dump: ").removeprefix("pg_restore: ").rstrip(".") if lines else "it did not say why"
    )
