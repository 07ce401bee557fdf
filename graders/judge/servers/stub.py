"""A judge server for tests: real HTTP, no model, and every misbehaviour that a judge client has to survive.

python -m vivavoce.graders.judge.servers.stub --port 8080 [--behaviour hang] [--delay-seconds 0.1]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any, Literal, Self, get_args

import anyio
import uvicorn
from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .stub_replies import BEHAVIOURS, Behaviour, build_reply, count_words

Engine = Literal["openai", "llamacpp", "vllm"]
_HANG_SECONDS = 60
# Metrics of an idle engine that the Prometheus rules read.
_METRICS: dict[str, str] = {
    "llamacpp": "llamacpp:prompt_tokens_total 0\nllamacpp:prompt_tokens_cached_total 0\n"
    "llamacpp:tokens_predicted_total 0\nllamacpp:requests_processing 0\nllamacpp:requests_deferred 0\n",
    "vllm": "vllm:prompt_tokens_total 0\nvllm:prompt_tokens_cached_total 0\nvllm:generation_tokens_total 0\n"
    "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n",
}


class StubJudgeServer:
    """A judge server that replies yes to prompts whose answer contains `yes_when`; a context manager.

    It records requests: `prompts` has the messages of each that was to be judged, `answered` those that got a proper
    reply, `paths` and `prefix_keys` the path and the prefix header of every POST. `says`, if not empty, is the text of
    replies to requests with a schema.
    """

    def __init__(
        self,
        *,
        yes_when: str = "INT8",
        port: int = 0,
        engine: Engine = "openai",
        context_tokens: int = 8192,
        delay_seconds: float = 0.0,
    ) -> None:
        self.yes_when = yes_when
        self.engine = engine
        self.context_tokens = context_tokens
        self.delay_seconds = delay_seconds
        self.says = ""
        self.prompts: list[list[dict[str, str]]] = []
        self.answered: list[list[dict[str, str]]] = []
        self.paths: list[str] = []
        self.prefix_keys: list[str] = []
        self._turns: Iterator[Behaviour] = itertools.cycle(["answer"])
        self._on_words: dict[str, Behaviour] = {}
        self._stopping = asyncio.Event()
        self._open = ExitStack()
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def behave(self, *behaviours: Behaviour) -> None:
        """Go through these behaviours in turn from now on, one a request."""
        self._turns = itertools.cycle(behaviours)

    def behave_on(self, word: str, behaviour: Behaviour) -> None:
        """Show a behaviour to prompts that contain a word from now on; others are treated as before."""
        self._on_words[word] = behaviour

    def reply_to(self, body: dict[str, Any], behaviour: Behaviour = "answer") -> dict[str, Any]:
        """The chat completion for a request, without sending it."""
        return build_reply(body, behaviour, yes_when=self.yes_when, text=self.says)

    def __enter__(self) -> Self:
        portal = self._open.enter_context(start_blocking_portal())
        self._open.enter_context(portal.wrap_async_context_manager(self._run_server()))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @asynccontextmanager
    async def _run_server(self) -> AsyncIterator[None]:
        routes = [
            Route("/{path:path}", self._describe_engine, methods=["GET"]),
            Route("/{path:path}", self._answer_post, methods=["POST"]),
        ]
        # Keep-alive must outlast any pause of a client.
        config = uvicorn.Config(
            Starlette(routes=routes),
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=3600,
        )
        state = ServerState()
        # Not uvicorn.Server: it logs, and stops within 0.2 s only.
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(config, state, {}), sock=self._socket
        )
        yield
        self._stopping.set()
        server.close()
        # A connection is known a few turns after it was accepted.
        for _ in range(5):
            await asyncio.sleep(0)
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks)

    async def _describe_engine(self, request: Request) -> Response:
        path = request.url.path
        if path == "/metrics" and self.engine in _METRICS:
            return Response(_METRICS[self.engine], media_type="text/plain; version=0.0.4")
        settings = {"n_ctx": self.context_tokens}
        replies: dict[tuple[str, str], dict[str, Any]] = {
            (self.engine, "/health"): {"status": "ok"},
            ("llamacpp", "/props"): {"total_slots": 1, "default_generation_settings": settings, "build_info": "stub"},
            ("vllm", "/version"): {"version": "stub"},
            ("vllm", "/v1/models"): {"data": [{"id": "stub", "max_model_len": self.context_tokens}]},
        }
        reply = replies.get((self.engine, path))
        return Response(status_code=404) if reply is None else _send_json(reply)

    async def _answer_post(self, request: Request) -> Response:
        body = await request.json()
        path = request.url.path
        self.paths.append(path)
        self.prefix_keys.append(request.headers.get("X-Prefix-Key", ""))
        if path == "/tokenize" and "messages" in body:
            return _send_json({"count": count_words(body["messages"])})
        if path == "/tokenize":
            return _send_json({"tokens": body["content"].split()})
        if path == "/apply-template":
            return _send_json({"prompt": "x " * count_words(body["messages"])})
        self.prompts.append(body["messages"])
        prompt = body["messages"][-1]["content"]
        named = [behaviour for word, behaviour in self._on_words.items() if word in prompt]
        return await self._choose_reply(request, body, named[0] if named else next(self._turns))

    async def _choose_reply(self, request: Request, body: dict[str, Any], behaviour: Behaviour) -> Response:
        await self._wait_unless_stopped(self.delay_seconds)
        if behaviour == "hang":
            await self._wait_unless_stopped(_HANG_SECONDS)
        if behaviour in ("drop", "hang"):
            return await _hang_up(request)
        if behaviour == "http_500":
            return Response(status_code=500)
        if behaviour == "busy":
            return Response(status_code=503, headers={"Retry-After": "0.05"})
        if behaviour == "slow_drip":
            return _begin_reply(_repeat_piece(b" ", pause=0.05), length=10**9)
        if behaviour == "endless_whitespace":
            return _begin_reply(_repeat_piece(b" " * 1_000_000, pause=0.0), length=10**9)
        reply = json.dumps(self.reply_to(body, behaviour)).encode()
        half = reply[: len(reply) // 2]
        if behaviour == "drop_mid_body":
            return _begin_reply(_send_and_hang_up(half, request), length=len(reply))
        if behaviour == "answer":
            self.answered.append(body["messages"])
        wrong = {"half_json": half, "not_json": b"Yes.", "json_array": b"[1]"}
        return Response(wrong.get(behaviour, reply), media_type="application/json")

    async def _wait_unless_stopped(self, seconds: float) -> None:
        """Wait, but no longer than the server runs."""
        with anyio.move_on_after(seconds):
            await self._stopping.wait()


class _Connection(H11Protocol):
    """uvicorn's HTTP protocol without its access log; a request's connection is `request.state.transport`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.access_log = False
        self.app_state = {"transport": transport}
        # Two packets a reply: the second must not be delayed.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _send_json(content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), media_type="application/json")


