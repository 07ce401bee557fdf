"""The embedded judge: llama.cpp in a child process, with the same HTTP protocol as vLLM.

A child process can crash without taking the service along, and can be stopped and restarted like any other judge. It
ends when its parent does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from ...errors import GraderError, ModelMissing
from ...types import EngineIdentity
from ..clients.client import probe

ENGINE = "llamacpp"
CONTEXT_TOKENS = 8192
# Large models on slow disks load for minutes.
_START_SECONDS = 180.0
_STOP_SECONDS = 10.0
_RESTART_SECONDS = 5.0


class EmbeddedEngine:
    """A judge server in a child process that is restarted if it ends; use it as a context manager.

    `model_file` is a GGUF file, `model_sha256` its verified hash, `log_file` receives the engine's log. `port` 0 takes
    a free one.
    """

    def __init__(
        self,
        *,
        model_file: Path,
        model_name: str,
        model_sha256: str,
        log_file: Path,
        threads: int,
        port: int = 0,
    ) -> None:
        self.identity = EngineIdentity(engine=ENGINE, model=model_name, revision=model_sha256)
        self._model_file = model_file
        self._log_file = log_file
        self._threads = threads
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address of the server; a restart keeps it."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id of the engine, None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the engine, wait until it answers, and restart it from then on whenever it ends.

        Raises ModelMissing if there is no model file and GraderError if the engine does not start.
        """
        if not self._model_file.is_file():
            raise ModelMissing(f"The judge model is not at {self._model_file}: get it with 'viva models fetch'.")
        self._launch_process()
        self._keeper = threading.Thread(target=self._keep_running, name="judge-keeper", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """Stop the engine and wait for its end."""
        # First, or the keeper would restart it.
        self._stopping.set()
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._keeper:
            self._keeper.join(timeout=_STOP_SECONDS)
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout) if self._process else ():
            if pipe:
                pipe.close()

    def _launch_process(self) -> None:
        """Start the child process and wait until it answers; raises GraderError if it does not."""
        self._close_pipes()
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "vivavoce.graders.judge.servers.embedded",
                    f"--model={self._model_file}",
                    f"--port={self._port}",
                    f"--threads={self._threads}",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # Ctrl-C must not reach the engine: it is stopped last.
                start_new_session=True,
            )
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise GraderError(f"The embedded judge did not start: see {self._log_file} for the reason.")
        # Kept for restarts, so that the address stays valid.
        self._port = int(json.loads(line)["port"])
        deadline = time.monotonic() + _START_SECONDS
        while problem := probe(self.url):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise GraderError(f"The embedded judge did not start ({problem}): see {self._log_file}.")
            time.sleep(0.1)

    def _keep_running(self) -> None:
        while not self._stopping.is_set():
            assert self._process
            if self._process.poll() is None:
                self._stopping.wait(0.5)
                continue
            try:
                self._launch_process()
            except GraderError as error:
                sys.stderr.write(f"{error} Next attempt in {_RESTART_SECONDS:g} seconds.\n")
                self._stopping.wait(_RESTART_SECONDS)


def serve(*, model: Path, host: str, port: int, threads: int, until: Callable[[], object]) -> None:
    """Run the engine in this process until `until` returns; prints its port as a JSON line.

    Raises ModelMissing if the engine is not installed. Ends the process at the end.
    """
    # Spinning threads would slow a second engine by a fifth.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelMissing(engine_problem(error)) from None
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames = [host]
    params.port = port
    params.n_ctx = CONTEXT_TOKENS
    # One slot: every run does equal work in equal order.
    params.n_parallel = 1
    params.cache_ram_mib = 0
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.ui = False
    # For Prometheus; requests to /metrics wait for no prompt.
    params.endpoint_metrics = True
    server = xllamacpp.Server(params)
    print(json.dumps({"port": int(server.listening_address.rsplit(":", 1)[1])}), flush=True)
    until()
    # The engine's threads do not end by themselves.
    os._exit(0)


def engine_problem(error: ImportError) -> str:
    """Why the engine cannot be loaded and how to fix it, in one sentence."""
    if isinstance(error, ModuleNotFoundError):
        return "The embedded engine is not installed: run 'pip install vivavoce[grading]'."
    return f"The embedded engine cannot be loaded ({error}): install the system's OpenMP, 'apt-get install libgomp1'."


def main() -> None:
    """Entry point of the child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    serve(
        model=options.model,
        host="127.0.0.1",
        port=options.port,
        threads=options.threads,
        until=sys.stdin.read,  # Returns when the parent ends, however it ends.
    )


if __name__ == "__main__":
    main()
