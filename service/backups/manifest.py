"""The manifest of a backup: what is in it, by which a restored database is checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydantic

from ..errors import BackupError
from ..storage import clock
from .fingerprint import Contents, TableContents

FORMAT = 1
MANIFEST_NAME = "manifest.json"


class Table(pydantic.BaseModel):
    """The contents of a table; see TableContents."""

    rows: int
    sha256: str


class Manifest(pydantic.BaseModel):
    """The contents of a backup when its dump was written."""

    format: int
    vivavoce: str
    database: str
    schema_revision: str
    taken_at: datetime
    tables: dict[str, Table]
    audit_heads: dict[str, str]
    """The head of each organisation's audit trail."""
    dump_file: str
    dump_bytes: int
    dump_sha256: str

    @property
    def contents(self) -> Contents:
        """The contents of the database."""
        tables = {name: TableContents(table.rows, table.sha256) for name, table in self.tables.items()}
        return Contents(self.schema_revision, tables)


@dataclass(frozen=True)
class Backup:
    """A complete backup: its folder and its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def dump(self) -> Path:
        """The file with the dump of the database."""
        return self.folder / self.manifest.dump_file

    def age_seconds(self) -> float:
        """Returns the seconds since the backup was taken."""
        return (clock.now() - self.manifest.taken_at).total_seconds()


def read_backup(path: Path) -> Backup:
    """Reads the backup in a folder. Raises BackupError if there is none, or if it is incomplete."""
    file = path / MANIFEST_NAME if path.is_dir() else path
    if file.name != MANIFEST_NAME or not file.is_file():
        raise BackupError(f"{path} is not a backup: name a folder that 'viva backup list' shows.")
    try:
        manifest = Manifest.model_validate_json(file.read_bytes())
    except pydantic.ValidationError:
        raise BackupError(f"{file} is damaged: it cannot be read as the manifest of a backup.") from None
    if manifest.format != FORMAT:
        raise BackupError(f"{path} has format {manifest.format}, and this vivavoce reads {FORMAT}: use a newer one.")
    backup = Backup(file.parent, manifest)
    # A name with folders would lead out of the backup.
    if Path(manifest.dump_file).name != manifest.dump_file or not backup.dump.is_file():
        raise BackupError(f"{path} is damaged: its dump is missing.")
    if (size := backup.dump.stat().st_size) != manifest.dump_bytes:
        raise BackupError(f"{path} is damaged: its dump has {size} bytes, not {manifest.dump_bytes}.")
    return backup


def hash_file(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
