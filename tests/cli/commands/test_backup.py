from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from vivavoce.cli.commands import backup as backup_command
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.backups import backup, postgres_dumps
from vivavoce.service.errors import BackupError
from vivavoce.service.gradings import submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions
from vivavoce.workers.grading import process_queue

from ...servers import PostgresServer, wait_until
from ..conftest import Submit, Viva


@dataclass(frozen=True)
class Site:
    """A database in use, and an empty place for another."""

    database: SessionFactory
    url: str
    empty_url: str

    def grade(self, rubric: Rubric, count: int) -> None:
        for number in range(count):
            with self.database.begin() as session:
                submission.submit(session, NewAnswer(rubric=rubric, answer=f"INT8 for FP16, 第 {number} 个"))
        process_queue(self.database, scripted_panel(), Settings(), owner="test")

    @contextmanager
    def being_used(self, rubric: Rubric) -> Iterator[None]:
        done = threading.Event()

        def work() -> None:
            while not done.is_set():
                self.grade(rubric, 1)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path, rubric: Rubric) -> Iterator[Site]:
    if request.param == "sqlite":
        url, empty = f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'b.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        # The server trusts whoever comes, so that any password will do.
        url, empty = (server.create_database().replace("viva@", "viva:se%40cret@") for _ in range(2))
    engine = connect(url)
    migrate(engine)
    site = Site(sessions(engine), url, empty)
    site.grade(rubric, 4)
    yield site
    engine.dispose()


def _taken(folder: Path) -> list[Path]:
    return sorted(folder.glob("viva-*"))


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest


@pytest.mark.processes
def test_a_backup_taken_during_work_restores_to_the_same(
    viva: Viva, site: Site, rubric: Rubric, tmp_path: Path
) -> None:
    with site.being_used(rubric):
        done = viva("backup", "create", "--to", "kept", VIVA_DATABASE_URL=site.url)
    assert done.returncode == 0, done.stderr
    assert "cret" not in done.stdout + done.stderr
    (taken,) = _taken(tmp_path / "kept")
    manifest = _manifest(taken)
    assert manifest["tables"]["report"]["rows"] >= 4
    assert manifest["audit_heads"]["default"].startswith(f"{manifest['tables']['audit_event']['rows']}:")
    restored = viva("restore", taken, VIVA_DATABASE_URL=site.empty_url)
    assert restored.returncode == 0, restored.stderr + restored.stdout
    assert "Restored and identical" in restored.stdout
    head = manifest["audit_heads"]["default"]
    for url in (site.url, site.empty_url):
        assert viva("audit", "verify", "--head", head, VIVA_DATABASE_URL=url).returncode == 0


def test_a_used_database_is_replaced_only_with_yes(viva: Viva, site: Site, tmp_path: Path) -> None:
    environment = {"VIVA_DATABASE_URL": site.url}
    assert viva("backup", "create", "--to", "kept", **environment).returncode == 0
    (taken,) = _taken(tmp_path / "kept")
    refused = viva("restore", taken, **environment)
    assert refused.returncode == 2
    assert "4 in report" in refused.stderr
    assert "--yes" in refused.stderr
    with site.database.begin() as session:
        session.execute(sa.text("DELETE FROM report"))
    done = viva("restore", taken, "--yes", **environment)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "replaced: 4 rows in grading" in done.stdout
    with site.database() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM report")) == 4
        kinds = list(session.scalars(sa.text("SELECT kind FROM audit_event ORDER BY id")))
    assert kinds == ["report_written"] * 4 + ["database_restored"]


