from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from vivavoce.rubrics import Rubric
from vivavoce.service import audit
from vivavoce.service.audit import Verified
from vivavoce.service.backups import backup
from vivavoce.service.errors import BackupError
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.tables import State

from ..samples import FixedClock, bring_to, submit_answer


@pytest.fixture
def graded(database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock) -> SessionFactory:
    """A database with one report."""
    bring_to(database, rubric, State.GRADED)
    return database


@pytest.fixture
def other(tmp_path: Path) -> SessionFactory:
    """Another database, not yet migrated."""
    return sessions(connect(f"sqlite:///{tmp_path / 'other' / 'b.db'}"))


def _edit_manifest(taken: backup.Backup, **changes: Any) -> None:
    path = taken.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, **changes}), encoding="utf-8")


def test_a_restored_database_has_everything(graded: SessionFactory, other: SessionFactory, tmp_path: Path) -> None:
    taken = backup.create(graded.engine, tmp_path / "kept", keep=3)
    assert taken.folder.name == "viva-20300101T120000.000000Z"
    assert taken.manifest.contents.row_counts["report"] == 1
    assert backup.restore(other.engine, taken.folder) == backup.Restored({}, ())
    with other() as session:
        verified = audit.verify(session, kept=audit.Head.parse(taken.manifest.audit_heads["default"]))
        kinds = list(session.scalars(sa.text("SELECT kind FROM audit_event ORDER BY id")))
    assert isinstance(verified, Verified)
    assert kinds == ["report_written", "database_restored"]
    other.engine.dispose()


def test_taking_a_backup_is_audited_after_the_dump(graded: SessionFactory, tmp_path: Path) -> None:
    taken = backup.create(graded.engine, tmp_path / "kept", keep=1)
    assert taken.manifest.audit_heads["default"].startswith("1:")
    with graded() as session:
        kind, subject, details = session.execute(
            sa.text("SELECT kind, subject, details FROM audit_event WHERE id = 2")
        ).one()
    assert (kind, subject) == ("backup_taken", taken.folder.name)
    assert json.loads(details)["dump_sha256"] == taken.manifest.dump_sha256


@pytest.mark.parametrize(("keep", "left"), [(0, 1), (2, 2)])
def test_the_newest_backups_are_kept(
    graded: SessionFactory, tmp_path: Path, fixed_clock: FixedClock, keep: int, left: int
) -> None:
    taken = []
    for _ in range(3):
        taken.append(backup.create(graded.engine, tmp_path / "kept", keep=keep).folder)
        fixed_clock.advance(1)
    assert [entry.folder for entry in backup.backups(tmp_path / "kept")] == taken[-left:]


def test_a_folder_without_backups_lists_none(tmp_path: Path) -> None:
    (tmp_path / "viva-empty").mkdir()
    assert backup.backups(tmp_path) == []
    assert backup.backups(tmp_path / "missing") == []


def test_two_backups_into_one_folder_take_turns(graded: SessionFactory, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match="Another backup is being taken"):
            backup.create(graded.engine, folder, keep=1)
    assert backup.create(graded.engine, folder, keep=1).folder.is_dir()


def test_a_failed_backup_leaves_nothing(graded: SessionFactory, tmp_path: Path) -> None:
    with graded.begin() as session:
        session.execute(sa.text("UPDATE submission SET created_at = 'yesterday'"))
    with pytest.raises(BackupError, match="not of its column's type"):
        backup.create(graded.engine, tmp_path / "kept", keep=1)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("has_table", "words"), [(False, "There is no database at"), (True, "has no tables of vivavoce")]
)
def test_a_database_without_our_tables_is_not_backed_up(
    other: SessionFactory, tmp_path: Path, has_table: bool, words: str
) -> None:
    if has_table:
        with other.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE mine (id TEXT)")
    with pytest.raises(BackupError, match=words):
        backup.create(other.engine, tmp_path / "kept", keep=1)
    other.engine.dispose()


def test_a_database_in_use_is_not_replaced_unasked(graded: SessionFactory, rubric: Rubric, tmp_path: Path) -> None:
    taken = backup.create(graded.engine, tmp_path / "kept", keep=1)
    submit_answer(graded, rubric)
    with pytest.raises(BackupError, match=r"2 in grading.*replace all of it with --yes"):
        backup.restore(graded.engine, taken.folder)
    restored = backup.restore(graded.engine, taken.folder, replace=True)
    assert (restored.replaced["grading"], restored.differences) == (2, ())
    assert backup.contents_now(graded.engine)["grading"] == 1


def test_a_difference_leaves_the_database_alone(graded: SessionFactory, rubric: Rubric, tmp_path: Path) -> None:
    taken = backup.create(graded.engine, tmp_path / "kept", keep=1)
    submit_answer(graded, rubric)
    tables = taken.manifest.model_dump()["tables"]
    _edit_manifest(taken, tables={**tables, "report": {"rows": 7, "sha256": "0" * 64}})
    restored = backup.restore(graded.engine, taken.folder, replace=True)
    assert [(part.what, part.expected, part.found) for part in restored.differences] == [("report", "7 rows", "1 rows")]
    assert backup.contents_now(graded.engine)["grading"] == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"database": "postgresql"}, "is of postgresql, and VIVA_DATABASE_URL names sqlite"),
        ({"schema_revision": "9999"}, "has schema 9999, which this vivavoce .* does not know"),
        ({"dump_sha256": "0" * 64}, "does not have the SHA-256"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(
    graded: SessionFactory, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    taken = backup.create(graded.engine, tmp_path / "kept", keep=1)
    _edit_manifest(taken, **changes)
    with pytest.raises(BackupError, match=words):
        backup.restore(graded.engine, taken.folder, replace=True)


def test_an_unused_database_counts_as_empty(other: SessionFactory) -> None:
    migrate(other.engine)
    assert backup.contents_now(other.engine) == {}
    other.engine.dispose()


@pytest.mark.parametrize("has_rows", [True, False])
def test_a_backup_with_a_broken_trail_changes_nothing(
    graded: SessionFactory, other: SessionFactory, rubric: Rubric, tmp_path: Path, has_rows: bool
) -> None:
    taken = backup.create(graded.engine, tmp_path / "kept", keep=3)
    head = taken.manifest.audit_heads["default"]
    _edit_manifest(taken, audit_heads={"default": f"{head[:-4]}0000"})
    database = Path(str(other.engine.url.database))
    if has_rows:
        migrate(other.engine)
        grading_id = submit_answer(other, rubric)
    restored = backup.restore(other.engine, taken.folder, replace=True)
    assert [difference.what for difference in restored.differences] == ["audit trail of default"]
    if has_rows:
        with other() as session:
            assert session.scalars(sa.text("SELECT id FROM grading")).all() == [grading_id]
    else:
        assert backup.contents_now(other.engine) == {}
    assert list(database.parent.glob("*.before-restore")) == []
    other.engine.dispose()
