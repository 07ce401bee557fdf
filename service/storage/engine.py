"""Database connections: SQLite in WAL mode as the embedded default, PostgreSQL in production, with one interface."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import time
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
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import Session, sessionmaker

from .tenancy import bind_to

_MIGRATIONS = Path(__file__).parent / "migrations"
# A writer waits this long for the one before it.
_BUSY_MILLISECONDS = 30_000
# A worker of many threads has more transactions at a time than the usual pool has connections. Those beyond the pool
# are closed after each use, and opening one takes PostgreSQL longer than any transaction here.
_POOL_SIZE, _MAX_OVERFLOW = 16, 16
# Repetitions wait at random, at first up to this long.
_FIRST_WAIT_SECONDS = 0.05
# Marks connections that only read.
_READS = "vivavoce_reads"
START_SECONDS = 10.0
"""Seconds that a starting service waits for its database."""
T = TypeVar("T")
_log = logging.getLogger(__name__)


class SessionFactory:
    """Makes sessions whose objects stay readable after the commit.

    `factory()` is for reading and takes no lock on SQLite. `factory.begin()` is one transaction that may write.
    `factory.run(work)` is one that is retried while the database is unavailable. `factory.of(organisation)` makes
    sessions that see the rows of one organisation only.
    """

    def __init__(self, engine: sa.Engine, *, organisation_id: str | None = None) -> None:
        self.engine = engine
        info = bind_to(organisation_id) if organisation_id else {}
        self._reading = sessionmaker(engine.execution_options(**{_READS: True}), expire_on_commit=False, info=info)
        self._writing = sessionmaker(engine, expire_on_commit=False, info=info)
        self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        # Making a session factory costs more than a query.
        self._of_organisation: dict[str, SessionFactory] = {}

    def of(self, organisation_id: str) -> SessionFactory:
        """Returns the factory of sessions that see, and store, rows of one organisation only."""
        if organisation_id not in self._of_organisation:
            self._of_organisation[organisation_id] = SessionFactory(self.engine, organisation_id=organisation_id)
        return self._of_organisation[organisation_id]

    def __call__(self) -> Session:
        """Returns a session for reading, to be used as a context manager."""
        return self._reading()

    def begin(self) -> AbstractContextManager[Session]:
        """Returns a session in a transaction that is committed at the end, and rolled back on an error."""
        return self._writing.begin()

    @property
    def is_shared(self) -> bool:
        """Whether the database is a server, to which each statement is a round trip."""
        return self.engine.dialect.name == "postgresql"

    def connect_alone(self) -> sa.Connection:
        """Returns a connection on which each statement is a transaction of its own, to be used as a context manager."""
        return self._alone.connect()

    def run(self, work: Callable[[Session], T], *, patience_seconds: float = 30.0) -> T:
        """Returns what `work` returns; retries the whole transaction while the database is unavailable.

        `work` must be idempotent: a commit may have succeeded although its reply was lost. Raises the last error of the
        database after `patience_seconds`, and any other error of `work` at once.
        """

        def run_once() -> T:
            with self.begin() as session:
                return work(session)

        return _repeat_while_unavailable(run_once, patience_seconds)

    def read(self, work: Callable[[Session], T], *, patience_seconds: float = 30.0) -> T:
        """Returns what `work` reads; retries as `run` does."""

        def read_once() -> T:
            with self() as session:
                return work(session)

        return _repeat_while_unavailable(read_once, patience_seconds)


def _repeat_while_unavailable(run: Callable[[], T], patience_seconds: float) -> T:
    began = time.monotonic()
    # What succeeds at once, as nearly all does, needs none of the bookkeeping of repetitions.
    try:
        return run()
    except Exception as error:
        left_seconds = patience_seconds - (time.monotonic() - began)
        if left_seconds <= 0 or not is_unavailable(error):
            raise
        _log_unavailable(error)
    time.sleep(random.uniform(0.0, _FIRST_WAIT_SECONDS))
    for attempt in _retry_while_unavailable(left_seconds):
        with attempt:
            result = run()
    return result


def _retry_while_unavailable(patience_seconds: float) -> tenacity.Retrying:
    return tenacity.Retrying(
        stop=tenacity.stop_after_delay(patience_seconds),
        # Random, so that clients do not return all at once.
        wait=tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=1.0),
        retry=tenacity.retry_if_exception(is_unavailable),
        before_sleep=_log_retry,
        reraise=True,
    )


def _log_retry(state: tenacity.RetryCallState) -> None:
    assert state.outcome
    error = state.outcome.exception()
    assert error
    _log_unavailable(error)


def _log_unavailable(error: BaseException) -> None:
    cause = getattr(error, "orig", None) or error
    _log.warning("the database is unavailable, trying again: %s", str(cause).strip().partition("\n")[0])


def is_unavailable(error: BaseException) -> bool:
    """Returns whether an error says that the database cannot be reached or is locked, so that a retry may succeed."""
    orig = getattr(error, "orig", None)
    if isinstance(orig, sqlite3.Error):
        # A file cannot restart, only be locked.
        return "locked" in str(orig)
    return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError) or (
        isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    )


def connect(url: str) -> sa.Engine:
    """Returns an engine for the database, and creates the folder of a SQLite file if it is missing."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        # Tested before use, as the server may have restarted.
        engine = sa.create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=_POOL_SIZE,
            max_overflow=_MAX_OVERFLOW,
            # Those that are not needed now stay unused.
            pool_use_lifo=True,
            hide_parameters=True,
            json_serializer=_write_json,
        )
        event.listen(engine, "handle_error", _hide_row)
        return engine
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, hide_parameters=True, json_serializer=_write_json)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _hide_row(context: ExceptionContext) -> None:
    """Takes out of an error what PostgreSQL quotes of the row that it refused, such as an answer."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\nDETAIL:")[0], *error.args[1:])


def _write_json(value: Any) -> str:
    # SQLite would store NaN, PostgreSQL refuses it.
    return json.dumps(value, allow_nan=False)


def sessions(engine: sa.Engine) -> SessionFactory:
    """Returns the session factory for a database."""
    return SessionFactory(engine)


def migrate(engine: sa.Engine, *, patience_seconds: float = 0.0) -> None:
    """Migrates the database to the newest schema; waits up to `patience_seconds` for one that is starting.

    A schema that is newer than this version knows is left unchanged: newer schemas only add, so that an older version
    still works after a rollback.
    """
    config, known_schemas = _alembic_config(), known_revisions()
    for attempt in _retry_while_unavailable(patience_seconds):
        with attempt, engine.begin() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
            if present and present not in known_schemas:
                _log.warning(
                    "the database has a newer schema (%s) than this version knows: continuing with it", present
                )
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def known_revisions() -> frozenset[str]:
    """Returns the schema revisions that this version can migrate."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_alembic_config()).walk_revisions())


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver must not begin transactions itself; _begin_sqlite does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # Without FULL, a commit in WAL mode may not survive a power failure.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # Lock at the start: no writer comes between reading and writing.
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