def _begin_reply(pieces: AsyncIterator[bytes], *, length: int) -> Response:
    return StreamingResponse(pieces, headers={"Content-Length": str(length)}, media_type="application/json")


async def _repeat_piece(piece: bytes, *, pause: float) -> AsyncIterator[bytes]:
    while True:  # Cancelled when the client disconnects.
        yield piece
        await asyncio.sleep(pause)


async def _send_and_hang_up(content: bytes, request: Request) -> AsyncIterator[bytes]:
    yield content
    request.state.transport.close()
    await asyncio.sleep(_HANG_SECONDS)  # Cancelled once uvicorn knows that the connection is closed.


async def _hang_up(request: Request) -> Response:
    request.state.transport.close()
    await request.receive()  # Once uvicorn knows of the end, it sends no response.
    return Response()


def main() -> None:
    """Serve until standard input is closed, or until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", choices=BEHAVIOURS, action="append", help="repeat to go through several in turn")
    parser.add_argument("--delay-seconds", type=float, default=0.0)
    parser.add_argument("--engine", choices=get_args(Engine), default="openai")
    options = parser.parse_args()
    with StubJudgeServer(port=options.port, delay_seconds=options.delay_seconds, engine=options.engine) as server:
        server.behave(*options.behaviour or ["answer"])
        print(json.dumps({"port": server.port}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
