"""Opens the database and the panel of the settings for a command, and closes them after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Engine

from vivavoce.graders import Panel
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.verdicts import StoredVerdicts
from vivavoce.workers.panel_factory import open_panel

from .output.console import err


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    """The database as it is, with whatever schema it has."""
    engine = connect(settings.database)
    try:
        yield engine
    finally:
        # SQLite files are renamed and copied after a command.
        engine.dispose()


@contextmanager
def open_database(settings: Settings) -> Iterator[SessionFactory]:
    """Sessions of the database, migrated to the newest schema first."""
    with open_engine(settings) as engine:
        migrate(engine)
        yield sessions(engine)


@contextmanager
def open_recorded_panel(settings: Settings, database: SessionFactory) -> Iterator[Panel]:
    """The panel of the settings, which reads and keeps verdicts in the database; its judge ends with the context."""
    with ExitStack() as stack:
        # The status line ends once the judge is up.
        with err.status("Starting the judge …"):
            panel = stack.enter_context(open_panel(settings, StoredVerdicts(database)))
        yield panel


@contextmanager
def open_panel_and_database(settings: Settings) -> Iterator[Panel]:
    """The panel of the settings with its verdicts in the database, for commands that need no session of their own."""
    with open_database(settings) as database, open_recorded_panel(settings, database) as panel:
        yield panel
