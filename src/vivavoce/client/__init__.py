"""A typed client of the API, blocking and asynchronous. It needs nothing of the service but its address and a key."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import (
    ApiError,
    ClientError,
    Conflict,
    ConnectionLost,
    DownloadDamaged,
    ExportFailed,
    InvalidRequest,
    InvalidSignature,
    NotAllowed,
    NotConfigured,
    NotFound,
    ServiceFailed,
    TooManyRequests,
    UnreadableReply,
    WaitTimedOut,
)

if TYPE_CHECKING:
    from .client import AsyncClient, Client
    from .webhook_messages import WebhookMessage, read_webhook_message

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "Conflict",
    "ConnectionLost",
    "DownloadDamaged",
    "ExportFailed",
    "InvalidRequest",
    "InvalidSignature",
    "NotAllowed",
    "NotConfigured",
    "NotFound",
    "ServiceFailed",
    "TooManyRequests",
    "UnreadableReply",
    "WaitTimedOut",
    "WebhookMessage",
    "read_webhook_message",
]
# Imported on first use, so that whoever only names the errors starts at once.
_LAZY = {
    "AsyncClient": ".client",
    "Client": ".client",
    "WebhookMessage": ".webhook_messages",
    "read_webhook_message": ".webhook_messages",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
