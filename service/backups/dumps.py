"""Dumps of a database in one snapshot: the interface for both kinds of database, and the dumper for SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..errors import BackupError
from .fingerprint import Contents, read_contents
from .postgres_dumps import PostgresDumper

T = TypeVar("T")


class Dumper(Protocol):
    """Dumps one kind of database; `file_name` is the name of its dumps."""

    file_name: str

    def write_dump(self, target: Path, read_more: Callable[[sa.Connection], T]) -> tuple[Contents, T]:
        """Writes the database to a file; returns its contents and what `read_more` reads, from the same snapshot.

        Raises BackupError if that fails, and ValueError if a value is not of its column's type.
        """

    def read_dump(self, dump: Path) -> Contents | None:
        """Returns the contents of a dump, or None if only a restore can show them. Raises BackupError."""

    def replace_database(self, dump: Path) -> AbstractContextManager[None]:
        """Replaces the database by a dump; an error inside the context restores the old one. Raises BackupError."""


def choose_dumper(engine: sa.Engine) -> Dumper:
    """Returns the dumper for the database of an engine."""
    return PostgresDumper(engine) if engine.dialect.name == "postgresql" else SqliteDumper(engine)


class SqliteDumper:
    """Dumps SQLite with its backup interface; other processes may write meanwhile."""

    file_name = "database.sqlite"

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._path = Path(engine.url.database or "")

    def write_dump(self, target: Path, read_more: Callable[[sa.Connection], T]) -> tuple[Contents, T]:
        """See Dumper."""
        if not self._path.is_file():
            raise BackupError(f"There is no database at {self._path}: check VIVA_DATABASE_URL or VIVA_STATE_DIR.")
        _copy_database(self._path, target, leave_wal=True)
        with _open_read_only(target) as connection:
            return read_contents(connection), read_more(connection)

    def read_dump(self, dump: Path) -> Contents:
        """See Dumper."""
        try:
            with _open_read_only(dump) as connection:
                return read_contents(connection)
        except (DBAPIError, ValueError) as error:
            cause = getattr(error, "orig", None) or error
            raise BackupError(f"{dump} cannot be read as a database ({cause}).") from None

    @contextmanager
    def replace_database(self, dump: Path) -> Iterator[None]:
        """See Dumper; the present database is copied beside itself until all is well."""
        # Open connections would keep reading the old file.
        self._engine.dispose()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        former = self._path.with_name(f"{self._path.name}.before-restore")
        was_there = self._path.is_file()
        if was_there:
            _copy_database(self._path, former, leave_wal=True)
        try:
            _copy_database(dump, self._path)
            yield
        except BaseException:
            self._engine.dispose()
            if was_there:
                _copy_database(former, self._path)
            else:
                self._path.unlink(missing_ok=True)
            raise
        finally:
            former.unlink(missing_ok=True)


@contextmanager
def _open_read_only(dump: Path) -> Iterator[sa.Connection]:
    # Immutable: SQLite makes no files beside it.
    uri = f"file:{quote(str(dump.resolve()))}?mode=ro&immutable=1"
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def _copy_database(source: Path, target: Path, *, leave_wal: bool = False) -> None:
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)
        if leave_wal:
            # A single file, without a log beside it.
            writing.execute("PRAGMA journal_mode=DELETE")
