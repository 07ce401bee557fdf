"""`viva backup` and `viva restore`: backups of the database in a folder."""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from vivavoce.service.backups import backup as backups
from vivavoce.service.backups.manifest import Backup
from vivavoce.service.errors import ServiceError
from vivavoce.service.observability.logs import configure_logs
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect

from ..output.console import out
from ..resources import open_engine

restore_app = typer.Typer(add_completion=False)
app = typer.Typer(add_completion=False, no_args_is_help=True, help="Create, list and check backups of the database.")
_log = logging.getLogger(__name__)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the backups.")]
BackupArgument = Annotated[Path, typer.Argument(metavar="BACKUP", help="A backup: one of the folders in DIR.")]


@app.command("create")
def create_backup(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder to write the backup into.")],
    keep: Annotated[int, typer.Option(min=1, help="Keep this many of the newest backups, remove the others.")] = 14,
    every: Annotated[
        float | None, typer.Option(min=1, help="Repeat after this many seconds, until SIGTERM or SIGINT.")
    ] = None,
) -> None:
    """Take a backup; the service may keep running.

    With --every, the first backup is taken when the newest in DIR is old enough. A backup that fails is logged, and
    the next one is taken at its usual time; 'viva backup check' reports how old the newest complete one is.
    """
    settings = Settings()
    if every is not None:
        _repeat_backups(settings, to, keep=keep, every=every)
    with open_engine(settings) as engine:
        backup = backups.create(engine, to, keep=keep)
    out.print(f"{backup.folder}: {_describe_backup(backup)}", highlight=False, soft_wrap=True)


def _repeat_backups(settings: Settings, folder: Path, *, keep: int, every: float) -> NoReturn:
    """Take backups until a signal ends the process."""
    # Unlike a plain SIGTERM, an exit removes half a backup.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure_logs(settings.log_format, level=settings.log_level)
    engine = connect(settings.database)
    existing = backups.backups(folder)
    # A container in a restart loop must not push out good backups.
    time.sleep(max(every - existing[-1].age_seconds(), 0.0) if existing else 0.0)
    while True:
        started = time.monotonic()
        try:
            backup = backups.create(engine, folder, keep=keep)
        except (ServiceError, SQLAlchemyError, OSError) as error:
            cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            _log.error("the backup failed, trying again in %.0f s: %s", every, cause)
        else:
            _log.info("backup %s: %s", backup.folder.name, _describe_backup(backup))
        time.sleep(max(every - (time.monotonic() - started), 0.0))


@app.command("list")
def list_backups(folder: FolderArgument) -> None:
    """Show the complete backups in a folder and the age of the newest."""
    table = Table("backup", "taken (UTC)", "database", "schema", "rows", "MiB", "head of the audit trail")
    complete = backups.backups(folder)
    for backup in complete:
        manifest = backup.manifest
        table.add_row(
            backup.folder.name,
            f"{manifest.taken_at:%Y-%m-%d %H:%M:%S}",
            manifest.database,
            manifest.schema_revision,
            str(sum(contents.rows for contents in manifest.tables.values())),
            _format_mib(manifest.dump_bytes),
            " ".join(f"{name} {head[:24]}…" for name, head in manifest.audit_heads.items()),
        )
    out.print(table)
    age = f"the newest is {complete[-1].age_seconds():.0f} s old" if complete else "there is no backup"
    out.print(f"{len(complete)} complete backups; {age}", highlight=False)


@app.command("verify")
def verify_backup(backup: BackupArgument) -> None:
    """Check that no byte of a backup has changed.

    Only 'viva restore' can show that it can also be restored.
    """
    intact = backups.verify(backup)
    out.print(f"{intact.folder.name} is intact: {_describe_backup(intact)}", highlight=False, soft_wrap=True)
    for name, head in intact.manifest.audit_heads.items():
        out.print(f"head of the audit trail of {name}: {head}", highlight=False, soft_wrap=True)


@app.command("check")
def check_age(
    folder: FolderArgument,
    max_age: Annotated[float, typer.Option(min=1, help="How old the newest complete backup may be, in seconds.")],
) -> None:
    """Check the age of the newest complete backup.

    Exit status 1 if it is older than --max-age, or if there is none.
    """
    complete = backups.backups(folder)
    if not complete:
        out.print(f"There is no complete backup in {folder}.", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    age = complete[-1].age_seconds()
    out.print(
        f"{complete[-1].folder.name} is {age:.0f} s old, at most {max_age:.0f} s are allowed.",
        highlight=False,
        soft_wrap=True,
    )
    if age > max_age:
        raise typer.Exit(1)


@restore_app.command()
def restore_backup(
    backup: BackupArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the database holds.")] = False,
) -> None:
    """Restore a backup and compare the database with it.

    Stop the API and the workers first. Every table and the audit trail are compared with what was backed up. If
    anything differs, the exit status is 1 and the database stays as it was.
    """
    with open_engine(Settings()) as engine:
        restored = backups.restore(engine, backup, replace=yes)
    if restored.differences:
        table = Table("what", "backed up", "restored", title="The restored database differs from the backup")
        for difference in restored.differences:
            table.add_row(*(escape(text) for text in (difference.what, difference.expected, difference.found)))
        out.print(table)
        out.print("The database is as it was before.", highlight=False)
        raise typer.Exit(1)
    for name, rows in restored.replaced.items():
        out.print(f"replaced: {rows} rows in {name}", highlight=False)
    out.print(f"Restored and identical: {_describe_backup(backups.read(backup))}", highlight=False, soft_wrap=True)


def _describe_backup(backup: Backup) -> str:
    rows = ", ".join(f"{count} in {name}" for name, count in backup.manifest.contents.row_counts.items())
    return f"rows {rows or 'none'}; {_format_mib(backup.manifest.dump_bytes)} MiB"


def _format_mib(size: int) -> str:
    return f"{size / 2**20:.1f}"
