"""Connections: SQLite in WAL mode as the embedded default, PostgreSQL in production, one way to use both."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MILLISECONDS = 30_000
_READS = "vivavoce_reads"


class SessionFactory:
    """Sessions whose objects stay readable after the commit.

    `factory()` reads: on SQLite it takes no lock, so nobody waits for it. `factory.begin()` is one
    transaction that may write.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._reading = sessionmaker(engine.execution_options(**{_READS: True}), expire_on_commit=False)
        self._writing = sessionmaker(engine, expire_on_commit=False)

    def __call__(self) -> Session:
        """A session for reading; use it as a context manager."""
        return self._reading()

    def begin(self) -> AbstractContextManager[Session]:
        """A session in a transaction, committed at the end and rolled back on an error."""
        return self._writing.begin()


def connect(url: str) -> sa.Engine:
    """An engine for the database; the folder of a SQLite file is made where it is missing."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def sessions(engine: sa.Engine) -> SessionFactory:
    """The sessions of a database."""
    return SessionFactory(engine)


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest schema."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # Transactions begin where _begin_sqlite says so.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # Take the write lock at the start: a transaction that reads and then writes never finds that
    # another got between.
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
