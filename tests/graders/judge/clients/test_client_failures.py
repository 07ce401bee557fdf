from __future__ import annotations

import httpx
import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.clients.client_failures import (
    Busy,
    Misconfigured,
    NotFound,
    build_connection_failure,
    build_key_failure,
    check_status,
    is_server_failure,
    is_worth_retrying,
)

REQUEST = httpx.Request("POST", "http://judge/v1/chat/completions")
BUSY = Busy(503, None)
HTTP_500 = JudgeFailure(UnscoredReason.INFRASTRUCTURE, "HTTP 500")
TIMEOUT = JudgeFailure(UnscoredReason.TIMEOUT, "too slow")
UNREADABLE = JudgeFailure(UnscoredReason.PARSE, "no JSON")


def _failure(status: int, content: bytes = b"", **headers: str) -> JudgeFailure:
    with pytest.raises(JudgeFailure) as error:
        check_status(httpx.Response(status, request=REQUEST, headers=headers), content)
    return error.value


def test_success_is_no_failure() -> None:
    check_status(httpx.Response(200, request=REQUEST), b"")


@pytest.mark.parametrize(
    ("status", "kind", "reason", "unavailable", "words"),
    [
        (401, Misconfigured, "infrastructure", True, "check VIVA_JUDGE_API_KEY"),
        (403, Misconfigured, "infrastructure", True, "check VIVA_JUDGE_API_KEY"),
        (404, NotFound, "infrastructure", True, "has no /v1/chat/completions or does not serve this model"),
        (408, JudgeFailure, "infrastructure", False, "HTTP 408"),
        (422, JudgeFailure, "parse", False, "rejects the request (HTTP 422): bad field"),
        (429, Busy, "infrastructure", False, "busy (HTTP 429)"),
        (500, JudgeFailure, "infrastructure", False, "HTTP 500"),
        (503, Busy, "infrastructure", False, "busy (HTTP 503)"),
        (302, JudgeFailure, "infrastructure", False, "HTTP 302"),
    ],
)
def test_each_status_has_its_failure(
    status: int, kind: type[JudgeFailure], reason: str, unavailable: bool, words: str
) -> None:
    failure = _failure(status, b"bad field")
    assert type(failure) is kind
    assert (failure.reason, failure.unavailable) == (reason, unavailable)
    assert words in failure.detail


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"exceeds the Context size", UnscoredReason.TOO_LONG),
        (b"unknown field", UnscoredReason.PARSE),
        (b" " * 300 + b"context", UnscoredReason.PARSE),
    ],
)
def test_a_400_about_the_context_is_too_long(content: bytes, reason: UnscoredReason) -> None:
    assert _failure(400, content).reason is reason


def test_error_pages_are_cut_and_decoded() -> None:
    detail = _failure(422, "是".encode()[:2] + b"x" * 1000).detail
    assert "\ufffdx" in detail
    assert len(detail) < 400


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2.0), ("0.05", 0.05), ("-1", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None), (None, None)],
)
def test_a_busy_server_may_say_how_long(header: str | None, seconds: float | None) -> None:
    failure = _failure(503, **({} if header is None else {"Retry-After": header}))
    assert isinstance(failure, Busy)
    assert failure.retry_after == seconds


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (httpx.ConnectError("refused"), True),
        (httpx.ConnectTimeout("slow"), True),
        (httpx.PoolTimeout("full"), True),
        (httpx.RemoteProtocolError("hung up"), False),
        (httpx.ReadError("reset"), False),
    ],
)
def test_only_a_missing_connection_is_unavailable(error: httpx.HTTPError, unavailable: bool) -> None:
    failure = build_connection_failure(error)
    assert (failure.reason, failure.unavailable) == (UnscoredReason.INFRASTRUCTURE, unavailable)
    assert type(error).__name__ in failure.detail


@pytest.mark.parametrize(
    ("failure", "counts"),
    [(HTTP_500, True), (TIMEOUT, True), (BUSY, False), (build_key_failure(), False), (UNREADABLE, False)],
)
def test_a_server_is_blamed_for_its_own_failures_only(failure: JudgeFailure, counts: bool) -> None:
    assert is_server_failure(failure) is counts


@pytest.mark.parametrize(
    ("error", "alone", "with_others"),
    [
        (HTTP_500, True, True),
        (BUSY, True, True),
        (TIMEOUT, False, True),
        (build_key_failure(), False, True),
        (UNREADABLE, False, False),
        (ValueError("a bug"), False, False),
    ],
)
def test_retries_depend_on_other_servers(error: Exception, alone: bool, with_others: bool) -> None:
    assert [is_worth_retrying(error, servers=servers) for servers in (1, 2)] == [alone, with_others]
