from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from vivavoce.service.backups.fingerprint import Contents, TableContents
from vivavoce.service.backups.manifest import MANIFEST_NAME, hash_file, read_backup
from vivavoce.service.errors import BackupError

from ..samples import FixedClock

MANIFEST = {
    "format": 1,
    "vivavoce": "0.1.0",
    "database": "sqlite",
    "schema_revision": "0007",
    "taken_at": "2030-01-01T11:59:00Z",
    "tables": {"report": {"rows": 2, "sha256": "a" * 64}},
    "audit_heads": {"default": f"2:{'b' * 64}"},
    "dump_file": "database.sqlite",
    "dump_bytes": 4,
    "dump_sha256": "c" * 64,
}


@pytest.fixture
def write_backup(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder with a dump of four bytes and a manifest with some values changed."""

    def write(**changes: Any) -> Path:
        folder = tmp_path / "viva-1"
        folder.mkdir()
        (folder / "database.sqlite").write_bytes(b"dump")
        (folder / MANIFEST_NAME).write_text(json.dumps({**MANIFEST, **changes}), encoding="utf-8")
        return folder

    return write


def test_a_backup_is_read_by_folder_or_manifest(write_backup: Callable[..., Path]) -> None:
    folder = write_backup()
    backup = read_backup(folder)
    assert backup == read_backup(folder / MANIFEST_NAME)
    assert (backup.folder, backup.dump) == (folder, folder / "database.sqlite")
    assert backup.manifest.contents == Contents("0007", {"report": TableContents(2, "a" * 64)})


def test_the_age_counts_from_the_moment_of_the_dump(write_backup: Callable[..., Path], fixed_clock: FixedClock) -> None:
    backup = read_backup(write_backup())
    assert backup.age_seconds() == 60
    fixed_clock.moment += timedelta(days=1)
    assert backup.age_seconds() == 86_460


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "has format 2, and this vivavoce reads 1: use a newer one"),
        ({"dump_file": "other.sqlite"}, "its dump is missing"),
        ({"dump_file": "../viva-1/database.sqlite"}, "its dump is missing"),
        ({"dump_file": "/etc/hostname"}, "its dump is missing"),
        ({"dump_bytes": 5}, "its dump has 4 bytes, not 5"),
        ({"tables": []}, "cannot be read as the manifest"),
        ({"taken_at": "yesterday"}, "cannot be read as the manifest"),
        ({"dump_bytes": None}, "cannot be read as the manifest"),
    ],
)
def test_an_incomplete_backup_says_what_is_wrong(
    write_backup: Callable[..., Path], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(BackupError, match=words):
        read_backup(write_backup(**changes))


@pytest.mark.parametrize("name", ["", "nothing", "viva-1/database.sqlite"])
def test_other_paths_are_no_backups(write_backup: Callable[..., Path], name: str) -> None:
    root = write_backup().parent
    with pytest.raises(BackupError, match="is not a backup: name a folder that 'viva backup list' shows"):
        read_backup(root / name)


def test_the_hash_of_a_file_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert hash_file(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
