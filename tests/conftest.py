"""What every test may ask for: a rubric, an empty database, settings, a judge over real HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivavoce.graders.judge.stub import StubJudgeServer
from vivavoce.rubrics import Bank, Rubric, load_rubric
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see neither the developer's environment nor a .env file."""
    import os

    for name in list(os.environ):
        if name.startswith("VIVA_") and name != "VIVA_MODELS_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("VIVA_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rubric() -> Rubric:
    return load_rubric(DATA / "rubric.yaml")


@pytest.fixture
def bank(rubric: Rubric) -> Bank:
    return Bank([rubric])


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    engine = connect(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def database(_migrated: Path, settings: Settings) -> Iterator[SessionFactory]:
    """An empty SQLite file with the newest schema, where the settings say it is."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(_migrated, settings.state_dir / "vivavoce.db")
    engine = connect(settings.database)
    yield sessions(engine)
    engine.dispose()


@pytest.fixture
def stub_judge() -> Iterator[StubJudgeServer]:
    with StubJudgeServer() as server:
        yield server
