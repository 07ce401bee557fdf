"""A typed client of the API, blocking and asynchronous. It needs nothing of the service but its address and a key."""

from .client import AsyncClient, Client
from .errors import (
    ApiError,
    ClientError,
    Conflict,
    ConnectionLost,
    DownloadDamaged,
    ExportFailed,
    InvalidRequest,
    NotAllowed,
    NotConfigured,
    NotFound,
    ServiceFailed,
    TooManyRequests,
    UnreadableReply,
    WaitTimedOut,
)
from .webhook_messages import InvalidSignature, WebhookMessage, read_webhook_message

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
