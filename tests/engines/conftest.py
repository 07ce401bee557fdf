"""Real engines: the embedded one, and vLLM on the processor as 'make engines' prepares it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.clients.client import Deadlines, probe
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.types import EngineIdentity
from vivavoce.service.settings import Settings
from vivavoce.workers.panel_factory import embedded_engine

VLLM = Path(__file__).parents[2] / "deploy" / "vllm-cpu"
_READY_SECONDS = 400
# A test's own settings hide where 'make engines' was told to put things; this is from before any test.
_ENVIRONMENT = dict(os.environ)


@dataclass(frozen=True)
class VllmServer:
    """A running vLLM: where it answers, the name of its model, its process, and where it logs."""

    url: str
    model: str
    pid: int
    log_file: Path


@dataclass(frozen=True)
class Engine:
    """A running judge server; `open` gives a judge with an empty cache, which closes with the test."""

    url: str
    identity: EngineIdentity
    stack: ExitStack

    def open(self, form: PromptForm | None = None, *, secret: bytes = b"tests") -> RubricJudge:
        judge = RubricJudge(
            base_urls=[self.url],
            identity=self.identity,
            secret=secret,
            cache=InMemoryVerdictCache(),
            deadlines=Deadlines(300, 600),
            form=form,
        )
        return self.stack.enter_context(judge)


@pytest.fixture(scope="package")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """vLLM on the processor, ready to answer; it and its children are gone after the tests of this folder."""
    prepared = subprocess.run([VLLM / "prepare", "--check"], env=_ENVIRONMENT, stdout=subprocess.DEVNULL, check=False)
    assert prepared.returncode == 0, "vLLM is not prepared: run 'make engines'"
    log = tmp_path_factory.mktemp("vllm") / "log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as output:
        # A pytest that is killed runs no teardown: the kernel then ends the server, and it its workers.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", VLLM / "serve", "--port", str(port)],
            env=_ENVIRONMENT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while problem := probe(url):
            assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-3000:]
            assert time.monotonic() < deadline, problem
            time.sleep(1)
        yield VllmServer(url, "judge", process.pid, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        # The workers are in the server's group, and may outlive it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="package")
def _vllm(vllm_server: VllmServer) -> tuple[str, EngineIdentity]:
    return vllm_server.url, EngineIdentity("vllm", vllm_server.model, "tests")


@pytest.fixture(scope="package")
def _llamacpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, EngineIdentity]]:
    with embedded_engine(Settings(state_dir=tmp_path_factory.mktemp("embedded"))) as engine:
        yield engine.url, engine.identity


@pytest.fixture(params=["llamacpp", "vllm"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    url, identity = request.getfixturevalue(f"_{request.param}")
    with ExitStack() as stack:
        yield Engine(url, identity, stack)
