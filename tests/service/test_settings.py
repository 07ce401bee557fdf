from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from pydantic import ValidationError

from vivavoce.service.settings import SAMPLE_SECRET, Settings, split_urls

REAL = "0123456789abcdef0123456789abcdef"
POSTGRES = "postgresql+psycopg://viva@db/viva"


def test_the_default_is_sqlite_in_the_state_folder(settings: Settings) -> None:
    assert settings.database == f"sqlite:///{settings.state_dir / 'vivavoce.db'}"


@pytest.mark.parametrize("secret", ["", SAMPLE_SECRET, "short"])
def test_production_declines_a_sample_secret(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("VIVA_ENVIRONMENT", "production")
    monkeypatch.setenv("VIVA_DATABASE_URL", POSTGRES)
    monkeypatch.setenv("VIVA_SECRET", secret)
    with pytest.raises(ValidationError, match="openssl rand -hex 32"):
        Settings()


def test_production_declines_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_ENVIRONMENT", "production")
    monkeypatch.setenv("VIVA_SECRET", REAL)
    with pytest.raises(ValidationError, match="PostgreSQL"):
        Settings()


def test_production_takes_real_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_ENVIRONMENT", "production")
    monkeypatch.setenv("VIVA_DATABASE_URL", POSTGRES)
    monkeypatch.setenv("VIVA_SECRET", REAL)
    assert Settings().database == POSTGRES
    assert REAL not in repr(Settings())


def test_a_judge_address_needs_its_model_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_JUDGE_URL", "http://127.0.0.1:9")
    with pytest.raises(ValidationError, match="VIVA_JUDGE_MODEL"):
        Settings()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"JUDGE_URL": "http://a, nonsense"}, "URL"),
        ({"JUDGE_SAMPLES": "3"}, "VIVA_JUDGE_MODE=explained"),
        ({"JUDGE_QUORUM": "2"}, "only 1 votes are cast"),
        ({"JUDGE_PANEL": '[{"url": "http://b"}]'}, "model"),
    ],
)
def test_judges_that_do_not_fit_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], says: str
) -> None:
    monkeypatch.setenv("VIVA_JUDGE_MODEL", "m")
    monkeypatch.setenv("VIVA_JUDGE_REVISION", "1")
    for name, value in settings.items():
        monkeypatch.setenv(f"VIVA_{name}", value)
    with pytest.raises(ValidationError, match=says):
        Settings()


def test_several_servers_and_judges_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_JUDGE_URL", "http://a:1/, http://b:2/v1")
    monkeypatch.setenv("VIVA_JUDGE_MODEL", "m")
    monkeypatch.setenv("VIVA_JUDGE_REVISION", "1")
    monkeypatch.setenv("VIVA_JUDGE_PANEL", '[{"url": "http://c", "model": "n", "revision": "2"}]')
    settings = Settings()
    assert split_urls(settings.judge_url) == ("http://a:1", "http://b:2")
    assert settings.votes == 2


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.fixture
def secrets_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "mounted"
    folder.mkdir()
    monkeypatch.setenv("VIVA_SECRETS_DIR", str(folder))
    return folder


def test_secrets_are_read_from_files(secrets_dir: Path) -> None:
    (secrets_dir / "viva_secret").write_text(f"{REAL}\n")
    (secrets_dir / "viva_database_url").write_text(f"{POSTGRES}\n")
    (secrets_dir / "viva_judge_api_key").write_text("key")
    settings = Settings()
    assert settings.secret.get_secret_value() == REAL
    assert settings.database == POSTGRES
    assert settings.judge_api_key
    assert settings.judge_api_key.get_secret_value() == "key"


def test_the_environment_comes_before_files_of_secrets(monkeypatch: pytest.MonkeyPatch, secrets_dir: Path) -> None:
    (secrets_dir / "viva_database_url").write_text(POSTGRES)
    monkeypatch.setenv("VIVA_DATABASE_URL", "sqlite:///other.db")
    assert Settings().database == "sqlite:///other.db"


def test_production_declines_a_sample_secret_in_a_file(monkeypatch: pytest.MonkeyPatch, secrets_dir: Path) -> None:
    monkeypatch.setenv("VIVA_ENVIRONMENT", "production")
    monkeypatch.setenv("VIVA_DATABASE_URL", POSTGRES)
    (secrets_dir / "viva_secret").write_text(SAMPLE_SECRET)
    with pytest.raises(ValidationError, match="openssl rand -hex 32"):
        Settings()


def test_a_missing_folder_of_secrets_is_no_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIVA_SECRETS_DIR", str(tmp_path / "missing"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Settings().secret.get_secret_value() == ""
