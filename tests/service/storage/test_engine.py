from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import vivavoce.service.storage.engine as storage
from vivavoce.service.storage.tables import Base


def test_migrations_make_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    engine = storage.connect(f"sqlite:///{tmp_path / 'new' / 'a.db'}")
    storage.migrate(engine)
    made = sa.inspect(engine)
    for name, table in Base.metadata.tables.items():
        assert {column["name"] for column in made.get_columns(name)} == set(table.columns.keys())
    engine.dispose()


def test_migrations_can_be_run_again_and_undone(tmp_path: Path) -> None:
    engine = storage.connect(f"sqlite:///{tmp_path / 'a.db'}")
    storage.migrate(engine)
    storage.migrate(engine)
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(sa.inspect(engine).get_table_names()) <= {"alembic_version"}
    engine.dispose()


def test_sqlite_keeps_what_was_committed_and_checks_its_keys(tmp_path: Path) -> None:
    engine = storage.connect(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()
