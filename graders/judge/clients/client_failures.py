"""Failures of judge servers as JudgeFailures, and which of them are worth another try or count against a server."""

from __future__ import annotations

import httpx

from ...errors import JudgeFailure, UnscoredReason

# What an error page adds to a message, in bytes.
_SHOWN_BYTES = 300


class Busy(JudgeFailure):
    """The server is overloaded but well; `retry_after` is the number of seconds that it asks to wait, if any."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(UnscoredReason.INFRASTRUCTURE, f"the judge is busy (HTTP {status})")
        self.retry_after = retry_after


class Misconfigured(JudgeFailure):
    """The server is well, but our address, model or key is wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__(UnscoredReason.INFRASTRUCTURE, detail, unavailable=True)


class NotFound(Misconfigured):
    """The server has nothing at the path (HTTP 404)."""


def check_status(response: httpx.Response, content: bytes) -> None:
    """Raise JudgeFailure if a reply with this body is an error."""
    status = response.status_code
    if status == 200:
        return
    if status in (429, 503):
        raise Busy(status, _parse_retry_after(response.headers.get("Retry-After")))
    message = content[:_SHOWN_BYTES].decode("utf-8", "replace")
    if status == 400 and "context" in message.lower():
        raise JudgeFailure(UnscoredReason.TOO_LONG, "the prompt does not fit the judge's context")
    if status in (401, 403):
        raise build_key_failure()
    if status == 404:
        raise NotFound(
            f"the judge has no {response.url.path} or does not serve this model (HTTP 404): "
            "check VIVA_JUDGE_URL and VIVA_JUDGE_MODEL"
        )
    if 400 <= status < 500 and status != 408:
        raise JudgeFailure(UnscoredReason.PARSE, f"the judge rejects the request (HTTP {status}): {message}")
    raise JudgeFailure(UnscoredReason.INFRASTRUCTURE, f"the judge answered HTTP {status}")


def build_key_failure() -> Misconfigured:
    """The failure of a server that refuses our key."""
    return Misconfigured("the judge refuses the API key: check VIVA_JUDGE_API_KEY")


def build_connection_failure(error: httpx.HTTPError) -> JudgeFailure:
    """The failure of a connection; `unavailable` only if no connection could be made."""
    # A server that hangs up once may answer others.
    unavailable = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    detail = f"the judge cannot be reached ({type(error).__name__})"
    return JudgeFailure(UnscoredReason.INFRASTRUCTURE, detail, unavailable=unavailable)


def is_server_failure(failure: JudgeFailure) -> bool:
    """Whether a failure counts against the server; busy servers, our mistakes and limits, and replies do not."""
    is_ours = isinstance(failure, Busy | Misconfigured) or failure.reason is UnscoredReason.BUDGET
    return failure.reason.retryable and not is_ours


def is_free(failure: JudgeFailure) -> bool:
    """Whether a try that failed has used nothing for certain: it was not taken on, or never reached the server."""
    return isinstance(failure, Busy | Misconfigured) or (
        failure.reason is UnscoredReason.INFRASTRUCTURE and failure.unavailable
    )


def is_worth_retrying(error: BaseException, *, servers: int) -> bool:
    """Whether a call that failed may succeed at one of this many servers."""
    if not isinstance(error, JudgeFailure):
        return False
    if isinstance(error, Misconfigured):
        return servers > 1
    # After a timeout, the only server would double the wait.
    return error.reason is UnscoredReason.INFRASTRUCTURE or (error.reason is UnscoredReason.TIMEOUT and servers > 1)


def _parse_retry_after(value: str | None) -> float | None:
    try:
        return max(float(value), 0.0) if value else None
    except ValueError:
        return None  # A date instead of seconds: our own back-off is used.
