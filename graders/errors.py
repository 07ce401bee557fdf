"""Why a grader could not score, and what stops it from starting.

GraderError
├── ModelMissing      a model's package or file is not installed
├── UnreadableGrades  a file of people's grades, or of coefficients fitted to them, cannot be read
└── JudgeFailure      the judge gave no verdict; carries a typed reason, never a score
"""

from __future__ import annotations

from enum import StrEnum


class UnscoredReason(StrEnum):
    """Failures of ours: they give no score, whatever the answer says."""

    INFRASTRUCTURE = "infrastructure"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    PARSE = "parse"
    REFUSED = "refused"
    UNSUPPORTED_EVIDENCE = "unsupported_evidence"
    TOO_LONG = "too_long"

    @property
    def retryable(self) -> bool:
        """Whether the same call may well succeed later: true when the judge was out of reach."""
        return self in {UnscoredReason.INFRASTRUCTURE, UnscoredReason.TIMEOUT}


class GraderError(Exception):
    """A grader cannot work."""


class ModelMissing(GraderError):
    """A model that this grader needs is not installed."""


class UnreadableGrades(GraderError):
    """A file of answers that people graded, or of coefficients fitted to them, cannot be read."""


class TooFewGrades(GraderError):
    """There are not enough grades by people to fit anything to."""


class JudgeFailure(GraderError):
    """The judge gave no verdict.

    `unavailable` says that it would give none to anybody now: its servers cannot be reached, refuse the key, or
    failed on answer after answer. Without it the failure may be this answer's alone.
    """

    def __init__(self, reason: UnscoredReason, detail: str, *, unavailable: bool = False) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.unavailable = unavailable
