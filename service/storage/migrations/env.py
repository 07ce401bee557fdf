"""Runs migrations on the connection it is handed, or on VIVA_DATABASE_URL from the alembic command."""

from __future__ import annotations

from alembic import context

from vivavoce.service.storage.engine import connect
from vivavoce.service.storage.tables import Base


def run() -> None:
    """Migrate in one transaction."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        from vivavoce.service.settings import Settings

        with connect(Settings().database).begin() as connection:
            _migrate(connection)
    else:
        _migrate(connection)


def _migrate(connection: object) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)  # type: ignore[arg-type]
    with context.begin_transaction():
        context.run_migrations()


run()
