"""HTTP to webhook endpoints: every address of a name is checked, and the connection goes to the one that was checked.

No redirect is followed and no proxy used. A whole try has one time limit, however slowly a receiver answers.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from ..settings import Settings
from .addresses import check_parts, is_allowed, parse_addresses

MAX_REPLY_BYTES = 16 * 1024
Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a name."""


class ForbiddenAddress(Exception):
    """The name leads to an address that webhooks must not go to; nothing was connected."""


@dataclass(frozen=True)
class Answer:
    """What a receiver answered. `wants_no_more` says that it asks for no further try of this message."""

    status: int
    wants_no_more: bool


def resolve_name(host: str, port: int) -> list[str]:
    """Returns the addresses that the system finds for a name."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class _LimitedStream(httpcore2.NetworkStream):
    """A stream all of whose operations share one deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See NetworkStream."""
        return self._stream.read(max_bytes, self._left(httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See NetworkStream."""
        self._stream.write(buffer, self._left(httpcore2.WriteTimeout))

    def close(self) -> None:
        """See NetworkStream."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """See NetworkStream."""
        left = self._left(httpcore2.ConnectTimeout)
        return _LimitedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """See NetworkStream."""
        return self._stream.get_extra_info(info)

    def _left(self, error: type[httpcore2.TimeoutException]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise error("the time limit of the try is up")
        return left


class _CheckedNetwork(httpcore2.SyncBackend):
    """Connects to the addresses of a name, after all of them were checked."""

    def __init__(self, settings: Settings, resolve: Resolver) -> None:
        self._settings, self._resolve = settings, resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Returns a connection. Raises ForbiddenAddress if any address of the name is forbidden."""
        deadline = time.monotonic() + (timeout or 0.0)
        address = self._find_address(host, port)
        left = max(deadline - time.monotonic(), 0.001)
        stream = super().connect_tcp(address, port, left, local_address, socket_options)
        return _LimitedStream(stream, deadline)

    def _find_address(self, host: str, port: int) -> str:
        try:
            addresses = parse_addresses(self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError("the name has no address") from error
        if not addresses:
            raise httpcore2.ConnectError("the name has no address")
        # One bad address among good ones is how a name is rebound.
        if not all(is_allowed(address, self._settings) for address in addresses):
            raise ForbiddenAddress
        # A checked address is a number: no second look-up.
        return str(addresses[0])


class WebhookClient:
    """Sends webhooks. One object may be used by several threads."""

    def __init__(self, settings: Settings, *, timeout_seconds: float, resolve: Resolver = resolve_name) -> None:
        self._settings = settings
        self._timeout = dict.fromkeys(("connect", "read", "write", "pool"), timeout_seconds)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            # Each try connects anew, to addresses that are checked anew.
            max_keepalive_connections=0,
            network_backend=_CheckedNetwork(settings, resolve),
        )

    def post(self, address: str, headers: dict[str, str], body: str) -> Answer:
        """Returns the answer to a POST. Raises InvalidWebhook, ForbiddenAddress, or httpx2 errors."""
        url = httpx2.URL(address)
        check_parts(url, self._settings)
        request = httpx2.Request("POST", url, headers=headers, content=body.encode())
        sent = httpcore2.Request(
            "POST",
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.read(),
            extensions={"timeout": self._timeout},
        )
        response = self._pool.handle_request(sent)
        try:
            _read_some(response)
        finally:
            response.close()
        names = {name.lower(): value.strip().lower() for name, value in response.headers}
        return Answer(response.status, names.get(b"webhook-delivery") == b"abort-message")

    def close(self) -> None:
        """Closes its connections."""
        self._pool.close()


def _read_some(response: httpcore2.Response) -> None:
    """Reads a reply up to a limit, so that a receiver is not cut off while it sends a few words."""
    size = 0
    for chunk in response.iter_stream():
        size += len(chunk)
        if size > MAX_REPLY_BYTES:
            return
