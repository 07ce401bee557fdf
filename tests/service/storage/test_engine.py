from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session

import vivavoce.service.storage.engine as storage
from vivavoce.service.storage import clock
from vivavoce.service.storage.tables import Base, Grading, Organisation, Submission


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database of either kind with nothing in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'new' / 'a.db'}"
    else:
        url = request.getfixturevalue("postgres_server").create_database()
    engine = storage.connect(url)
    yield engine
    engine.dispose()


def test_migrations_make_the_tables_that_the_code_knows(empty: sa.Engine) -> None:
    storage.migrate(empty)
    made = sa.inspect(empty)
    for name, table in Base.metadata.tables.items():
        assert {column["name"] for column in made.get_columns(name)} == set(table.columns.keys())


def test_an_older_version_works_with_a_newer_schema(empty: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    storage.migrate(empty)
    with empty.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    storage.migrate(empty)
    assert "newer schema (9999)" in caplog.text


def test_migrations_are_repeated_and_undone(empty: sa.Engine) -> None:
    storage.migrate(empty)
    storage.migrate(empty)
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(sa.inspect(empty).get_table_names()) <= {"alembic_version"}
    storage.migrate(empty)
    assert set(Base.metadata.tables) < set(sa.inspect(empty).get_table_names())


def test_sqlite_keeps_what_was_committed_and_checks_its_keys(tmp_path: Path) -> None:
    engine = storage.connect(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def _locked() -> sa.exc.OperationalError:
    return sa.exc.OperationalError("BEGIN", {}, sqlite3.OperationalError("database is locked"))


class _ServerError(Exception):
    """An error of a driver that is not SQLite's."""


@pytest.mark.parametrize(
    "error",
    [
        _locked(),
        sa.exc.OperationalError("SELECT", {}, _ServerError("connection refused")),
        sa.exc.InterfaceError("SELECT", {}, _ServerError("connection closed")),
        sa.exc.DBAPIError("SELECT", {}, _ServerError("gone"), connection_invalidated=True),
    ],
)
@pytest.mark.parametrize("method", ["run", "read"])
def test_an_unavailable_database_is_tried_again(
    sqlite_database: storage.SessionFactory, error: Exception, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [error]

    def work(session: Session) -> int:
        if failures:
            raise failures.pop()
        return session.scalar(sa.text("SELECT 41 + 1")) or 0

    assert getattr(sqlite_database, method)(work) == 42
    assert "the database is unavailable, trying again" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a mistake"),
        sa.exc.OperationalError("SELECT", {}, sqlite3.OperationalError("no such table: x")),
        sa.exc.IntegrityError("INSERT", {}, _ServerError("duplicate key")),
        sa.exc.DBAPIError("SELECT", {}, _ServerError("syntax error")),
    ],
)
def test_other_errors_are_raised_at_once(sqlite_database: storage.SessionFactory, error: Exception) -> None:
    calls = []

    def work(session: Session) -> None:
        calls.append(session)
        raise error

    with pytest.raises(type(error)):
        sqlite_database.run(work)
    assert len(calls) == 1


def test_patience_ends_with_the_last_error(sqlite_database: storage.SessionFactory) -> None:
    def work(session: Session) -> None:
        raise _locked()

    with pytest.raises(sa.exc.OperationalError, match="locked"):
        sqlite_database.run(work, patience_seconds=0)


def test_a_failed_try_leaves_nothing_behind(sqlite_database: storage.SessionFactory) -> None:
    tries = []

    def work(session: Session) -> None:
        tries.append(len(tries))
        session.execute(sa.text(f"INSERT INTO organisation (id, created_at) VALUES ('o{tries[-1]}', '2020-01-01')"))
        if len(tries) == 1:
            raise _locked()

    sqlite_database.run(work)
    with sqlite_database() as session:
        names = session.scalars(sa.text("SELECT id FROM organisation ORDER BY id")).all()
    assert list(names) == ["default", "o1"]


def test_objects_stay_readable_after_the_commit(sqlite_database: storage.SessionFactory) -> None:
    with sqlite_database.begin() as session:
        organisation = Organisation(id="o", created_at=clock.now())
        session.add(organisation)
    assert organisation.id == "o"


def test_a_reader_does_not_wait_for_a_writer(sqlite_database: storage.SessionFactory) -> None:
    with sqlite_database.begin() as writer:
        writer.execute(sa.text("INSERT INTO organisation (id, created_at) VALUES ('o', '2020-01-01')"))
        with sqlite_database() as reader:
            assert reader.scalar(sa.text("SELECT count(*) FROM organisation")) == 1


def test_every_migration_is_known() -> None:
    files = (Path(storage.__file__).parent / "migrations" / "versions").glob("0*.py")
    assert len(storage.known_revisions()) == len(list(files)) > 5


def test_an_error_of_the_database_has_no_answer_in_it(empty: sa.Engine) -> None:
    storage.migrate(empty)
    # No column may be missing; SQLite looks for the organisation at the end only.
    row = {"id": None, "answer": "what Ada said", "organisation_id": "none", "answer_hash": "h"}
    with empty.begin() as connection, pytest.raises(sa.exc.DBAPIError) as error:
        connection.execute(sa.insert(Submission), {**row, "created_at": clock.now()})
    assert "INSERT INTO submission" in str(error.value)
    assert "what Ada said" not in str(error.value)


def test_gradings_of_an_earlier_schema_have_no_known_source(empty: sa.Engine) -> None:
    storage.migrate(empty)
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")
        made = "'2020-01-01 00:00:00'"
        for statement in (
            f"INSERT INTO submission VALUES ('s', 'default', NULL, 'a', 'h', NULL, {made})",
            f"INSERT INTO rubric_version VALUES ('v', 'default', 'q', 'en', 'c', 's', '{{}}', {made})",
            "INSERT INTO grading (id, organisation_id, submission_id, rubric_version_id, state, priority, attempt, "
            f"unanswered, fence, created_at, updated_at) VALUES ('g', 'default', 's', 'v', 'dead', 0, 1, 0, 0, {made}, "
            f"{made})",
        ):
            connection.exec_driver_sql(statement)
    storage.migrate(empty)
    with Session(empty) as session:
        grading = session.get_one(Grading, "g")
        assert (grading.rubric_source, grading.submission.answer) == (None, "a")
