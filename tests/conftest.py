"""What every test may ask for: a rubric, an empty database, settings, a judge over real HTTP, real servers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import Bank, Rubric, load_rubric
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions

from .servers import PostgresServer, RedisServer

if TYPE_CHECKING:
    from .graded_service import GradedService

DATA = Path(__file__).parent / "data"
# The same examples in every run: a test that fails by chance stops a release that it does not concern.
hypothesis_settings.register_profile("same", derandomize=True, deadline=None)
hypothesis_settings.load_profile("same")
# What a module imports to load networks, and the fixtures that start servers.
_MODELS = {"build_embedder", "build_shipped_panel", "trained_classifier", "CrossEncoderVerifier", "PackedE5"}
_SERVERS = {"postgres_server", "postgres_database", "redis_url", "graded_service"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that load networks or start servers, so that `make unit` can leave them out."""
    for item in items:
        if _MODELS & set(vars(getattr(item, "module", item))):
            item.add_marker("models")
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        starts_server = _SERVERS & set(getattr(item, "fixturenames", ())) or "postgresql" in map(
            str, parameters.values()
        )
        if starts_server or item.path.parent.name == "deploy":
            item.add_marker("processes")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see neither the developer's environment nor a .env file, nor files of secrets."""
    for name in list(os.environ):
        if name.startswith("VIVA_") and name != "VIVA_MODELS_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("VIVA_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("VIVA_SECRETS_DIR", str(tmp_path / "secrets"))
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
def sqlite_database(_migrated: Path, settings: Settings) -> Iterator[SessionFactory]:
    """An empty SQLite file with the newest schema, where the settings say it is."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(_migrated, settings.state_dir / "vivavoce.db")
    engine = connect(settings.database)
    yield sessions(engine)
    engine.dispose()


@pytest.fixture
def database(sqlite_database: SessionFactory) -> SessionFactory:
    """An empty database. A folder whose tests must hold on PostgreSQL too asks for `both_databases`."""
    return sqlite_database


@pytest.fixture(params=["sqlite", "postgresql"])
def both_databases(request: pytest.FixtureRequest) -> SessionFactory:
    """An empty database of either kind."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: SessionFactory = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL server with an empty, migrated database as a template."""
    with PostgresServer() as server:
        engine = connect(server.create_database(name="template_viva"))
        migrate(engine)
        engine.dispose()
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[SessionFactory]:
    """An empty PostgreSQL database with the newest schema."""
    url = postgres_server.create_database(template="template_viva")
    engine = connect(url)
    yield sessions(engine)
    engine.dispose()
    postgres_server.administer(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A real Redis server on a free port."""
    with RedisServer() as server:
        yield server.url


@pytest.fixture
def stub_judge() -> Iterator[StubJudgeServer]:
    with StubJudgeServer() as server:
        yield server


@pytest.fixture(scope="session")
def graded_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GradedService]:
    """A whole service with a worker, for tests of callers; each makes cohorts and gradings of its own."""
    # Late: most tests need no web framework and no worker.
    from .graded_service import run_graded_service

    with run_graded_service(tmp_path_factory.mktemp("service")) as service:
        yield service
