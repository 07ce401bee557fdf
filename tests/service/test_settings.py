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


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge server, so that only one setting can be wrong."""
    for name, value in {"URL": "http://a", "MODEL": "m", "REVISION": "1"}.items():
        monkeypatch.setenv(f"VIVA_JUDGE_{name}", value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "65536", "less than or equal to 65535"),
        ("PORT", "-1", "greater than or equal to 0"),
        ("PORT", "http", "valid integer"),
        ("JUDGE_TIMEOUT_SECONDS", "0", "greater than 0"),
        ("JUDGE_TIMEOUT_SECONDS", "601", "less than or equal to 600"),
        ("JUDGE_DEADLINE_SECONDS", "1801", "less than or equal to 1800"),
        ("JUDGE_MODE", "slow", "'fast' or 'explained'"),
        ("JUDGE_SAMPLES", "10", "less than or equal to 9"),
        ("JUDGE_SAMPLES", "0", "greater than or equal to 1"),
        ("JUDGE_QUORUM", "-1", "greater than or equal to 0"),
        ("JUDGE_PANEL", '[{"url": "", "model": "n", "revision": "2"}]', "a member of VIVA_JUDGE_PANEL has no url"),
        ("JUDGE_PANEL", '[{"url": "http://c", "model": "n", "revision": "2", "seed": 1}]', "seed"),
        ("JUDGE_REVISION", "", "set VIVA_JUDGE_MODEL and VIVA_JUDGE_REVISION too"),
        ("ON_JUDGE_UNAVAILABLE", "fail", "'wait' or 'provisional'"),
        ("REVIEW_SHARE", "1.1", "less than or equal to 1"),
        ("REVIEW_BELOW", "-0.1", "greater than or equal to 0"),
        ("PASS_MARK", "10.5", "less than or equal to 10"),
        ("BATCH_SIZE", "0", "greater than or equal to 1"),
        ("LEASE_SECONDS", "0.5", "greater than or equal to 1"),
        ("MAX_ATTEMPTS", "0", "greater than or equal to 1"),
        ("LOG_FORMAT", "xml", "'text' or 'json'"),
        ("LOG_LEVEL", "TRACE", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("ENVIRONMENT", "staging", "'development' or 'production'"),
    ],
)
def test_a_setting_out_of_range_is_refused(
    judged: None, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    Settings()
    monkeypatch.setenv(f"VIVA_{name}", value)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert words in str(error.value)
    assert len(error.value.errors()) == 1


@pytest.mark.parametrize(
    "name", [name.upper() for name, field in Settings.model_fields.items() if field.default is None]
)
def test_an_empty_optional_setting_is_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"VIVA_{name}", "")
    assert getattr(Settings(), name.lower()) is None


def test_settings_that_no_longer_exist_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Settings()
    for name in ("SCOPE", "CONTEXT", "FEW_SHOT"):
        monkeypatch.setenv(f"VIVA_JUDGE_{name}", "anything")
    assert Settings() == before


def test_a_file_of_settings_yields_to_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("VIVA_PORT=1234\nVIVA_HOST=0.0.0.0\nCOMPOSE_PROFILES=cpu\n", encoding="utf-8")
    monkeypatch.setenv("VIVA_PORT", "4321")
    settings = Settings()
    assert (settings.port, settings.host) == (4321, "0.0.0.0")


def test_settings_never_change(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(("length", "is_accepted"), [(31, False), (32, True)])
def test_a_secret_has_32_characters(monkeypatch: pytest.MonkeyPatch, length: int, is_accepted: bool) -> None:
    monkeypatch.setenv("VIVA_ENVIRONMENT", "production")
    monkeypatch.setenv("VIVA_DATABASE_URL", POSTGRES)
    monkeypatch.setenv("VIVA_SECRET", "s" * length)
    if is_accepted:
        assert Settings().environment == "production"
    else:
        with pytest.raises(ValidationError, match="too short"):
            Settings()


def test_production_declines_a_sqlite_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_ENVIRONMENT", "production")
    monkeypatch.setenv("VIVA_SECRET", REAL)
    monkeypatch.setenv("VIVA_DATABASE_URL", "sqlite:////data/viva.db")
    with pytest.raises(ValidationError, match="must name PostgreSQL"):
        Settings()


def test_development_takes_any_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_SECRET", SAMPLE_SECRET)
    assert Settings().secret.get_secret_value() == SAMPLE_SECRET


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("", ()),
        (" , ,", ()),
        ("http://a", ("http://a",)),
        ("http://a/v1/", ("http://a",)),
        (" http://a/v1 ,http://b:8080/ ", ("http://a", "http://b:8080")),
        ("http://a/v1/v1", ("http://a/v1",)),
        ("http://a/judge/v1", ("http://a/judge",)),
    ],
)
def test_addresses_are_split_and_trimmed(value: str, urls: tuple[str, ...]) -> None:
    assert split_urls(value) == urls


@pytest.mark.parametrize(("members", "samples", "votes"), [(0, 1, 1), (2, 1, 3), (0, 5, 5), (2, 3, 9)])
def test_votes_are_judges_times_samples(members: int, samples: int, votes: int) -> None:
    panel = [{"url": f"http://{n}", "model": "n", "revision": "2"} for n in range(members)]
    values = {"judge_panel": panel, "judge_samples": samples, "judge_mode": "explained", "judge_quorum": votes}
    assert Settings.model_validate(values).votes == votes
    with pytest.raises(ValidationError, match=f"but only {votes} votes are cast"):
        Settings.model_validate({**values, "judge_quorum": votes + 1})


def test_keys_of_judges_are_not_printed() -> None:
    panel = [{"url": "http://c", "model": "n", "revision": "2", "api_key": "hidden"}]
    assert "hidden" not in repr(Settings.model_validate({"judge_panel": panel, "judge_api_key": "hidden"}))


def test_an_old_name_is_refused_with_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_JUDGE_AWAY", "provisional")
    with pytest.raises(ValueError, match="is called VIVA_ON_JUDGE_UNAVAILABLE now"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIVA_REDIS_URL", "redis://:TOPSECRET/more@host/0"),
        ("VIVA_DATABASE_URL", "postgresql://viva:TOPSECRET/more@db/viva"),
    ],
)
def test_a_refused_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert name.removeprefix("VIVA_").lower() in str(error.value)
    assert "TOPSECRET" not in str(error.value)
