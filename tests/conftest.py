"""What every test may ask for: a rubric, an empty database, settings, a judge over real HTTP, real servers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from vivavoce.graders.judge.stub import StubJudgeServer
from vivavoce.rubrics import Bank, Rubric, load_rubric
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory, connect, migrate, sessions

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see neither the developer's environment nor a .env file."""
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
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server on a free port; the URL of its empty, migrated template database."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert binaries, "PostgreSQL is missing: run 'make packages'"
    # The server refuses to run as root, and its user may not enter root's folders.
    folder = Path(tempfile.mkdtemp(prefix="vivavoce-postgres-", dir="/tmp"))
    as_user: list[str] = []
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    commands = binaries[-1].parent
    subprocess.run(
        [*as_user, commands / "initdb", "-D", data, "-A", "trust", "-U", "viva", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    port = free_port()
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [*as_user, commands / "postgres", "-D", data, "-p", str(port), *settings], stdout=log, stderr=log
    )
    url = f"postgresql+psycopg://viva@127.0.0.1:{port}"
    try:
        _wait_for(lambda: _administer(url, "SELECT 1"), seconds=30)
        _administer(url, "CREATE DATABASE template_viva")
        engine = connect(f"{url}/template_viva")
        migrate(engine)
        engine.dispose()
        yield url
    finally:
        # Fast shutdown: it does not wait for clients.
        subprocess.run([*as_user, commands / "pg_ctl", "-D", data, "-m", "fast", "stop"], stdout=subprocess.DEVNULL)
        server.wait(timeout=30)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[SessionFactory]:
    """An empty PostgreSQL database with the newest schema."""
    name = f"viva_{uuid.uuid4().hex[:12]}"
    _administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE template_viva")
    engine = connect(f"{postgres_url}/{name}")
    yield sessions(engine)
    engine.dispose()
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _administer(url: str, statement: str) -> None:
    engine = sa.create_engine(f"{url}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def _wait_for(attempt: Callable[[], None], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
            return
        except sa.exc.OperationalError:
            assert time.monotonic() < deadline, "the database server did not start"
            time.sleep(0.1)


@pytest.fixture
def stub_judge() -> Iterator[StubJudgeServer]:
    with StubJudgeServer() as server:
        yield server
