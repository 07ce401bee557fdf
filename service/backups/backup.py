"""Backups: a folder each, with a dump of the database and a manifest that says what must be in it.

A backup is made under another name and renamed when every byte is on the disk, so that what carries a backup's name is
whole. The newest few are kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydantic
import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce import __version__

from .. import audit
from ..audit import Broken, Head, Kind
from ..errors import BackupError
from ..storage import clock
from ..storage.engine import known_revisions, migrate, sessions
from ..storage.tables import AuditEvent, Organisation
from .dumps import dumper
from .fingerprint import Contents, TableContents, count_rows, read_contents

FORMAT = 1
_MANIFEST = "manifest.json"
_PARTIAL = ".partial"
_LOCK = ".lock"


class Table(pydantic.BaseModel):
    """What a table had; see TableContents."""

    rows: int
    sha256: str


class Manifest(pydantic.BaseModel):
    """What is in a backup, as it was when the dump was made."""

    format: int
    vivavoce: str
    database: str
    schema_revision: str
    taken_at: datetime
    tables: dict[str, Table]
    audit_heads: dict[str, str]
    """The end of each organisation's audit trail."""
    dump_file: str
    dump_bytes: int
    dump_sha256: str

    @property
    def contents(self) -> Contents:
        """What the database held."""
        tables = {name: TableContents(table.rows, table.sha256) for name, table in self.tables.items()}
        return Contents(self.schema_revision, tables)


@dataclass(frozen=True)
class Backup:
    """A backup that is there in full: its folder and its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def dump(self) -> Path:
        """The file with the database in it."""
        return self.folder / self.manifest.dump_file

    def age_seconds(self) -> float:
        """How long ago it was taken."""
        return (clock.now() - self.manifest.taken_at).total_seconds()


@dataclass(frozen=True)
class Difference:
    """What a restored database has otherwise than its backup."""

    what: str
    expected: str
    found: str


@dataclass(frozen=True)
class Restored:
    """What became of a restore: nothing differs, or the database is as it was before."""

    replaced: dict[str, int]
    differences: tuple[Difference, ...]


def create(engine: sa.Engine, folder: Path, *, keep: int) -> Backup:
    """Take a backup into a folder, and remove all but the newest `keep` of those there. Raises BackupError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(folder):
        for leftover in folder.glob(f".*{_PARTIAL}"):
            shutil.rmtree(leftover)
        taken_at = clock.now()
        target = folder / f"viva-{taken_at:%Y%m%dT%H%M%S.%fZ}"
        partial = folder / f".{target.name}{_PARTIAL}"
        partial.mkdir(mode=0o700)
        try:
            manifest = _write(engine, partial, taken_at)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _sync(folder)
        backup = Backup(target, manifest)
        details = {"dump_sha256": manifest.dump_sha256, "head": manifest.audit_heads}
        if AuditEvent.__tablename__ in manifest.tables:
            sessions(engine).run(
                lambda session: audit.append(session, kind=Kind.BACKUP_TAKEN, subject=target.name, details=details)
            )
        _retire(folder, keep=keep)
    return backup


def backups(folder: Path) -> list[Backup]:
    """The whole backups in a folder, the oldest first; what is half-written or lacks its dump is none."""
    found = []
    for place in folder.glob("viva-*"):
        try:
            found.append(read(place))
        except BackupError:
            continue
    return sorted(found, key=lambda backup: backup.manifest.taken_at)


def read(place: Path) -> Backup:
    """The backup in a folder; raises BackupError when there is none, or only a part of one."""
    path = place / _MANIFEST if place.is_dir() else place
    if path.name != _MANIFEST or not path.is_file():
        raise BackupError(f"{place} is no backup: name a folder that 'viva backup list' shows.")
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except pydantic.ValidationError:
        raise BackupError(f"{path} is damaged: it cannot be read as the manifest of a backup.") from None
    if manifest.format != FORMAT:
        raise BackupError(f"{place} has format {manifest.format}, and this vivavoce reads {FORMAT}: use a newer one.")
    backup = Backup(path.parent, manifest)
    if Path(manifest.dump_file).name != manifest.dump_file or not backup.dump.is_file():
        raise BackupError(f"{place} is damaged: its dump is missing.")
    if (size := backup.dump.stat().st_size) != manifest.dump_bytes:
        raise BackupError(f"{place} is damaged: its dump has {size} bytes, not {manifest.dump_bytes}.")
    return backup


def verify(place: Path) -> Backup:
    """The backup in a folder, whose dump is byte for byte the one that was written; raises BackupError."""
    backup = read(place)
    if _file_hash(backup.dump) != backup.manifest.dump_sha256:
        raise BackupError(f"{place} is damaged: its dump does not have the SHA-256 that the manifest names.")
    return backup


