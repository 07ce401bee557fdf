from __future__ import annotations

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
    monkeypatch.setenv("VIVA_JUDGE_URL", "http://a:1/, http://b:2")
    monkeypatch.setenv("VIVA_JUDGE_MODEL", "m")
    monkeypatch.setenv("VIVA_JUDGE_REVISION", "1")
    monkeypatch.setenv("VIVA_JUDGE_PANEL", '[{"url": "http://c", "model": "n", "revision": "2"}]')
    settings = Settings()
    assert split_urls(settings.judge_url) == ("http://a:1", "http://b:2")
    assert settings.votes == 2


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
