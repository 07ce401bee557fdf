"""The database and the panel that the settings name, opened for a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Engine

from vivavoce.graders import Panel
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.verdicts import StoredVerdicts
from vivavoce.workers.panel_factory import open_panel

from .console import err


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    """Connections to the database, as it is."""
    engine = connect(settings.database)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_database(settings: Settings) -> Iterator[SessionFactory]:
    """Sessions of the database, brought to the newest schema."""
    with open_engine(settings) as engine:
        migrate(engine)
        yield sessions(engine)


@contextmanager
def open_recorded_panel(settings: Settings, database: SessionFactory) -> Iterator[Panel]:
    """The panel, with the verdicts that the database keeps; its judge ends with the context."""
    with ExitStack() as stack:
        with err.status("Starting the judge …"):
            panel = stack.enter_context(open_panel(settings, StoredVerdicts(database)))
        yield panel
