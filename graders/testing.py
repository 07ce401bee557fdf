"""Stand-ins for the parts that are slow or out of reach in a test, for our users' tests too."""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from vivavoce.rubrics import Rubric

from . import text
from .combine import Coefficients
from .embedding import Vectors
from .errors import JudgeFailure
from .judge.client import EngineIdentity
from .judge.judging import AnswerVerdicts, LevelVerdict
from .judge.verdict import Verdict
from .panel import Panel

Script = Callable[[str, str], float | JudgeFailure]
"""Given an answer and a criterion's id: the log-odds that it is met, or the failure to report."""


class ScriptedJudge:
    """A judge that follows a script; `calls` counts the answers it was asked about."""

    identity = EngineIdentity(engine="scripted", model="scripted", revision="1")
    url = "http://127.0.0.1:9"

    def __init__(self, script: Script = lambda answer, criterion: 2.0) -> None:
        self.script = script
        self.calls = 0

    def prompt_hash(self, rubric: Rubric) -> str:
        """See Judge."""
        return "scripted"

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge."""
        self.calls += len(answers)
        return [self._judge(answer, rubric) for answer in answers]

    def _judge(self, answer: str, rubric: Rubric) -> AnswerVerdicts:
        levels: dict[str, tuple[LevelVerdict, ...]] = {}
        failures: dict[str, JudgeFailure] = {}
        for criterion in rubric.criteria:
            said = self.script(answer, criterion.id)
            if isinstance(said, JudgeFailure):
                failures[criterion.id] = said
            else:
                levels[criterion.id] = (LevelVerdict(said, 0.0),) * (len(criterion.levels) - 1)
        calls = tuple(Verdict(log_odds=0.0, mass=1.0, tokens_in=1, tokens_out=1) for _ in levels)
        return AnswerVerdicts(levels=levels, failures=failures, calls=calls, cached=0, defused=0)


class HashingEmbedder:
    """Vectors from hashed words (256 dimensions): texts that share words are near, without any model."""

    name = "hashing"
    revision = "1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder."""
        rows = np.zeros((len(texts), 256), dtype=np.float32)
        for row, string in zip(rows, texts, strict=True):
            for word in text.words(string):
                row[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 256] += 1
            row /= math.sqrt(float((row**2).sum())) or 1.0
        return rows


# Shared words make this embedder's cosines far larger than a real model's, so they weigh less.
HASHING_COEFFICIENTS = Coefficients(
    version="hashing",
    intercept=-1.1,
    weights={"judge": 0.85, "embedding": 1.0, "rouge": 1.0},
    means={"judge": 0.5, "embedding": 0.1, "rouge": 0.3},
    negative_intercept=-2.5,
)


def scripted_panel(
    script: Script = lambda answer, criterion: 2.0,
    *,
    review_below: float = 0.0,
) -> Panel:
    """A panel that needs no model."""
    return Panel(
        embedder=HashingEmbedder(),
        judge=ScriptedJudge(script),
        coefficients=HASHING_COEFFICIENTS,
        review_below=review_below,
    )


Behaviour = Literal["answer", "http_500", "hang", "half_json", "drop"]


class StubJudgeServer:
    """A judge server over real HTTP that says yes to prompts that hold a telling word, and can misbehave.

    `prompts` keeps what it was asked; `behaviour` may be changed while it runs. A context manager.
    """

    def __init__(self, *, yes_when: str = "INT8", port: int = 0) -> None:
        self.yes_when = yes_when
        self.behaviour: Behaviour = "answer"
        self.prompts: list[list[dict[str, str]]] = []
        self._release = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        """Port it listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Address for a judge client."""
        return f"http://127.0.0.1:{self.port}"

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

    def _reply(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        said = messages[-1]["content"].rsplit(">>>", 1)[0]
        chinese = "回答" in messages[-1]["content"]
        yes, no = ("是", "否") if chinese else ("Yes", "No")
        likely, unlikely = math.log(0.9), math.log(0.1)
        is_yes = self.yes_when in said
        tops = [
            {"token": yes, "logprob": likely if is_yes else unlikely},
            {"token": no, "logprob": unlikely if is_yes else likely},
        ]
        return {
            "choices": [{"finish_reason": "length", "logprobs": {"content": [{"top_logprobs": tops}]}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 1},
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(b'{"status": "ok"}')

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.prompts.append(body["messages"])
                if stub.behaviour == "hang":
                    stub._release.wait(30)
                elif stub.behaviour == "http_500":
                    self.send_error(500)
                    return
                elif stub.behaviour == "drop":
                    self.close_connection = True
                    return
                text = json.dumps(stub._reply(body["messages"])).encode()
                self._send(text[: len(text) // 2] if stub.behaviour == "half_json" else text)

            def _send(self, content: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
