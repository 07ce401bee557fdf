"""Connections: SQLite in WAL mode as the embedded default, PostgreSQL in production, one way to use both."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import tenacity
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MILLISECONDS = 30_000
_READS = "vivavoce_reads"
START_SECONDS = 10.0
"""How long a service that starts waits for its database."""
T = TypeVar("T")
_log = logging.getLogger(__name__)


class SessionFactory:
    """Sessions whose objects stay readable after the commit.

    `factory()` reads: on SQLite it takes no lock, so nobody waits for it. `factory.begin()` is one
    transaction that may write, `factory.run(work)` one that is tried again when the database was away.
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

    def run(self, work: Callable[[Session], T], *, patience_seconds: float = 30.0) -> T:
        """What `work` returns, in a transaction that is begun again while the database cannot be reached.

        A commit may have succeeded although its reply was lost, so `work` must find out what is done
        already. Raises the last error of the database after `patience_seconds`.
        """
        for attempt in _tries(patience_seconds):
            with attempt, self.begin() as session:
                result = work(session)
        return result

    def read(self, work: Callable[[Session], T], *, patience_seconds: float = 30.0) -> T:
        """What `work` reads; see `run`."""
        for attempt in _tries(patience_seconds):
            with attempt, self() as session:
                result = work(session)
        return result


def _tries(patience_seconds: float) -> tenacity.Retrying:
    return tenacity.Retrying(
        stop=tenacity.stop_after_delay(patience_seconds),
        wait=tenacity.wait_random_exponential(multiplier=0.05, max=1.0),
        retry=tenacity.retry_if_exception(_is_away),
        before_sleep=_say_so,
        reraise=True,
    )


def _say_so(state: tenacity.RetryCallState) -> None:
    assert state.outcome
    error = state.outcome.exception()
    cause = getattr(error, "orig", None) or error
    _log.warning("the database did not answer, trying again: %s", str(cause).strip().partition("\n")[0])


def _is_away(error: BaseException) -> bool:
    orig = getattr(error, "orig", None)
    if isinstance(orig, sqlite3.Error):
        # A file has no server to come back; it can only be in use.
        return "locked" in str(orig)
    return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or (
        isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    )


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


def migrate(engine: sa.Engine, *, patience_seconds: float = 0.0) -> None:
    """Bring the database to the newest schema; one that is just starting is waited for so long.

    A schema that is newer still is left as it is: schemas only grow, so that a version can be taken back.
    """
    config, known = _alembic(), known_revisions()
    for attempt in _tries(patience_seconds):
        with attempt, engine.begin() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
            if present and present not in known:
                _log.warning("the database has a newer schema (%s) than this version knows: going on with it", present)
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def known_revisions() -> frozenset[str]:
    """The schemas that this version can bring to the newest."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions())


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


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
