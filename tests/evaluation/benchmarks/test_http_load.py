from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from vivavoce.evaluation.benchmarks.http_load import UnexpectedReply, send_load

REQUEST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 202
    seen: ClassVar[list[tuple[int, bytes]]] = []

    def do_POST(self) -> None:
        self.seen.append((self.client_address[1], self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.send_header("content-LENGTH", "4")
        self.end_headers()
        # In two parts, as servers send them.
        self.wfile.write(b"do")
        self.wfile.flush()
        self.wfile.write(b"ne")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(_Handler, "seen", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_all_requests_are_answered_over_connections_that_stay_open(port: int) -> None:
    made = 0

    def make_request() -> bytes:
        nonlocal made
        made += 1
        return REQUEST

    load = send_load(port, make_request, connections=3, seconds=0.3, status=202)
    assert load.requests == made == len(_Handler.seen) >= 3
    assert {body for _, body in _Handler.seen} == {b"{}"}
    assert len({client for client, _ in _Handler.seen}) == 3
    assert load.per_second == pytest.approx(load.requests / load.seconds)
    assert 0 < load.cpu_seconds <= load.seconds * 1.5


def test_another_status_stops_the_measurement(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Handler, "status", 429)
    with pytest.raises(UnexpectedReply, match="429"):
        send_load(port, lambda: REQUEST, connections=1, seconds=0.2, status=202)
