"""Errors of the client.

ClientError
├── NotConfigured        no key, or an address that is none
├── ConnectionLost       the service cannot be reached, or the connection broke; `may_have_arrived` says how far it came
├── UnreadableReply      the reply is not what the API describes
├── WaitTimedOut         what was waited for did not end in time
├── ExportFailed         the service could not write the file of an export
├── DownloadDamaged      a downloaded file has another SHA-256 than its manifest
├── InvalidSignature     a message of a webhook is not from the service
└── ApiError             the service refused the request
    ├── InvalidRequest   400, 410, 413, 415, 422: the request itself is wrong
    ├── NotAllowed       401, 403: no valid key, or one without the scope
    ├── NotFound         404
    ├── Conflict         409, 412, 428: the state forbids it, or somebody else was faster
    ├── TooManyRequests  429: still after all tries
    └── ServiceFailed    500 and above: still after all tries
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BODY_SHOWN = 200


class ClientError(Exception):
    """Something went wrong; the message is one sentence that names the cause and the fix."""


class NotConfigured(ClientError):
    """No key, or an address that is none."""


class ConnectionLost(ClientError):
    """The service cannot be reached, or the connection broke.

    `may_have_arrived` is False if the request was certainly not processed, so that it can be sent again.
    """

    def __init__(self, message: str, *, may_have_arrived: bool) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class UnreadableReply(ClientError):
    """The reply is not what the API describes: address and versions should be checked."""


class WaitTimedOut(ClientError):
    """What was waited for did not end in time; it goes on in the service."""


class ExportFailed(ClientError):
    """The service could not write the file of an export; the message says why."""


class InvalidSignature(ClientError):
    """A message of a webhook is not from the service, is older than five minutes, or was changed on its way."""


class DownloadDamaged(ClientError):
    """A downloaded file has another SHA-256 than its manifest: it was deleted."""


@dataclass(frozen=True)
class ProblemPlace:
    """One thing that is wrong with a request: `pointer` into its body, or `parameter`, such as `query.limit`."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ApiError(ClientError):
    """The service refused the request; `code` is what programs should tell errors apart by.

    `status` is the HTTP status, `detail` the sentence of the problem document, `errors` all that is wrong, `request_id`
    the id under which the service's log has the request, `problem` the whole document (empty if there was none).
    """

    def __init__(
        self, *, status: int, problem: Mapping[str, Any], request_id: str | None, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code") or f"http_{status}")
        self.detail = str(problem.get("detail") or problem.get("title") or f"The service replied with status {status}.")
        self.request_id = request_id
        self.retry_after = retry_after
        self.errors = tuple(_read_place(place) for place in problem.get("errors") or () if isinstance(place, dict))
        super().__init__(self.detail)

    def __str__(self) -> str:
        # Operators find a failure by its id; a caller's own mistake needs none.
        if self.status >= 500 and self.request_id:
            return f"{self.detail} (request {self.request_id})"
        return self.detail


class InvalidRequest(ApiError):
    """The request itself is wrong; the same one fails again."""


class NotAllowed(ApiError):
    """No valid key, or one without the scope of the route."""


class NotFound(ApiError):
    """There is no such address, or no such row of the key's organisation."""


class Conflict(ApiError):
    """The state forbids it, or somebody else was faster: read the resource again."""


class TooManyRequests(ApiError):
    """There were too many requests, also after all tries."""


class ServiceFailed(ApiError):
    """The service or a proxy before it failed, also after all tries."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    428: Conflict,
    429: TooManyRequests,
}


def read_error(
    status: int, content: bytes, *, request_id: str | None, retry_after: float | None, location: str | None = None
) -> ApiError:
    """Returns the error of a reply; a body that is no problem document, such as a proxy's page, is named by status."""
    if 300 <= status < 400:
        detail = f"The service redirects to {location}: give the address without the redirect, such as https."
        return InvalidRequest(status=status, problem={"detail": detail}, request_id=request_id)
    try:
        problem = json.loads(content)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "detail" not in problem:
        start = " ".join(content[:_BODY_SHOWN].decode("utf-8", "replace").split())
        problem = {
            "detail": f"The service, or a proxy before it, replied with status {status} and no reason ({start})."
        }
    kind = _BY_STATUS.get(status, ServiceFailed if status >= 500 else InvalidRequest)
    return kind(status=status, problem=problem, request_id=request_id, retry_after=retry_after)


def _read_place(place: Mapping[str, Any]) -> ProblemPlace:
    return ProblemPlace(
        code=str(place.get("code", "")),
        detail=str(place.get("detail", "")),
        pointer=place.get("pointer"),
        parameter=place.get("parameter"),
    )