def test_what_differs_is_shown_and_nothing_is_replaced(viva: Viva, site: Site, tmp_path: Path) -> None:
    environment = {"VIVA_DATABASE_URL": site.url}
    assert viva("backup", "create", "--to", "kept", **environment).returncode == 0
    (taken,) = _taken(tmp_path / "kept")
    manifest = _manifest(taken)
    manifest["tables"]["report"]["rows"] += 1
    manifest["tables"]["grading"]["sha256"] = "0" * 64
    (taken / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    done = viva("restore", taken, "--yes", **environment)
    assert done.returncode == 1, done.stderr
    assert "5 rows" in done.stdout
    assert "grading" in done.stdout
    assert "as it was before" in done.stdout
    with site.database() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM audit_event WHERE kind = 'backup_taken'")) == 1


def test_a_database_that_is_in_use_is_left_alone(
    postgres_database: SessionFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_dumps, "_LOCK_SECONDS", 1)
    taken = backup.create(postgres_database.engine, tmp_path / "kept", keep=1)
    with postgres_database.begin() as session:
        session.execute(sa.text("LOCK TABLE organisation IN ACCESS SHARE MODE"))
        with pytest.raises(BackupError, match="stop API and workers"):
            backup.restore(postgres_database.engine, taken.folder, replace=True)
    assert backup.restore(postgres_database.engine, taken.folder, replace=True).differences == ()


@pytest.fixture
def kept(viva: Viva, sqlite_database: SessionFactory, tmp_path: Path) -> Path:
    """A folder with one backup of an empty SQLite database."""
    done = viva("backup", "create", "--to", "kept")
    assert done.returncode == 0, done.stderr
    return tmp_path / "kept"


def test_damaged_newer_and_foreign_backups_are_refused(viva: Viva, kept: Path, tmp_path: Path) -> None:
    (whole,) = _taken(kept)
    assert viva("backup", "verify", whole).returncode == 0
    engine = connect(Settings().database)

    def broken(name: str, change: Callable[[Path], object]) -> Path:
        shutil.copytree(whole, tmp_path / name)
        change(tmp_path / name)
        return tmp_path / name

    def edit(**values: object) -> Callable[[Path], object]:
        return lambda folder: (folder / "manifest.json").write_text(json.dumps({**_manifest(folder), **values}))

    def flip(folder: Path) -> None:
        data = bytearray((folder / "database.sqlite").read_bytes())
        data[len(data) // 2] ^= 1
        (folder / "database.sqlite").write_bytes(data)

    for name, change, says in [
        ("flipped", flip, "SHA-256"),
        ("short", lambda folder: os.truncate(folder / "database.sqlite", 100), "100 bytes"),
        ("headless", lambda folder: (folder / "database.sqlite").unlink(), "dump is missing"),
        ("torn", lambda folder: (folder / "manifest.json").write_text("{"), "damaged"),
        ("newer", edit(schema_revision="9999"), "schema 9999"),
        ("foreign", edit(database="postgresql"), "names sqlite"),
        ("later", edit(format=2), "format 2"),
        ("none", lambda folder: (folder / "manifest.json").unlink(), "is not a backup"),
    ]:
        with pytest.raises(BackupError, match=says):
            backup.restore(engine, broken(name, change), replace=True)
    engine.dispose()
    done = viva("restore", tmp_path / "flipped", "--yes")
    assert (done.returncode, "SHA-256" in done.stderr) == (2, True)


def test_the_newest_are_kept_and_halves_do_not_count(viva: Viva, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = _taken(kept)
    half = kept / "viva-20990101T000000.000000Z"
    half.mkdir()
    (half / "database.sqlite").write_bytes(b"half")
    leftover = kept / ".viva-x.partial"
    leftover.mkdir()
    engine = connect(Settings().database)
    for _ in range(2):
        backup.create(engine, kept, keep=2)
    engine.dispose()
    assert not first.exists()
    assert not leftover.exists()
    assert half in _taken(kept)
    listed = viva("backup", "list", kept).stdout
    assert "2 complete backups; the newest is" in listed
    assert half.name not in listed
    assert viva("backup", "check", kept, "--max-age", "3600").returncode == 0
    later = clock.now() + timedelta(seconds=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    late = viva("backup", "check", kept, "--max-age", "1")
    assert late.returncode == 1
    assert "s old" in late.stdout
    none = viva("backup", "check", kept / "nothing", "--max-age", "1")
    assert (none.returncode, "no complete backup" in none.stdout) == (1, True)


def test_a_missing_or_old_pg_dump_is_one_sentence(viva: Viva, postgres_server: PostgresServer, tmp_path: Path) -> None:
    url = postgres_server.create_database(template="template_viva")
    tools = tmp_path / "tools"
    tools.mkdir()
    refused = viva("backup", "create", "--to", "kept", VIVA_DATABASE_URL=url, PATH=str(tools))
    assert (refused.returncode, "pg_dump is missing" in refused.stderr) == (2, True)
    old = tools / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    old.chmod(0o755)
    refused = viva("backup", "create", "--to", "kept", VIVA_DATABASE_URL=url, PATH=str(tools))
    assert (refused.returncode, "older than the server" in refused.stderr) == (2, True)
    assert _taken(tmp_path / "kept") == []
    assert list((tmp_path / "kept").glob(".*.partial")) == []


@pytest.mark.processes
def test_the_loop_survives_a_failure_and_ends_at_sigterm(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "vivavoce.cli", *"backup create --to kept --every 1".split()],
        env={**os.environ, "VIVA_DATABASE_URL": f"sqlite:///{tmp_path / 'late.db'}"},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as loop:
        assert loop.stderr
        assert "There is no database" in loop.stderr.readline()
        engine = connect(f"sqlite:///{tmp_path / 'late.db'}")
        migrate(engine)
        engine.dispose()
        wait_until(lambda: bool(_taken(tmp_path / "kept")), seconds=60, what="a backup is taken")
        loop.send_signal(signal.SIGTERM)
        assert loop.wait(30) == 0
    assert list((tmp_path / "kept").glob(".*.partial")) == []


def test_the_copy_of_a_sqlite_file_stands_alone(kept: Path) -> None:
    (taken,) = _taken(kept)
    assert {path.name for path in taken.iterdir()} == {"manifest.json", "database.sqlite"}
    with closing(sqlite3.connect(taken / "database.sqlite")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# The command itself, on SQLite


def test_a_backup_is_told_by_its_rows(viva: Viva, submit: Submit, tmp_path: Path) -> None:
    submit("INT8", "fewer bits")
    done = viva("backup", "create", "--to", "kept")
    (taken,) = _taken(tmp_path / "kept")
    assert done.returncode == 0
    assert done.stdout.startswith(f"kept/{taken.name}: rows ")
    assert "2 in grading" in done.stdout
    assert done.stdout.endswith("MiB\n")
    verified = viva("backup", "verify", taken).stdout
    assert f"{taken.name} is intact: rows " in verified
    assert "head of the audit trail of default: 0:" in verified


def test_a_new_database_has_nothing_to_back_up(viva: Viva, tmp_path: Path) -> None:
    done = viva("backup", "create", "--to", "kept")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert _taken(tmp_path / "kept") == []


def test_an_unused_database_is_replaced_without_asking(viva: Viva, submit: Submit, tmp_path: Path) -> None:
    submit("INT8")
    viva("backup", "create", "--to", "kept")
    (taken,) = _taken(tmp_path / "kept")
    done = viva("restore", taken, VIVA_DATABASE_URL="sqlite:///other.db")
    assert done.returncode == 0, done.stderr
    assert "replaced:" not in done.stdout
    assert "Restored and identical: rows " in done.stdout
    assert "1 in grading" in done.stdout


def test_a_folder_without_backups_is_no_error_to_list(viva: Viva, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    done = viva("backup", "list", "kept")
    assert (done.returncode, "0 complete backups; there is no backup" in done.stdout) == (0, True)
    checked = viva("backup", "check", "kept", "--max-age", "60")
    assert (checked.returncode, checked.stdout) == (1, "There is no complete backup in kept.\n")


@pytest.mark.parametrize(("age", "status"), [(30, 0), (60, 0), (61, 1)])
def test_the_newest_backup_may_be_so_old(
    viva: Viva, kept: Path, monkeypatch: pytest.MonkeyPatch, age: int, status: int
) -> None:
    (taken,) = _taken(kept)
    moment = datetime.fromisoformat(_manifest(taken)["taken_at"]) + timedelta(seconds=age)
    monkeypatch.setattr(clock, "now", lambda: moment)
    done = viva("backup", "check", kept, "--max-age", "60")
    assert done.returncode == status
    assert done.stdout == f"{taken.name} is {age} s old, at most 60 s are allowed.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("create",),
        ("create", "--to", "kept", "--keep", "0"),
        ("create", "--to", "kept", "--every", "0"),
        ("check", "x"),
    ],
)
def test_wrong_options_take_no_backup(viva: Viva, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert viva("backup", *arguments).returncode == 2
    assert not (tmp_path / "kept").exists()


class _EndError(Exception):
    """Ends the loop of a test."""


@pytest.fixture
def loop(viva: Viva, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """Runs `viva backup create --every 100` for some rounds; gives the seconds it slept. Signals stay as they are."""

    def run(*, rounds: int) -> list[float]:
        naps: list[float] = []

        def sleep(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) > rounds:
                raise _EndError

        monkeypatch.setattr(backup_command.time, "sleep", sleep)
        monkeypatch.setattr(backup_command.signal, "signal", lambda *_: None)
        monkeypatch.setattr(backup_command, "configure_logs", lambda *_, **__: None)
        with pytest.raises(_EndError):
            viva("backup", "create", "--to", "kept", "--every", "100")
        return naps

    return run


def test_the_first_backup_waits_for_the_newest_to_age(
    loop: Callable[..., list[float]], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (taken,) = _taken(kept)
    moment = datetime.fromisoformat(_manifest(taken)["taken_at"]) + timedelta(seconds=40)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert loop(rounds=0) == [pytest.approx(60)]
    assert _taken(kept) == [taken]


def test_without_a_backup_the_first_is_taken_at_once(
    loop: Callable[..., list[float]], database: SessionFactory, tmp_path: Path
) -> None:
    first, second = loop(rounds=1)
    assert first == 0
    assert 90 < second <= 100
    assert len(_taken(tmp_path / "kept")) == 1


@pytest.mark.parametrize("error", [BackupError("no room"), OSError(28, "No space left on device")])
def test_a_backup_that_fails_is_tried_again(
    loop: Callable[..., list[float]],
    database: SessionFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    error: Exception,
) -> None:
    create, tries = backup.create, iter([error])

    def fail_once(*arguments: Any, **options: Any) -> backup.Backup:
        for failure in tries:
            raise failure
        return create(*arguments, **options)

    monkeypatch.setattr(backup, "create", fail_once)
    with caplog.at_level("INFO", backup_command.__name__):
        assert len(loop(rounds=2)) == 3
    assert len(_taken(tmp_path / "kept")) == 1
    messages = [record.getMessage() for record in caplog.records if record.name == backup_command.__name__]
    assert messages[0] == f"the backup failed, trying again in 100 s: {error}"
    assert messages[1].startswith("backup viva-")
