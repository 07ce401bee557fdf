from __future__ import annotations

import shutil
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest

from vivavoce.cli.commands import doctor
from vivavoce.cli.commands.doctor import Finding
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import InvalidRubric, default_bank
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.exports import pdf

from ..conftest import Viva

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The two checks that load models find them in order; there is no judge's file to hash."""
    monkeypatch.setenv("VIVA_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(doctor, "_check_embedder", lambda settings: Finding("embedding model", True, "fine"))
    monkeypatch.setattr(doctor, "_check_verifier", lambda: Finding("verifier", True, "fine"))
    # Read once for all tests.
    monkeypatch.setattr(doctor, "load_bank", default_bank)


def _line(output: str, what: str) -> str:
    (line,) = [line for line in output.splitlines() if line[4:].startswith(what)]
    return line


@pytest.mark.parametrize(
    ("findings", "status", "lines"),
    [
        ([Finding("a", True, "fine", "unused")], 0, ["ok  a: fine"]),
        ([Finding("a", False, "missing", "get it")], 1, ["gap a: missing", "      → get it"]),
        ([Finding("a", False, "missing", "get it", needed=False)], 0, ["-   a: missing", "      → get it"]),
        ([Finding("a", False, "missing")], 1, ["gap a: missing"]),
        ([Finding("a", False, "[x] /b [/b]", "[y]")], 1, ["gap a: [x] /b [/b]", "      → [y]"]),
    ],
)
def test_gaps_come_with_their_fix(
    viva: Viva, monkeypatch: pytest.MonkeyPatch, findings: list[Finding], status: int, lines: list[str]
) -> None:
    monkeypatch.setattr(doctor, "run_checks", lambda settings: findings)
    done = viva("doctor")
    assert done.returncode == status
    assert done.stdout.splitlines() == lines


def test_a_broken_bank_is_a_gap(viva: Viva, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _line(viva("doctor").stdout, "question bank") == f"ok  question bank: {len(default_bank())} rubrics"

    def fail() -> None:
        raise InvalidRubric("retrieval.yaml, line 3: add points")

    monkeypatch.setattr(doctor, "load_bank", fail)
    done = viva("doctor")
    assert done.returncode == 1
    assert _line(done.stdout, "question bank") == "gap question bank: retrieval.yaml, line 3: add points"


def test_a_judge_server_makes_the_embedded_one_optional(viva: Viva) -> None:
    done = viva("doctor")
    assert done.returncode == 0
    assert _line(done.stdout, "judge stub (vllm): answers at http://").startswith("ok")
    assert _line(done.stdout, "embedded judge").startswith("-")
    assert "→ viva models fetch" in done.stdout


def test_a_judge_out_of_reach_is_a_gap(viva: Viva) -> None:
    done = viva("doctor", VIVA_JUDGE_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert _line(done.stdout, "judge stub").startswith("gap")
    assert "correct VIVA_JUDGE_URL" in done.stdout


def test_without_a_server_the_embedded_judge_is_needed(viva: Viva) -> None:
    done = viva("doctor", VIVA_JUDGE_URL="")
    assert done.returncode == 1
    assert _line(done.stdout, "embedded judge").startswith("gap")


def test_a_new_database_is_not_created(viva: Viva, tmp_path: Path) -> None:
    path = tmp_path / "state" / "vivavoce.db"
    assert _line(viva("doctor").stdout, "database") == f"ok  database: SQLite, will be created at {path}"
    assert not path.exists()


def test_a_migrated_database_names_its_schema(viva: Viva, database: SessionFactory) -> None:
    assert _line(viva("doctor").stdout, "database").startswith("ok  database: sqlite, schema ")


@pytest.mark.parametrize("url", ["sqlite:///other.db", "postgresql+psycopg://127.0.0.1:9/none"])
def test_a_database_without_tables_or_server_is_a_gap(viva: Viva, tmp_path: Path, url: str) -> None:
    (tmp_path / "other.db").touch()
    done = viva("doctor", VIVA_DATABASE_URL=url)
    assert done.returncode == 1
    assert _line(done.stdout, "database").startswith("gap")
    assert "then run 'viva migrate'" in done.stdout


def test_redis_is_optional(viva: Viva) -> None:
    assert _line(viva("doctor").stdout, "Redis").startswith("ok  Redis: not set")
    for url in ("redis://127.0.0.1:9/0", "nonsense"):
        assert _line(viva("doctor", VIVA_REDIS_URL=url).stdout, "Redis").startswith("-   Redis: ")


def test_what_pdfs_lack_is_named_and_not_needed(viva: Viva, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _line(viva("doctor").stdout, "PDF exports") == "ok  PDF exports: ready"
    # A folder without programs: no fonts can be listed.
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    done = viva("doctor")
    assert _line(done.stdout, "PDF exports") == "-   PDF exports: cannot be written"
    assert (
        "→ PDFs need a font with Chinese characters: install Debian's fontconfig and fonts-wqy-microhei." in done.stdout
    )


def test_a_missing_package_is_named_with_its_command(viva: Viva, monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def without_torch(name: str) -> str:
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without_torch)
    done = viva("doctor")
    assert done.returncode == 1
    assert _line(done.stdout, "package torch") == "gap package torch: not installed"
    assert "→ pip install 'vivavoce[grading]'" in done.stdout


@pytest.mark.parametrize(("free_gib", "mark"), [(2.9, "-"), (3.0, "ok")])
def test_models_need_disk(viva: Viva, monkeypatch: pytest.MonkeyPatch, free_gib: float, mark: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free_gib * 2**30))
    assert _line(viva("doctor").stdout, "disk for models").startswith(mark)


@pytest.mark.parametrize(("url", "mark"), [("", "gap"), ("http://127.0.0.1:9", "-")])
def test_only_the_embedded_judge_needs_memory(viva: Viva, monkeypatch: pytest.MonkeyPatch, url: str, mark: str) -> None:
    monkeypatch.setattr(doctor, "_MEMORY_GIB", 1_000_000)
    assert _line(viva("doctor", VIVA_JUDGE_URL=url).stdout, "memory").startswith(mark)


@pytest.mark.parametrize(
    ("wait", "judge_url", "mark"),
    [(0.1, "", "ok "), (0.8, "", "-  "), (0.8, "http://127.0.0.1:9", "ok ")],
    ids=["quiet", "busy", "busy, but the judge is elsewhere"],
)
def test_a_busy_machine_is_named(
    viva: Viva, monkeypatch: pytest.MonkeyPatch, wait: float, judge_url: str, mark: str
) -> None:
    monkeypatch.setattr(doctor, "read_processor_wait", lambda: wait)
    line = _line(viva("doctor", VIVA_JUDGE_URL=judge_url).stdout, "processors")
    assert line.startswith(mark)
    assert f"waited for one {wait:.0%}" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIVA_JUDGE_URL", "http://judge:TOPSECRET@127.0.0.1:9"),
        ("VIVA_JUDGE_URL", "http://TOPSECRET@127.0.0.1:9,http://judge:TOPSECRET@127.0.0.1:9"),
        ("VIVA_REDIS_URL", "redis://:TOPSECRET@127.0.0.1:9/0"),
        ("VIVA_REDIS_URL", "nonsense://:TOPSECRET@127.0.0.1:9/0"),
        ("VIVA_REDIS_URL", "redis://:TOPSECRET/more@127.0.0.1:9/0"),
        ("VIVA_DATABASE_URL", "postgresql+psycopg://viva:TOPSECRET@127.0.0.1:9/none"),
        ("VIVA_DATABASE_URL", "postgresql+psycopg://viva:TOPSECRET/more@127.0.0.1:9/none"),
        ("VIVA_DATABASE_URL", "postgresql+psycopg://viva:TOPSECRET@127.0.0.1:port/none"),
    ],
)
def test_no_password_is_printed(viva: Viva, name: str, value: str) -> None:
    done = viva("doctor", **{name: value})
    assert "TOPSECRET" not in done.stdout + done.stderr
    assert name in done.stdout + done.stderr


def test_a_judge_with_a_password_is_named_without_it(viva: Viva, stub_judge: StubJudgeServer) -> None:
    done = viva("doctor", VIVA_JUDGE_URL=stub_judge.url.replace("://", "://judge:TOPSECRET@"))
    assert _line(done.stdout, "judge stub").endswith(f"answers at {stub_judge.url}")
