"""A judge server for tests: real HTTP, no model, and every way of misbehaving that we know of.

python -m vivavoce.graders.judge.servers.stub --port 8080 [--behaviour hang] [--delay-seconds 0.1]
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self, get_args

Behaviour = Literal[
    "answer",
    "http_500",
    "busy",
    "hang",
    "drop",
    "drop_mid_body",
    "slow_drip",
    "endless_whitespace",
    "half_json",
    "not_json",
    "json_array",
    "no_probabilities",
    "nan",
    "sum_above_one",
    "eleven_of_ten",
    "another_language",
    "hedging",
    "truncated",
    "wrong_fields",
    "invented_quote",
]
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)
Engine = Literal["openai", "llamacpp", "vllm"]
_LIKELY, _UNLIKELY = math.log(0.9), math.log(0.1)
# What the engines show Prometheus of a server with nothing to do: the part that the deployment's rules read.
_METRICS: dict[str, str] = {
    "llamacpp": "llamacpp:prompt_tokens_total 0\nllamacpp:prompt_tokens_cached_total 0\n"
    "llamacpp:tokens_predicted_total 0\nllamacpp:requests_processing 0\nllamacpp:requests_deferred 0\n",
    "vllm": "vllm:prompt_tokens_total 0\nvllm:prompt_tokens_cached_total 0\nvllm:generation_tokens_total 0\n"
    "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n",
}
_OTHER_WORDS = {"eleven_of_ten": "11", "another_language": "はい", "hedging": "Maybe"}


class StubJudgeServer:
    """A judge server that says yes to prompts whose answer holds a telling word, and can misbehave.

    `prompts` keeps what it was asked, `answered` that of it which got a proper reply, `paths` and
    `prefix_keys` how it was asked; `says` is the text of replies that
    are no verdicts. A context manager.
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
        self._release = threading.Event()
        self._http = _Server(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        """Port it listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Address for a judge client."""
        return f"http://127.0.0.1:{self.port}"

    def behave(self, *behaviours: Behaviour) -> None:
        """From now on, go through these behaviours in turn, one a request."""
        self._turns = itertools.cycle(behaviours)

    def behave_on(self, word: str, behaviour: Behaviour) -> None:
        """From now on, treat prompts that hold a word so, and all others as before."""
        self._on_words[word] = behaviour

    def _behaviour_on(self, prompt: str) -> Behaviour:
        named = [behaviour for word, behaviour in self._on_words.items() if word in prompt]
        return named[0] if named else next(self._turns)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def reply_to(self, body: dict[str, Any], behaviour: Behaviour = "answer") -> dict[str, Any]:
        """The chat completion for a request; a function of the request alone."""
        messages = body["messages"]
        shown = messages[-1]["content"].rsplit(">>>", 1)[0]
        yes, no = ("是", "否") if "回答" in messages[-1]["content"] else ("Yes", "No")
        is_yes = self.yes_when in shown
        tops = _tops(yes, no, is_yes=is_yes, behaviour=behaviour)
        written = _OTHER_WORDS.get(behaviour, yes if is_yes else no)
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        if schema is None:
            content: list[dict[str, Any]] = [{"token": written, "top_logprobs": tops}]
        elif self.says:
            content = []
        else:
            quote = "nobody said this here" if behaviour == "invented_quote" else self.yes_when
            text = _json_reply(schema, written, quote if is_yes else "", wrong=behaviour == "wrong_fields")
            content = _tokens(text, written, tops)
        if behaviour == "truncated" and schema is not None:
            content = content[: len(content) // 2]
        ends = self.says or (schema is not None and behaviour != "truncated")
        choice: dict[str, Any] = {
            "message": {"content": self.says or "".join(piece["token"] for piece in content)},
            "finish_reason": "stop" if ends else "length",
            "logprobs": None if behaviour == "no_probabilities" else {"content": content},
        }
        tokens = sum(len(message["content"]) for message in messages) // 4
        usage = {"prompt_tokens": tokens, "completion_tokens": len(content)}
        return {"choices": [choice], "usage": usage}

    def _about(self, path: str) -> dict[str, Any] | None:
        """What an engine of the kind says of itself."""
        if path == "/health":
            return {"status": "ok"}
        if self.engine == "llamacpp" and path == "/props":
            return {
                "total_slots": 1,
                "default_generation_settings": {"n_ctx": self.context_tokens},
                "build_info": "stub",
            }
        if self.engine == "vllm" and path == "/version":
            return {"version": "stub"}
        if self.engine == "vllm" and path == "/v1/models":
            return {"data": [{"id": "stub", "max_model_len": self.context_tokens}]}
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body leave in one packet: in two, the second waits for the first to be acknowledged.
            wbufsize = 65536

            def do_GET(self) -> None:
                found = stub._about(self.path)
                if self.path == "/metrics" and stub.engine in _METRICS:
                    self._send(_METRICS[stub.engine].encode(), kind="text/plain; version=0.0.4")
                elif found is None:
                    self.send_error(404)
                else:
                    self._send(json.dumps(found).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.paths.append(self.path)
                stub.prefix_keys.append(self.headers["X-Prefix-Key"])
                if self.path == "/tokenize" and "messages" in body:
                    self._send(json.dumps({"count": _words(body["messages"])}).encode())
                elif self.path == "/apply-template":
                    self._send(json.dumps({"prompt": "x " * _words(body["messages"])}).encode())
                elif self.path == "/tokenize":
                    self._send(json.dumps({"tokens": body["content"].split()}).encode())
                else:
                    stub.prompts.append(body["messages"])
                    self._judge(body, stub._behaviour_on(body["messages"][-1]["content"]))

            def _judge(self, body: dict[str, Any], behaviour: Behaviour) -> None:
                stub._release.wait(stub.delay_seconds)
                if behaviour == "hang":
                    stub._release.wait(60)
                if behaviour == "http_500":
                    self.send_error(500)
                    return
                if behaviour == "busy":
                    self._head(503, 0, retry_after="0.05")
                    return
                if behaviour in ("drop", "hang"):
                    self.close_connection = True
                    return
                reply = json.dumps(stub.reply_to(body, behaviour)).encode()
                if behaviour == "endless_whitespace":
                    self._drip(b" " * 1_000_000, pause=0.0)
                elif behaviour == "slow_drip":
                    self._drip(b" ", pause=0.05)
                elif behaviour == "drop_mid_body":
                    self._head(200, len(reply))
                    self.wfile.write(reply[: len(reply) // 2])
                    self.close_connection = True
                else:
                    if behaviour == "answer":
                        stub.answered.append(body["messages"])
                    wrong = {"half_json": reply[: len(reply) // 2], "not_json": b"Yes.", "json_array": b"[1]"}
                    self._send(wrong.get(behaviour, reply))

            def _drip(self, piece: bytes, *, pause: float) -> None:
                """Begin a reply and never end it, until nobody listens."""
                self._head(200, 10**9)
                try:
                    while not stub._release.wait(pause):
                        self.wfile.write(piece)
                        self.wfile.flush()
                except OSError:
                    pass
                self.close_connection = True

            def _send(self, content: bytes, *, kind: str = "application/json") -> None:
                self._head(200, len(content), kind=kind)
                self.wfile.write(content)

            def _head(
                self, status: int, length: int, *, retry_after: str | None = None, kind: str = "application/json"
            ) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(length))
                if retry_after:
                    self.send_header("Retry-After", retry_after)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed hangs up; that is no error of the judge's."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _words(messages: Sequence[dict[str, str]]) -> int:
    return sum(len(message["content"].split()) for message in messages)


def _tops(yes: str, no: str, *, is_yes: bool, behaviour: Behaviour) -> list[dict[str, Any]]:
    pair = [(yes, _LIKELY if is_yes else _UNLIKELY), (no, _UNLIKELY if is_yes else _LIKELY)]
    if behaviour in _OTHER_WORDS:
        pair = [(_OTHER_WORDS[behaviour], _LIKELY), (yes, _UNLIKELY)]
    if behaviour == "nan":
        pair = [(yes, math.nan), (no, math.nan)]
    if behaviour == "sum_above_one":
        pair = [(yes, _LIKELY), (no, _LIKELY)]
    return [{"token": token, "logprob": logprob} for token, logprob in pair]


def _json_reply(schema: dict[str, Any], verdict: str, quote: str, *, wrong: bool) -> str:
    """A reply of the form that the schema asks for, every verdict the same."""

    def each(form: dict[str, Any]) -> Any:
        if form["type"] == "string":
            return verdict
        said = {"sentences": [1], "quote": quote, "reason": "Because.", "verdict": verdict}
        return {"verdict": verdict} if wrong else said

    if "verdict" in schema["properties"]:
        return json.dumps(each(schema), ensure_ascii=False)
    return json.dumps({name: each(form) for name, form in schema["properties"].items()}, ensure_ascii=False)


def _tokens(text: str, verdict: str, tops: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The text cut so that each verdict is a token of its own."""
    pieces: list[dict[str, Any]] = []
    for index, piece in enumerate(text.split(f'"{verdict}"')):
        if index:
            pieces += [{"token": '"', "top_logprobs": []}, {"token": verdict, "top_logprobs": tops}]
            piece = '"' + piece
        pieces.append({"token": piece, "top_logprobs": []})
    return pieces


def main() -> None:
    """Serve until standard input is closed, or until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", choices=BEHAVIOURS, action="append", help="repeat to go through several in turn")
    parser.add_argument("--delay-seconds", type=float, default=0.0)
    parser.add_argument("--engine", choices=get_args(Engine), default="openai")
    options = parser.parse_args()
    behaviours = options.behaviour or ["answer"]
    with StubJudgeServer(port=options.port, delay_seconds=options.delay_seconds, engine=options.engine) as server:
        server.behave(*behaviours)
        print(json.dumps({"port": server.port}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
