"""The bodies of replies that belong to no resource: errors and readiness."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(default="about:blank", description="Always `about:blank`: see `code`.")
    title: str = Field(description="The kind of error, in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong and how to fix it, in one sentence.")
    code: str = Field(description="The kind of error as a fixed code.")


class Readiness(BaseModel):
    """Whether the service is ready, and the state of its parts, which is null for callers who may not see it."""

    ready: bool = Field(description="Whether answers can be stored and are graded in time.")
    database: str | None = Field(description="`ok`, or the error.")
    judge: str | None = Field(description="`ok`, or what is wrong with which server.")
    queue: dict[str, int] | None = Field(description="Number of gradings in each state.")
    oldest_open_seconds: float | None = Field(
        description="Age of the oldest open grading, in seconds; null if there is none."
    )
