"""A proxy before a service that cuts each connection after a random number of bytes of the reply."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

_BUFFER = 512


@dataclass
class BreakingProxy:
    """`cuts` counts connections that were cut. `most_bytes` of a reply get through at most."""

    url: str
    most_bytes: int
    cuts: int = 0


@contextlib.contextmanager
def run_breaking_proxy(service_url: str, *, seed: int, most_bytes: int) -> Iterator[BreakingProxy]:
    """Runs a proxy until the block ends."""
    chance, upstream = random.Random(seed), urlsplit(service_url)
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = BreakingProxy(f"http://127.0.0.1:{listener.getsockname()[1]}", most_bytes)

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            left, is_rude = chance.randrange(1, proxy.most_bytes), chance.random() < 0.5
            threading.Thread(target=_carry, args=(caller, upstream.port, proxy, left, is_rude), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield proxy
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _carry(caller: socket.socket, port: int | None, proxy: BreakingProxy, left: int, is_rude: bool) -> None:
    # One thread for both directions: a socket that another thread reads would stay open after its close.
    with caller, socket.create_connection(("127.0.0.1", port or 80)) as service, contextlib.suppress(OSError):
        while left > 0:
            for source in select.select([caller, service], [], [])[0]:
                content = source.recv(min(left, _BUFFER) if source is service else 65536)
                if not content:
                    return
                (caller if source is service else service).sendall(content)
                left -= len(content) if source is service else 0
        proxy.cuts += 1
        if is_rude:
            # A reset instead of an orderly end.
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
