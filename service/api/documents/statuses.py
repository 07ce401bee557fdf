"""Statuses of an operation that follow from its kind, so that no route lists them: an address with an id, a body, …"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Any request may get these.
_ANY_TIME = frozenset({429, 500, 503})
_WITH_KEY = frozenset({401, 403})
_OF_BODY = frozenset({400, 413, 422})
# Files may come under any type, unless their route says otherwise.
_OF_JSON = frozenset({415})
_OF_PARAMETER: Mapping[str, frozenset[int]] = {
    "cursor": frozenset({400}),
    "sync_token": frozenset({400}),
    "Idempotency-Key": frozenset({409, 422}),
    "If-Match": frozenset({412}),
}


def list_statuses(path: str, operation: Mapping[str, Any], *, needs_key: bool) -> frozenset[int]:
    """Returns the statuses of errors that an operation at an address may have because of its kind.

    What depends on the state of a resource (409), or on what the route does, stands in the route.
    """
    found = _ANY_TIME | (_WITH_KEY if needs_key else frozenset())
    if "{" in path:
        found |= {404}
    if path.startswith("/v1/"):
        # An unknown query parameter is refused everywhere.
        found |= {422}
    if body := operation.get("requestBody"):
        found |= _OF_BODY | (_OF_JSON if "application/json" in body["content"] else frozenset())
    for parameter in operation.get("parameters", ()):
        found |= _OF_PARAMETER.get(parameter["name"], frozenset())
    return found
