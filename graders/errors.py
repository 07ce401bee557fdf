"""Errors of the graders: why there is no score, and what keeps a grader from starting.

GraderError
├── ModelMissing      a model's package or file is not installed
├── UnreadableGrades  a file of people's grades, or of coefficients fitted to them, cannot be read
├── TooFewGrades      there are not enough grades by people to fit anything
└── JudgeFailure      the judge gave no verdict; carries a typed reason, never a score
"""

from __future__ import annotations

from enum import StrEnum


class UnscoredReason(StrEnum):
    """Failures of the system, not of the answer: the criterion gets no score."""

    INFRASTRUCTURE = "infrastructure"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    PARSE = "parse"
    REFUSED = "refused"
    UNSUPPORTED_EVIDENCE = "unsupported_evidence"
    TOO_LONG = "too_long"
    INTERNAL = "internal"
    BUDGET = "budget"

    @property
    def retryable(self) -> bool:
        """Whether a retry may succeed: the judge could not be reached or did not reply in time, or was not asked."""
        return self in {UnscoredReason.INFRASTRUCTURE, UnscoredReason.TIMEOUT, UnscoredReason.BUDGET}


class GraderError(Exception):
    """A grader cannot work."""


class ModelMissing(GraderError):
    """A model that this grader needs is not installed."""


class UnreadableGrades(GraderError):
    """A file of answers that people graded, or of coefficients fitted to them, cannot be read."""


class TooFewGrades(GraderError):
    """There are not enough grades by people to fit coefficients."""


class JudgeFailure(GraderError):
    """The judge gave no verdict.

    `detail` describes the cause in words. `unavailable` is true when the judge as a whole is down: its servers cannot
    be reached, reject the API key, or failed on several answers in a row. Otherwise the failure may concern this
    answer only.
    """

    def __init__(self, reason: UnscoredReason, detail: str, *, unavailable: bool = False) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.unavailable = unavailable
