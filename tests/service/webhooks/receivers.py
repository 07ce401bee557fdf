"""A receiver of webhooks on a free port of this machine, and addresses that lead to it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What arrived, and what is answered: `answer` gets the number of the request and returns status and headers.

    `accepted` are the ids of the messages that were answered with 2xx.
    """

    port: int = 0
    answer: Callable[[int], tuple[int, dict[str, str]]] = lambda _: (204, {})
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


def fail_sometimes(share: float, seed: int = 1) -> Callable[[int], tuple[int, dict[str, str]]]:
    """Answers 500 to a share of the requests."""
    chance = random.Random(seed)
    return lambda _: (500 if chance.random() < share else 204, {})


@contextmanager
def run_receiver() -> Iterator[Receiver]:
    """A receiver that answers 204 until the test says otherwise."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = receiver.answer(len(receiver.got))
            if status < 300:
                receiver.accepted.add(self.headers["webhook-id"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
