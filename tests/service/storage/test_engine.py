from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import vivavoce.service.storage.engine as storage
from vivavoce.service.storage.tables import Base


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


def test_a_version_that_was_taken_back_goes_on_with_the_newer_schema(
    empty: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    storage.migrate(empty)
    with empty.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    storage.migrate(empty)
    assert "newer schema (9999)" in caplog.text


def test_migrations_can_be_run_again_undone_and_run_once_more(empty: sa.Engine) -> None:
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
