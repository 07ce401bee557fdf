"""What httpx2 raises, as errors of the client."""

from __future__ import annotations

import httpx2

from ..errors import ClientError, ConnectionLost, UnreadableReply

FAILURES = (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL)
# The request was not sent yet.
_BEFORE_SENDING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


def to_client_error(error: Exception, url: str) -> ClientError:
    """Returns the error of the client for one of httpx2."""
    if isinstance(error, _BEFORE_SENDING):
        return ConnectionLost(
            f"The service at {url} cannot be reached ({_reason(error)}): check the address, and that it runs.",
            may_have_arrived=False,
        )
    if isinstance(error, httpx2.TimeoutException):
        return ConnectionLost(f"The service at {url} did not answer in time.", may_have_arrived=True)
    if isinstance(error, httpx2.DecodingError):
        return UnreadableReply(f"The reply of {url} is compressed in a way that cannot be read.")
    return ConnectionLost(f"The connection to {url} broke off ({_reason(error)}).", may_have_arrived=True)


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
