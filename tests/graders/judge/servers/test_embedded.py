from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vivavoce.graders import GraderError, ModelMissing
from vivavoce.graders.judge.servers.embedded import EmbeddedEngine, engine_problem, serve
from vivavoce.graders.types import EngineIdentity


def _engine(folder: Path, *, port: int = 0) -> EmbeddedEngine:
    return EmbeddedEngine(
        model_file=folder / "model.gguf",
        model_name="small",
        model_sha256="abc",
        log_file=folder / "logs" / "engine.log",
        threads=1,
        port=port,
    )


def test_an_engine_is_known_before_it_runs(tmp_path: Path) -> None:
    engine = _engine(tmp_path, port=8123)
    assert engine.identity == EngineIdentity("llamacpp", "small", "abc")
    assert engine.url == "http://127.0.0.1:8123"
    assert engine.pid is None
    engine.stop()


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"model\.gguf: get it with 'viva models fetch'"), _engine(tmp_path):
        pass


@pytest.mark.processes
def test_a_child_that_ends_at_once_points_to_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.gguf").touch()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    engine = _engine(tmp_path)
    with pytest.raises(GraderError, match=r"did not start: see .*engine\.log"):
        engine.start()
    engine.stop()
    assert (tmp_path / "logs" / "engine.log").exists()


def test_an_engine_that_is_not_installed_cannot_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelMissing, match="not installed: run 'pip install"):
        serve(model=tmp_path, host="127.0.0.1", port=0, threads=1, until=lambda: None)


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (ModuleNotFoundError("No module named 'xllamacpp'"), "pip install vivavoce[grading]"),
        (ImportError("libgomp.so.1: cannot open shared object file"), "apt-get install libgomp1"),
    ],
)
def test_each_problem_has_its_fix(error: ImportError, fix: str) -> None:
    assert fix in engine_problem(error)
