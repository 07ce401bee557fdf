"""What all bodies of requests have in common, and the bodies of replies that belong to no resource."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _read_whole(value: Any) -> Any:
    # JSON has one kind of number: 5.0 is a whole one.
    return int(value) if isinstance(value, float) and value.is_integer() else value


# After the bounds, which the schema would lose behind it.
READ_WHOLE = BeforeValidator(_read_whole)
"""Takes a whole number of a request also as 5.0."""


class RequestBody(BaseModel):
    """The body of a request: no other fields, and numbers, texts and truth values written as such."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ProblemError(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str | None = Field(
        description="JSON pointer (RFC 6901) of the place in the body, such as `/rubric/criteria/0/points`; null for a "
        "parameter."
    )
    parameter: str | None = Field(description="The parameter, such as `query.limit`; null for the body.")
    code: str = Field(description="The kind of error as a fixed code.")
    detail: str = Field(description="What is wrong and how to fix it, in one sentence.")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(default="about:blank", description="Always `about:blank`: see `code`.")
    title: str = Field(description="The kind of error, in a few words.")
    status: int = Field(ge=100, le=599, description="The HTTP status.")
    detail: str = Field(description="What is wrong and how to fix it, in one sentence.")
    code: str = Field(description="The kind of error as a fixed code.")
    errors: list[ProblemError] | None = Field(
        default=None, description="All that is wrong with the request, at most 50; null unless it names a place."
    )


class Readiness(BaseModel):
    """Whether the service is ready, and the state of its parts, which is null for callers who may not see it."""

    ready: bool = Field(description="Whether answers can be stored and are graded in time.")
    database: str | None = Field(description="`ok`, or the error.")
    judge: str | None = Field(description="`ok`, or what is wrong with which server.")
    queue: dict[str, int] | None = Field(description="Number of gradings in each state.")
    oldest_open_seconds: float | None = Field(
        ge=0, description="Age of the oldest open grading, in seconds; null if there is none."
    )
