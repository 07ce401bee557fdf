"""Every setting, read once from the environment (`VIVA_…`), a `.env` file, or files of secrets (`viva_…`)."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, field_validator, model_validator
from pydantic import HttpUrl as _HttpUrl
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

SAMPLE_SECRET = "change-me"
SECRETS_DIR = Path("/run/secrets")
"""Where containers find their secrets."""


class PanelMember(BaseModel):
    """A further judge; `url` may name several servers of one model, separated by commas."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    engine: str = "vllm"
    model: str
    revision: str
    api_key: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _names_a_server(cls, value: str) -> str:
        if not split_urls(value):
            raise ValueError("a member of VIVA_JUDGE_PANEL has no url")
        return _checked_urls(value)


class Settings(BaseSettings):
    """What can be set; the description of each field is its documentation."""

    model_config = SettingsConfigDict(env_prefix="VIVA_", env_file=".env", extra="ignore", frozen=True)

    environment: Literal["development", "production"] = Field(
        default="development", description="`production` refuses sample secrets and SQLite."
    )
    secrets_dir: Path = Field(
        default=SECRETS_DIR,
        description="Folder of files such as `viva_database_url`, each with the value of the setting it is named for; "
        "the environment comes first. Read from the environment only.",
    )
    state_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("vivavoce"),
        description="Folder for the SQLite database and logs.",
    )
    models_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("vivavoce") / "models",
        description="Folder for model files; safe to delete, `viva models fetch` fills it again.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL, such as postgresql+psycopg://user:password@host/name; "
        "empty for SQLite in the state folder.",
    )
    redis_url: str = Field(
        default="", description="Redis for Celery's doorbell; empty to grade inside the service process."
    )
    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port of the API.")
    judge_url: str = Field(
        default="",
        description="OpenAI-compatible judge server, or several of one model, separated by commas, with "
        "or without `/v1`; empty to start the embedded judge.",
    )
    judge_engine: str = Field(default="vllm", description="Engine behind `judge_url`: vllm or llamacpp.")
    judge_model: str = Field(
        default="", description="Model name that the judge at `judge_url` serves; required with it."
    )
    judge_revision: str = Field(
        default="", description="Revision or hash of that model, kept in every report; required with it."
    )
    judge_api_key: SecretStr | None = Field(default=None, description="Bearer token for `judge_url`.")
    judge_timeout_seconds: float = Field(default=60.0, gt=0, le=600, description="Bound on one try of one judge call.")
    judge_deadline_seconds: float = Field(
        default=120.0, gt=0, le=1800, description="Bound on all tries of one judge call together."
    )
    on_judge_unavailable: Literal["wait", "provisional"] = Field(
        default="wait",
        description="What callers are told of an answer that waits because the judge is away: that it waits, or "
        "`provisional` too, the range that its score can still take. It is graded when the judge is back.",
    )
    judge_mode: Literal["fast", "explained"] = Field(
        default="fast",
        description="`fast`: one verdict token an item; `explained`: evidence and reason before the verdict.",
    )
    judge_scope: Literal["criterion", "rubric"] = Field(
        default="criterion", description="One call for each criterion level, or one for the whole rubric."
    )
    judge_context: Literal["brief", "full"] = Field(
        default="brief",
        description="What the judge sees beside the answer: the question alone, or the whole rubric.",
    )
    judge_few_shot: bool = Field(default=False, description="Show the judge the rubric's graded examples.")
    judge_samples: int = Field(
        default=1,
        ge=1,
        le=9,
        description="Replies drawn from each judge and put to the vote; more than 1 needs `explained`.",
    )
    judge_concurrency: int = Field(
        default=0, ge=0, le=512, description="Answers judged at the same time; 0 takes what suits the engine."
    )
    judge_panel: list[PanelMember] = Field(
        default=[],
        description="Further judges that vote, as a JSON list of objects with `url`, `engine`, `model`, `revision`.",
    )
    judge_quorum: int = Field(
        default=0, ge=0, description="Votes that a criterion needs; 0 asks for more than half of the judges."
    )
    judge_price_prompt: float = Field(default=0.0, ge=0, description="Price of a million prompt tokens.")
    judge_price_cached: float = Field(
        default=0.0, ge=0, description="Price of a million prompt tokens that the engine had cached."
    )
    judge_price_completion: float = Field(default=0.0, ge=0, description="Price of a million generated tokens.")
    judge_threads: int = Field(
        default_factory=lambda: min(os.cpu_count() or 1, 8),
        ge=1,
        description="Processor threads of the embedded judge.",
    )
    embedding_model: str = Field(
        default="multilingual-e5-small-q4",
        description="`multilingual-e5-small-q4`, `all-MiniLM-L6-v2` (English only), or a "
        "sentence-transformers model by name or folder.",
    )
    coefficients: Path | None = Field(
        default=None,
        description="File of coefficients that `viva calibrate` fitted to your people's grades; empty for those that "
        "ship with vivavoce.",
    )
    review_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of the scored answers that goes to a person for doubt, the least sure first; each worker "
        "goes by the last 500 that it graded.",
    )
    review_below: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Instead of a share: reports with less confidence than this go to a person.",
    )
    pass_mark: float | None = Field(
        default=None, ge=0, le=10, description="Score that decides something; those near it go to a person."
    )
    pass_margin: float = Field(
        default=0.5, ge=0, le=10, description="How near, in points of 10, a score must be to `VIVA_PASS_MARK`."
    )
    batch_size: int = Field(default=4, ge=1, le=64, description="Answers to one question graded together.")
    worker_threads: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Batches that `viva serve` grades at the same time; 0 takes 1 for the embedded judge, else 4.",
    )
    lease_seconds: float = Field(
        default=10.0,
        ge=1,
        description="How long a batch stays with a worker that shows no sign of life; it renews every third of that.",
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        description="Times a grading may crash its worker before it is set aside as dead.",
    )
    ready_max_age_seconds: float = Field(
        default=900.0,
        ge=0,
        description="`/readyz` says 503 when the oldest open grading is older than this; 0 for never.",
    )
    stop_seconds: float = Field(
        default=25.0,
        ge=0,
        description="Time that a worker told to stop has for the batch in hand; then it puts the batch back in line.",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port on which `viva work` shows Prometheus its metrics; 0 for none. The API has `/metrics`.",
    )
    log_format: Literal["text", "json"] = Field(default="text", description="Log lines for people, or for machines.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged.")
    otlp_endpoint: str = Field(
        default="",
        description="OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318; empty to record no "
        "traces. Needs `vivavoce[tracing]`.",
    )
    max_wait_seconds: float = Field(default=60.0, ge=0, description="Upper bound of `?wait=`.")
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="Keys the code that fences answers in prompts. Empty makes the code a plain hash, the "
        "same on every machine; production needs a secret of at least 32 characters, the same for all workers.",
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
        """Files of secrets come last, and only from a folder that is there: pydantic warns of a missing one."""
        folder = Path(os.environ.get("VIVA_SECRETS_DIR") or SECRETS_DIR)
        sources = (init_settings, env_settings, dotenv_settings)
        return (*sources, SecretsSettingsSource(settings_cls, secrets_dir=folder)) if folder.is_dir() else sources

    @field_validator("judge_api_key", "pass_mark", "review_below", "coefficients", mode="before")
    @classmethod
    def _empty_means_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("judge_url")
    @classmethod
    def _is_addresses(cls, value: str) -> str:
        return _checked_urls(value)

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if self.judge_url and not (self.judge_model and self.judge_revision):
            raise ValueError("VIVA_JUDGE_URL is set: set VIVA_JUDGE_MODEL and VIVA_JUDGE_REVISION too, for the reports")
        if self.judge_samples > 1 and self.judge_mode == "fast":
            raise ValueError("VIVA_JUDGE_SAMPLES is above 1: set VIVA_JUDGE_MODE=explained, fast verdicts never vary")
        if self.judge_quorum > self.votes:
            raise ValueError(f"VIVA_JUDGE_QUORUM is {self.judge_quorum}, but only {self.votes} votes are cast")
        if self.environment == "production":
            secret = self.secret.get_secret_value()
            if secret == SAMPLE_SECRET or len(secret) < 32:
                raise ValueError(
                    "VIVA_SECRET is missing, a sample or too short: set one made by 'openssl rand -hex 32'"
                )
            if not self.database_url or self.database_url.startswith("sqlite"):
                raise ValueError("VIVA_DATABASE_URL must name PostgreSQL in production")
        return self

    @property
    def votes(self) -> int:
        """Votes cast on each criterion."""
        return (1 + len(self.judge_panel)) * self.judge_samples

    @cached_property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.state_dir / 'vivavoce.db'}"


def _checked_urls(value: str) -> str:
    urls = split_urls(value)
    for url in urls:
        TypeAdapter(_HttpUrl).validate_python(url)
    return ",".join(urls)


def split_urls(value: str) -> tuple[str, ...]:
    """Addresses that a setting names, separated by commas; `/v1` at the end, as other clients want it, is left off."""
    return tuple(url.strip().rstrip("/").removesuffix("/v1") for url in value.split(",") if url.strip())
