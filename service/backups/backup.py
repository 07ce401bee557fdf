"""Backups: folders that each hold a dump of the database and a manifest of its contents.

A backup is written under another name and renamed once it is on the disk, so that a folder with a backup's name is
complete. The newest few are kept.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce import __version__

from .. import audit
from ..audit import Broken, Head, Kind
from ..errors import BackupError
from ..storage import clock
from ..storage.engine import known_revisions, migrate, sessions
from ..storage.tables import AuditEvent, Organisation
from .dumps import choose_dumper
from .fingerprint import Difference, compare_contents, count_rows, read_contents
from .manifest import FORMAT, MANIFEST_NAME, Backup, Manifest, Table, hash_file, read_backup

_PARTIAL = ".partial"
_LOCK = ".lock"


@dataclass(frozen=True)
class Restored:
    """The result of a restore. If there are differences, the database was left as it was.

    `replaced` has the number of rows of each table before the restore.
    """

    replaced: dict[str, int]
    differences: tuple[Difference, ...]


def create(engine: sa.Engine, folder: Path, *, keep: int) -> Backup:
    """Takes a backup into a folder and deletes all but the newest `keep` backups there, at least one.

    Raises BackupError if the database cannot be dumped, or another backup is being taken into the folder.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock_folder(folder):
        # Nobody else writes here now, so these were interrupted.
        for leftover in folder.glob(f".*{_PARTIAL}"):
            shutil.rmtree(leftover)
        taken_at = clock.now()
        target = folder / f"viva-{taken_at:%Y%m%dT%H%M%S.%fZ}"
        partial = folder / f".{target.name}{_PARTIAL}"
        partial.mkdir(mode=0o700)
        try:
            manifest = _write_backup(engine, partial, taken_at)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _sync_to_disk(folder)
        details = {"dump_sha256": manifest.dump_sha256, "head": manifest.audit_heads}
        # Databases with an older schema have no trail.
        if AuditEvent.__tablename__ in manifest.tables:
            sessions(engine).run(
                lambda session: audit.append_event(
                    session, kind=Kind.BACKUP_TAKEN, subject=target.name, details=details
                )
            )
        _delete_old_backups(folder, keep=keep)
    return Backup(target, manifest)


def backups(folder: Path) -> list[Backup]:
    """Lists the complete backups in a folder, the oldest first."""
    complete = []
    for path in folder.glob("viva-*"):
        try:
            complete.append(read_backup(path))
        except BackupError:
            continue
    return sorted(complete, key=lambda backup: backup.manifest.taken_at)


def read(path: Path) -> Backup:
    """Reads the backup in a folder. Raises BackupError if there is none, or if it is incomplete."""
    return read_backup(path)


def verify(path: Path) -> Backup:
    """Reads the backup in a folder and checks the hash of its dump. Raises BackupError."""
    backup = read_backup(path)
    if hash_file(backup.dump) != backup.manifest.dump_sha256:
        raise BackupError(f"{path} is damaged: its dump does not have the SHA-256 that the manifest names.")
    return backup


def restore(engine: sa.Engine, path: Path, *, replace: bool = False) -> Restored:
    """Replaces the database by a backup, and compares the result with the manifest.

    If anything differs, the database is left as it was. Raises BackupError if the backup is damaged, has a newer schema
    or is of another kind of database, or if the database has rows and `replace` is not set.
    """
    backup = verify(path)
    manifest = backup.manifest
    if manifest.database != engine.dialect.name:
        raise BackupError(
            f"{path} is of {manifest.database}, and VIVA_DATABASE_URL names {engine.dialect.name}: they must agree."
        )
    if manifest.schema_revision not in known_revisions():
        raise BackupError(
            f"{path} has schema {manifest.schema_revision}, which this vivavoce ({__version__}) does not know: "
            f"restore it with {manifest.vivavoce} or newer."
        )
    present = contents_now(engine)
    if present and not replace:
        counted = ", ".join(f"{rows} in {name}" for name, rows in present.items())
        raise BackupError(f"The database is not empty ({counted}): replace all of it with --yes, or name another one.")
    dumper = choose_dumper(engine)
    # A readable dump shows differences before anything is replaced.
    dumped = dumper.read_dump(backup.dump)
    if dumped and (differences := compare_contents(manifest.contents, dumped)):
        return Restored(present, tuple(differences))
    try:
        with dumper.replace_database(backup.dump):
            _check_restored(engine, manifest)
    except _DiffersError as error:
        return Restored(present, error.differences)
    details = {"dump_sha256": manifest.dump_sha256, "head": manifest.audit_heads, "replaced": present}
    sessions(engine).run(
        lambda session: audit.append_event(
            session, kind=Kind.DATABASE_RESTORED, subject=backup.folder.resolve().name, details=details
        )
    )
    return Restored(present, ())


def contents_now(engine: sa.Engine) -> dict[str, int]:
    """Returns the number of rows of each table; empty for a database that was never used."""
    with engine.connect() as connection:
        return count_rows(connection)


class _DiffersError(Exception):
    """The restored database differs from the manifest."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__()
        self.differences = tuple(differences)


def _check_restored(engine: sa.Engine, manifest: Manifest) -> None:
    with engine.connect() as connection:
        differences = compare_contents(manifest.contents, read_contents(connection))
    if not differences:
        # Checking the trail needs the tables of this version.
        migrate(engine)
        with sessions(engine)() as session:
            differences = [
                Difference(f"audit trail of {name}", head, result.problem)
                for name, head in manifest.audit_heads.items()
                if isinstance(result := audit.verify(session, kept=Head.parse(head), organisation_id=name), Broken)
            ]
    if differences:
        raise _DiffersError(differences)


def _write_backup(engine: sa.Engine, partial: Path, taken_at: datetime) -> Manifest:
    dumper = choose_dumper(engine)
    dump = partial / dumper.file_name
    try:
        contents, heads = dumper.write_dump(dump, _read_heads)
    except ValueError as error:
        raise BackupError(f"A value in the database is not of its column's type ({error}).") from None
    if not contents.schema:
        raise BackupError("The database has no tables of vivavoce: run 'viva migrate' first, or check its address.")
    manifest = Manifest(
        format=FORMAT,
        vivavoce=__version__,
        database=engine.dialect.name,
        schema_revision=contents.schema,
        taken_at=taken_at,
        tables={name: Table(rows=table.rows, sha256=table.sha256) for name, table in contents.tables.items()},
        audit_heads=heads,
        dump_file=dump.name,
        dump_bytes=dump.stat().st_size,
        dump_sha256=hash_file(dump),
    )
    path = partial / MANIFEST_NAME
    path.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for written in (dump, path, partial):
        _sync_to_disk(written)
    return manifest


def _read_heads(connection: sa.Connection) -> dict[str, str]:
    """Reads the head of every organisation's trail in the connection's transaction."""
    if not sa.inspect(connection).has_table(AuditEvent.__tablename__):
        return {}
    with Session(connection) as session:
        organisations = session.scalars(sa.select(Organisation.id).order_by(Organisation.id)).all()
        return {name: str(audit.head(session, organisation_id=name)) for name in organisations}


def _delete_old_backups(folder: Path, *, keep: int) -> None:
    for backup in backups(folder)[: -max(keep, 1)]:
        # Renamed first: a half-deleted folder must not pass for a backup.
        doomed = folder / f".{backup.folder.name}{_PARTIAL}"
        backup.folder.rename(doomed)
        shutil.rmtree(doomed)


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    # The system drops the lock when the process ends.
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup is being taken into {folder}: wait for its end.") from None
        yield


def _sync_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
