"""A typed client of the API, blocking and asynchronous. It needs nothing of the service but its address and a key."""

from .client import AsyncClient, Client
from .errors import (
    ApiError,
    ClientError,
    Conflict,
    ConnectionLost,
    DownloadDamaged,
    InvalidRequest,
    NotAllowed,
    NotConfigured,
    NotFound,
    ServiceFailed,
    TooManyRequests,
    UnreadableReply,
    WaitTimedOut,
)

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "Conflict",
    "ConnectionLost",
    "DownloadDamaged",
    "InvalidRequest",
    "NotAllowed",
    "NotConfigured",
    "NotFound",
    "ServiceFailed",
    "TooManyRequests",
    "UnreadableReply",
    "WaitTimedOut",
]
