"""A load generator that costs little: one thread, connections that stay open, and replies read only as far as needed.

It shares the processors with the servers that it measures, so every microsecond of its own blurs their difference.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

_READ_BYTES = 65_536
_REPLY_SECONDS = 30.0


@dataclass(frozen=True)
class Load:
    """What was answered: `requests` within `seconds`, and the `cpu_seconds` that sending and reading took here."""

    requests: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class UnexpectedReply(Exception):
    """A server answered with another status than the measured one."""


def send_load(port: int, make_request: Callable[[], bytes], *, connections: int, seconds: float, status: int) -> Load:
    """Sends requests to a port of this machine for so long, one at a time on each connection.

    `make_request` returns the bytes of the next request. Raises UnexpectedReply for a reply with another status, and
    TimeoutError if none comes for 30 seconds.
    """
    expected = f"HTTP/1.1 {status} ".encode()
    with selectors.DefaultSelector() as selector:
        sockets = [_connect(port) for _ in range(connections)]
        try:
            for connection in sockets:
                selector.register(connection, selectors.EVENT_READ, bytearray())
            return _exchange(selector, make_request, expected, seconds)
        finally:
            for connection in sockets:
                connection.close()


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_REPLY_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _exchange(
    selector: selectors.BaseSelector, make_request: Callable[[], bytes], expected: bytes, seconds: float
) -> Load:
    began, began_cpu = time.perf_counter(), time.process_time()
    ends = began + seconds
    answered, open_requests = 0, 0
    for key in list(selector.get_map().values()):
        key.fileobj.sendall(make_request())  # type: ignore[union-attr]
        open_requests += 1
    while open_requests:
        ready = selector.select(_REPLY_SECONDS)
        if not ready:
            raise TimeoutError(f"no reply for {_REPLY_SECONDS:g} s")
        for key, _ in ready:
            connection, received = key.fileobj, key.data
            assert isinstance(connection, socket.socket)
            if not _read_reply(connection, received, expected):
                continue
            received.clear()
            answered += 1
            if time.perf_counter() < ends:
                connection.sendall(make_request())
            else:
                open_requests -= 1
    return Load(answered, time.perf_counter() - began, time.process_time() - began_cpu)


def _read_reply(connection: socket.socket, received: bytearray, expected: bytes) -> bool:
    """Reads what has come; returns whether the reply is whole."""
    part = connection.recv(_READ_BYTES)
    received += part
    head = received.find(b"\r\n\r\n")
    if head < 0 and part:
        return False
    if not received.startswith(expected):
        raise UnexpectedReply(bytes(received[:500]).decode("latin-1") or "the connection was closed")
    place = received.lower().find(b"content-length:", 0, head) + len(b"content-length:")
    length = int(received[place : received.find(b"\r", place)])
    return len(received) >= head + 4 + length
