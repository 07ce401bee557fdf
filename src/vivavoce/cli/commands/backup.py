"""`viva backup` and `viva restore`: the database, kept elsewhere and brought back."""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from vivavoce.service.backups import backup as backups
from vivavoce.service.errors import ServiceError
from vivavoce.service.observability.logs import configure_logs
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect

from ..console import out
from ..resources import open_engine

restore_app = typer.Typer(add_completion=False)
app = typer.Typer(add_completion=False, no_args_is_help=True, help="Backups of the database: take, list, check.")
_log = logging.getLogger(__name__)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of backups.")]
BackupArgument = Annotated[Path, typer.Argument(metavar="BACKUP", help="A backup: one of the folders in DIR.")]


@app.command()
def create(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder that backups are kept in.")],
    keep: Annotated[int, typer.Option(min=1, help="Remove all but so many of the newest.")] = 14,
    every: Annotated[
        float | None, typer.Option(min=1, help="Go on taking one after so many seconds, until SIGTERM.")
    ] = None,
) -> None:
    """Take a backup; work may go on meanwhile.

    With --every, the first is taken when the newest one there is old enough, and one that fails is logged and tried
    again at the next time: 'viva backup check' says how old the newest good one is.
    """
    settings = Settings()
    if every is None:
        with open_engine(settings) as engine:
            _say(backups.create(engine, to, keep=keep))
        return
    # What was begun is removed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure_logs(settings.log_format, level=settings.log_level)
    engine = connect(settings.database)
    there = backups.backups(to)
    time.sleep(max(every - there[-1].age_seconds(), 0.0) if there else 0.0)
    while True:
        began = time.monotonic()
        try:
            taken = backups.create(engine, to, keep=keep)
        except (ServiceError, SQLAlchemyError, OSError) as error:
            cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            _log.error("no backup was taken, trying again in %.0f s: %s", every, cause)
        else:
            _log.info("backup %s: %s", taken.folder.name, _figures(taken))
        time.sleep(max(every - (time.monotonic() - began), 0.0))


@app.command("list")
def list_backups(folder: FolderArgument) -> None:
    """Show the whole backups in a folder, and how old the newest is."""
    table = Table("backup", "taken (UTC)", "database", "schema", "rows", "MiB", "head of the audit trail")
    found = backups.backups(folder)
    for each in found:
        manifest = each.manifest
        table.add_row(
            each.folder.name,
            f"{manifest.taken_at:%Y-%m-%d %H:%M:%S}",
            manifest.database,
            manifest.schema_revision,
            str(sum(one.rows for one in manifest.tables.values())),
            f"{manifest.dump_bytes / 2**20:.1f}",
            " ".join(f"{name} {head[:24]}…" for name, head in manifest.audit_heads.items()),
        )
    out.print(table)
    age = f"the newest is {found[-1].age_seconds():.0f} s old" if found else "there is no backup"
    out.print(f"{len(found)} whole backups; {age}", highlight=False)


@app.command()
def verify(backup: BackupArgument) -> None:
    """Check that a backup is byte for byte what was written; whether it can be restored, only a restore tells."""
    found = backups.verify(backup)
    out.print(f"{found.folder.name} is whole: {_figures(found)}", highlight=False, soft_wrap=True)
    for name, head in found.manifest.audit_heads.items():
        out.print(f"head of the audit trail of {name}: {head}", highlight=False, soft_wrap=True)


@app.command()
def check(
    folder: FolderArgument,
    max_age: Annotated[float, typer.Option(min=1, help="Seconds that the newest whole backup may be old.")],
) -> None:
    """Say how old the newest whole backup is; exit status 1 when that is too old, or there is none."""
    found = backups.backups(folder)
    if not found:
        out.print(f"There is no whole backup in {folder}.", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    age = found[-1].age_seconds()
    out.print(
        f"{found[-1].folder.name} is {age:.0f} s old, and may be {max_age:.0f} s old.", highlight=False, soft_wrap=True
    )
    if age > max_age:
        raise typer.Exit(1)


@restore_app.command()
def restore(
    backup: BackupArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the database holds.")] = False,
) -> None:
    """Bring a backup into the database, then compare every table, and the audit trail, with what was backed up.

    Stop the API and the workers first. Exit status 1 when anything differs: then the database is left as it was.
    """
    with open_engine(Settings()) as engine:
        found = backups.restore(engine, backup, replace=yes)
    if found.differences:
        table = Table("what", "backed up", "restored", title="The restored database differs from the backup")
        for difference in found.differences:
            table.add_row(*(escape(text) for text in (difference.what, difference.expected, difference.found)))
        out.print(table)
        out.print("The database is as it was before.", highlight=False)
        raise typer.Exit(1)
    for name, rows in found.replaced.items():
        out.print(f"replaced: {rows} rows in {name}", highlight=False)
    out.print(f"Restored and the same: {_figures(backups.read(backup))}", highlight=False, soft_wrap=True)


def _say(taken: backups.Backup) -> None:
    out.print(f"{taken.folder}: {_figures(taken)}", highlight=False, soft_wrap=True)


def _figures(backup: backups.Backup) -> str:
    rows = ", ".join(f"{count} in {name}" for name, count in backup.manifest.contents.row_counts.items())
    return f"rows {rows or 'none'}; {backup.manifest.dump_bytes / 2**20:.1f} MiB"