def contents_now(engine: sa.Engine) -> dict[str, int]:
    """The tables of a database that have rows, and how many: nothing for one that nobody used."""
    with engine.connect() as connection:
        return count_rows(connection)


def restore(engine: sa.Engine, place: Path, *, replace: bool = False) -> Restored:
    """Bring a backup into the database, and compare all there is with the manifest.

    When anything differs, the database is left as it was before. Raises BackupError for a damaged backup, one of a
    newer schema or of another kind of database, and for a database that has rows unless `replace` is set.
    """
    backup = verify(place)
    manifest = backup.manifest
    if manifest.database != engine.dialect.name:
        raise BackupError(
            f"{place} is of {manifest.database}, and VIVA_DATABASE_URL names {engine.dialect.name}: they must agree."
        )
    if manifest.schema_revision not in known_revisions():
        raise BackupError(
            f"{place} has schema {manifest.schema_revision}, which this vivavoce ({__version__}) does not know: "
            f"restore it with {manifest.vivavoce} or newer."
        )
    there = contents_now(engine)
    if there and not replace:
        counted = ", ".join(f"{rows} in {name}" for name, rows in there.items())
        raise BackupError(f"The database is not empty ({counted}): replace all of it with --yes, or name another one.")
    tool = dumper(engine)
    inside = tool.compare_dump(backup.dump)
    if inside and (wrong := _differences(manifest.contents, inside)):
        return Restored(there, tuple(wrong))
    try:
        with tool.restored(backup.dump):
            _compare(engine, manifest)
    except _DiffersError as error:
        return Restored(there, error.differences)
    details = {"dump_sha256": manifest.dump_sha256, "head": manifest.audit_heads, "replaced": there}
    sessions(engine).run(
        lambda session: audit.append(
            session, kind=Kind.DATABASE_RESTORED, subject=backup.folder.resolve().name, details=details
        )
    )
    return Restored(there, ())


class _DiffersError(Exception):
    """The restored database is not what was backed up."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__()
        self.differences = tuple(differences)


def _compare(engine: sa.Engine, manifest: Manifest) -> None:
    with engine.connect() as connection:
        wrong = _differences(manifest.contents, read_contents(connection))
    if not wrong:
        # What comes now reads the tables as this version knows them.
        migrate(engine)
        with sessions(engine)() as session:
            wrong = [
                Difference(f"audit trail of {name}", head, found.problem)
                for name, head in manifest.audit_heads.items()
                if isinstance(found := audit.verify(session, kept=Head.parse(head), organisation_id=name), Broken)
            ]
    if wrong:
        raise _DiffersError(wrong)


def _differences(expected: Contents, found: Contents) -> list[Difference]:
    wrong = []
    if expected.schema != found.schema:
        wrong.append(Difference("schema", expected.schema, found.schema))
    for name in sorted({*expected.tables, *found.tables}):
        was, now = expected.tables.get(name), found.tables.get(name)
        if was is None or now is None:
            wrong.append(Difference(name, "there" if was else "missing", "there" if now else "missing"))
        elif was.rows != now.rows:
            wrong.append(Difference(name, f"{was.rows} rows", f"{now.rows} rows"))
        elif was != now:
            wrong.append(Difference(name, f"rows with hash {was.sha256[:16]}", now.sha256[:16]))
    return wrong


def _write(engine: sa.Engine, partial: Path, taken_at: datetime) -> Manifest:
    tool = dumper(engine)
    dump = partial / tool.file_name
    try:
        contents, heads = tool.dump(dump, _heads)
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
        dump_sha256=_file_hash(dump),
    )
    path = partial / _MANIFEST
    path.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for written in (dump, path, partial):
        _sync(written)
    return manifest


def _heads(connection: sa.Connection) -> dict[str, str]:
    """The end of every organisation's trail, as the connection's transaction sees it."""
    if not sa.inspect(connection).has_table(AuditEvent.__tablename__):
        return {}
    with Session(connection) as session:
        organisations = session.scalars(sa.select(Organisation.id).order_by(Organisation.id)).all()
        return {name: str(audit.head(session, organisation_id=name)) for name in organisations}


def _retire(folder: Path, *, keep: int) -> None:
    for backup in backups(folder)[: -max(keep, 1)]:
        # Renamed first: what is half removed is no backup.
        going = folder / f".{backup.folder.name}{_PARTIAL}"
        backup.folder.rename(going)
        shutil.rmtree(going)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup is being taken into {folder}: wait for its end.") from None
        yield


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
