"""Requests as httpx2 sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import httpx2

from ..errors import InvalidRequest
from ..settings import ClientSettings
from .requests import OpenedReply, Request

USER_AGENT = "vivavoce-client"


def list_headers(settings: ClientSettings) -> dict[str, str]:
    """Returns the headers of every request."""
    return {"Authorization": f"Bearer {settings.key}", "User-Agent": USER_AGENT, "Accept": "application/json"}


def build_request(http: httpx2.Client | httpx2.AsyncClient, request: Request[Any], settings: ClientSettings) -> Any:
    """Returns one try of a request. Raises InvalidRequest for a body that is not JSON."""
    headers, content = dict(request.headers), request.content
    if request.body is not None:
        try:
            # Half characters and NaN are no JSON: said here, not by the service.
            content = json.dumps(request.body, ensure_ascii=False, allow_nan=False, default=_write_value).encode()
        except (TypeError, ValueError) as error:
            raise InvalidRequest(
                status=0, problem={"detail": f"The request is no JSON ({error}).", "code": "not_json"}, request_id=None
            ) from error
        headers["Content-Type"] = "application/json"
    return http.build_request(
        request.method,
        f"{settings.url}{request.path}",
        params=[pair for name, value in request.parameters.items() for pair in _write_parameter(name, value)],
        headers=headers,
        content=content,
        timeout=settings.timeout(wait_seconds=request.wait_seconds),
    )


def open_parts(response: httpx2.Response, *, as_events: bool, is_async: bool) -> OpenedReply:
    """Returns a reply with an iterator over its parts."""
    if as_events:
        source = httpx2.EventSource(response)
        return OpenedReply(response, aiter(source) if is_async else iter(source))
    return OpenedReply(response, response.aiter_bytes() if is_async else response.iter_bytes())


def _write_parameter(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [pair for one in value for pair in _write_parameter(name, one)]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    return [(name, str(_write_value(value)) if isinstance(value, (datetime, Enum)) else str(value))]


def _write_value(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"the time {value.isoformat()} has no zone: give it one, such as timezone.utc")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} cannot be sent")
