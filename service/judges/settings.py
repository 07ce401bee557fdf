"""The settings of the judges: where they are, how they are asked, and how their votes count."""

from __future__ import annotations

import os
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, TypeAdapter, field_validator, model_validator
from pydantic_settings import BaseSettings


class PanelMember(BaseModel):
    """A further judge of the panel. `url` may list several servers of one model, separated by commas."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    engine: str = "vllm"
    model: str
    revision: str
    api_key: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if not split_urls(value):
            raise ValueError("a member of VIVA_JUDGE_PANEL has no url")
        return _check_urls(value)


class JudgeSettings(BaseSettings):
    """The part of the settings that names the judges; see Settings."""

    judge_url: str = Field(
        default="",
        description="URL of an OpenAI-compatible judge server, with or without `/v1`, or of several servers of one "
        "model, separated by commas. Empty to start the embedded judge.",
    )
    judge_engine: str = Field(default="vllm", description="Engine behind `VIVA_JUDGE_URL`: vllm or llamacpp.")
    judge_model: str = Field(
        default="", description="Name of the model that `VIVA_JUDGE_URL` serves; required with that setting."
    )
    judge_revision: str = Field(
        default="",
        description="Revision or hash of that model, stored in every report; required with `VIVA_JUDGE_URL`.",
    )
    judge_api_key: SecretStr | None = Field(default=None, description="Bearer token for `VIVA_JUDGE_URL`.")
    judge_timeout_seconds: float = Field(
        default=60.0, gt=0, le=600, description="Timeout of one attempt at a judge call, in seconds (at most 600)."
    )
    judge_deadline_seconds: float = Field(
        default=120.0,
        gt=0,
        le=1800,
        description="Timeout of a judge call with all its retries, in seconds (at most 1800).",
    )
    on_judge_unavailable: Literal["wait", "provisional"] = Field(
        default="wait",
        description="What the API shows for an answer while the judge is unavailable: `wait` only the reason, "
        "`provisional` also the range in which the score will lie. The answer is graded once the judge is back.",
    )
    judge_mode: Literal["fast", "explained"] = Field(
        default="fast",
        description="`fast`: the judge replies with one verdict token for each level; `explained`: it states evidence "
        "and a reason before each verdict.",
    )
    judge_samples: int = Field(
        default=1,
        ge=1,
        le=9,
        description="Replies sampled from each judge (1 to 9), each of which is a vote. More than 1 needs `explained`.",
    )
    judge_concurrency: int = Field(
        default=0,
        ge=0,
        le=512,
        description="Answers judged concurrently (at most 512); 0 chooses a number for the engine.",
    )
    judge_panel: list[PanelMember] = Field(
        default=[],
        description="Further judges that vote: a JSON list of objects with `url`, `engine`, `model`, `revision`.",
    )
    judge_quorum: int = Field(
        default=0, ge=0, description="Votes needed to score a criterion; 0 for more than half of all votes."
    )
    judge_price_prompt: float = Field(
        default=0.0, ge=0, description="Price of a million prompt tokens, in a currency of your choice."
    )
    judge_price_cached: float = Field(
        default=0.0, ge=0, description="Price of a million prompt tokens that the engine had in its prefix cache."
    )
    judge_price_completion: float = Field(default=0.0, ge=0, description="Price of a million generated tokens.")
    judge_threads: int = Field(
        default_factory=lambda: min(os.cpu_count() or 1, 8),
        ge=1,
        description="Processor threads of the embedded judge.",
    )

    @field_validator("judge_url")
    @classmethod
    def _check_judge_url(cls, value: str) -> str:
        return _check_urls(value)

    @model_validator(mode="after")
    def _refuse_old_names(self) -> Self:
        # Ignored, it would quietly get the default.
        if "VIVA_JUDGE_AWAY" in os.environ:
            raise ValueError("VIVA_JUDGE_AWAY is called VIVA_ON_JUDGE_UNAVAILABLE now: rename it")
        return self

    @model_validator(mode="after")
    def _check_judges(self) -> Self:
        if self.judge_url and not (self.judge_model and self.judge_revision):
            raise ValueError("VIVA_JUDGE_URL is set: set VIVA_JUDGE_MODEL and VIVA_JUDGE_REVISION too, for the reports")
        if self.judge_samples > 1 and self.judge_mode == "fast":
            raise ValueError("VIVA_JUDGE_SAMPLES is above 1: set VIVA_JUDGE_MODE=explained, fast verdicts never vary")
        if self.judge_quorum > self.votes:
            raise ValueError(f"VIVA_JUDGE_QUORUM is {self.judge_quorum}, but only {self.votes} votes are cast")
        return self

    @property
    def has_prices(self) -> bool:
        """Whether calls of the judge cost anything."""
        return bool(self.judge_price_prompt or self.judge_price_cached or self.judge_price_completion)

    @property
    def votes(self) -> int:
        """The number of votes cast on each criterion: judges times samples."""
        return (1 + len(self.judge_panel)) * self.judge_samples


def split_urls(value: str) -> tuple[str, ...]:
    """Splits URLs at commas, and removes blanks, trailing slashes and a trailing `/v1`, which other clients want."""
    return tuple(url.strip().rstrip("/").removesuffix("/v1") for url in value.split(",") if url.strip())


def _check_urls(value: str) -> str:
    urls = split_urls(value)
    for url in urls:
        TypeAdapter(HttpUrl).validate_python(url)
    return ",".join(urls)
