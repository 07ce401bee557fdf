"""All settings, read once from the environment (`VIVA_…`), a `.env` file, or files of secrets (`viva_…`)."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from .judges.settings import JudgeSettings, PanelMember, split_urls

__all__ = ["SAMPLE_SECRET", "SECRETS_DIR", "PanelMember", "Settings", "split_urls"]
SAMPLE_SECRET = "change-me"
# Docker and Kubernetes mount secrets as files here.
SECRETS_DIR = Path("/run/secrets")
# 32 characters of hexadecimal are 128 bits.
_MIN_SECRET_CHARACTERS = 32


class Settings(JudgeSettings):
    """The settings of a process. The description of each field is its documentation in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="VIVA_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = Field(
        default="development", description="`production` refuses sample secrets and SQLite."
    )
    secrets_dir: Path = Field(
        default=SECRETS_DIR,
        description="Folder with a file for each secret, named after its setting, such as `viva_database_url`. "
        "The environment takes precedence. Read from the environment only.",
    )
    state_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("vivavoce"),
        description="Folder for the SQLite database and logs.",
    )
    models_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("vivavoce") / "models",
        description="Folder for model files. Safe to delete: `viva models fetch` downloads them again.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL, such as postgresql+psycopg://user:password@host/name. "
        "Empty for SQLite in the state folder.",
    )
    redis_url: str = Field(
        default="",
        description="Redis server through which Celery wakes the workers and replicas count requests. Empty to grade "
        "inside the service process.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port that the API listens on.")
    embedding_model: str = Field(
        default="multilingual-e5-small-q4",
        description="`multilingual-e5-small-q4`, `all-MiniLM-L6-v2` (English only), or a "
        "sentence-transformers model by name or folder.",
    )
    coefficients: Path | None = Field(
        default=None,
        description="File of coefficients that `viva calibrate` fitted to grades of your own. Empty for the "
        "coefficients that ship with vivavoce.",
    )
    review_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of the scores (0 to 1) sent to a person because their confidence is lowest. Each worker "
        "compares with the last 500 scores that it gave.",
    )
    review_below: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Confidence (0 to 1) below which a score is sent to a person; replaces `VIVA_REVIEW_SHARE`.",
    )
    pass_mark: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Score (0 to 10) that separates pass from fail; scores close to it are sent to a person.",
    )
    pass_margin: float = Field(
        default=0.5,
        ge=0,
        le=10,
        description="Distance from `VIVA_PASS_MARK`, in points of 10, within which a score is sent to a person.",
    )
    batch_size: int = Field(
        default=4, ge=1, le=64, description="Answers to one question that a worker grades together (1 to 64)."
    )
    grading_seconds: float = Field(
        default=900.0,
        ge=0,
        description="Seconds that models and judge may work on one answer, without waiting for other answers; then the "
        "grading is `failed` with the reason `too_long`. A call of the judge or a batch of sentences that has begun is "
        "finished first. 0 for no limit.",
    )
    worker_threads: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Batches that `viva serve` grades concurrently (at most 64); 0 for 1 with the embedded judge and 4 "
        "with a judge server.",
    )
    lease_seconds: float = Field(
        default=10.0,
        ge=1,
        description="Seconds after which a batch is taken from a worker that has stopped renewing its lease. Workers "
        "renew three times in that period.",
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        description="Number of lost workers after which a grading is `dead` instead of requeued.",
    )
    ready_max_age_seconds: float = Field(
        default=900.0,
        ge=0,
        description="Age of the oldest open grading, in seconds, above which `/readyz` returns 503 if no worker has "
        "made progress in that time; 0 for no limit.",
    )
    stop_seconds: float = Field(
        default=25.0,
        ge=0,
        description="Seconds that a stopping worker has to finish its batch; then it requeues the batch.",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port on which `viva work` and `viva serve` each expose Prometheus metrics, without a key: "
        "close it to the outside. 0 to disable; the API also has `/metrics`.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Format of log lines: `text` or `json` (one object a line)."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that is logged: DEBUG, INFO, WARNING or ERROR."
    )
    otlp_endpoint: str = Field(
        default="",
        description="OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318; empty to disable "
        "tracing. Needs `vivavoce[tracing]`.",
    )
    max_wait_seconds: float = Field(default=60.0, ge=0, description="Longest time that `?wait=` waits, in seconds.")
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="Key of the codes that delimit answers in prompts. Empty makes the codes plain hashes, which "
        "anybody can compute. Production requires at least 32 characters, the same for all workers.",
    )

    rate_limit_key: int = Field(
        default=6000,
        ge=0,
        description="Requests a minute that a key may make; 0 for no limit. Replicas with `VIVA_REDIS_URL` count "
        "together.",
    )
    rate_limit_organisation: int = Field(
        default=30_000,
        ge=0,
        description="Requests a minute that all keys of an organisation may make together; 0 for no limit.",
    )
    cors_origins: str = Field(
        default="",
        description="Origins whose pages may call the API from a browser, such as https://hr.example, separated by "
        "commas; empty for none. A page shows its key to its user: give it a key of its own with few scopes.",
    )
    rate_limit_failures: int = Field(
        default=120,
        ge=0,
        description="Requests a minute without a valid key that one address may make before they get 429 instead of "
        "401; 0 for no limit. Valid keys still work from there.",
    )

    upload_max_mib: float = Field(
        default=20.0, gt=0, le=200, description="Largest file of answers that the API takes, in MiB (at most 200)."
    )
    upload_max_rows: int = Field(
        default=50_000,
        ge=1,
        le=1_000_000,
        description="Rows that a file of answers may have (at most 1,000,000); larger ones are refused before they are "
        "read.",
    )
    export_days: float = Field(
        default=30.0,
        gt=0,
        description="Days after which an exported file, and the edited grades that came back with it, are deleted.",
    )
    idempotency_days: float = Field(
        default=7.0,
        gt=0,
        description="Days after which an `Idempotency-Key` is forgotten, and may be used for another request.",
    )

    answer_days: float | None = Field(
        default=None,
        gt=0,
        description="Days after which an answer is erased with its reports and reviews, once it is graded; empty to "
        "keep answers. See docs/api/gradings.md.",
    )
    event_days: float = Field(
        default=30.0, ge=30, description="Days that events and deliveries of webhooks are kept, at least 30."
    )
    stream_seconds: float = Field(
        default=900.0,
        gt=0,
        description="Longest time that a stream of events or results lasts, in seconds. Readers then resume, and their "
        "keys are checked again.",
    )
    webhook_allow_private: bool = Field(
        default=False,
        description="Whether webhooks may go to private addresses, such as 10.0.0.5 or localhost, and to any port. For "
        "installations whose receivers are on the same network.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Adds files of secrets as the last source, provided that their folder exists."""
        # pydantic warns of a missing folder, normal in development.
        folder = Path(os.environ.get("VIVA_SECRETS_DIR") or SECRETS_DIR)
        sources = (init_settings, env_settings, dotenv_settings)
        return (*sources, SecretsSettingsSource(settings_cls, secrets_dir=folder)) if folder.is_dir() else sources

    @field_validator("judge_api_key", "pass_mark", "review_below", "coefficients", "answer_days", mode="before")
    @classmethod
    def _read_empty_as_unset(cls, value: object) -> object:
        # Compose passes an unset variable on as an empty one.
        return None if value == "" else value

    @field_validator("database_url", "redis_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        # Whoever parses it later would quote the password.
        try:
            _ = [urlsplit(url).port for url in value.split(";")]
        except ValueError:
            raise ValueError(
                "the URL cannot be read: write characters such as / # @ in its password as %2F %23 %40"
            ) from None
        return value

    @model_validator(mode="after")
    def _check_production(self) -> Settings:
        if self.environment != "production":
            return self
        secret = self.secret.get_secret_value()
        if secret == SAMPLE_SECRET or len(secret) < _MIN_SECRET_CHARACTERS:
            raise ValueError("VIVA_SECRET is missing, a sample or too short: set one made by 'openssl rand -hex 32'")
        # Several processes write at once, and SQLite has one writer.
        if not self.database_url or self.database_url.startswith("sqlite"):
            raise ValueError("VIVA_DATABASE_URL must name PostgreSQL in production")
        return self

    @cached_property
    def database(self) -> str:
        """The URL of the database in use."""
        return self.database_url or f"sqlite:///{self.state_dir / 'vivavoce.db'}"
