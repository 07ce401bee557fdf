from __future__ import annotations

import pytest

from vivavoce.graders import GraderError, JudgeFailure, ModelMissing, UnscoredReason
from vivavoce.graders.errors import TooFewGrades, UnreadableGrades


@pytest.mark.parametrize("reason", UnscoredReason)
def test_only_a_judge_that_was_not_reached_or_not_asked_is_worth_a_retry(reason: UnscoredReason) -> None:
    is_unasked = reason in (UnscoredReason.INFRASTRUCTURE, UnscoredReason.TIMEOUT, UnscoredReason.BUDGET)
    assert reason.retryable is is_unasked


def test_a_failure_of_the_judge_says_why() -> None:
    failure = JudgeFailure(UnscoredReason.TOO_LONG, "9000 tokens", unavailable=True)
    assert str(failure) == "too_long: 9000 tokens"
    assert (failure.reason, failure.detail, failure.unavailable) == (UnscoredReason.TOO_LONG, "9000 tokens", True)
    assert JudgeFailure(UnscoredReason.PARSE, "none").unavailable is False


@pytest.mark.parametrize("kind", [ModelMissing, UnreadableGrades, TooFewGrades, JudgeFailure])
def test_all_errors_of_the_graders_have_one_base(kind: type[Exception]) -> None:
    assert issubclass(kind, GraderError)
