"""A Docker engine: the one that runs here, or one of our own from Debian's packages for as long as the test runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vivavoce" / "compose"
_START_SECONDS = 60


class NoEngine(Exception):
    """No Docker engine can be had here; the message says why."""


def run(
    *command: str | Path,
    stdin: str | None = None,
    quiet: bool = False,
    seconds: float = 900,
    cwd: Path | None = None,
) -> str:
    """What a command prints; a command that fails ends the test with what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        cwd=cwd,
        # The builder that every client has.
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    if done.returncode and not quiet:
        said = "\n".join([*done.stdout.splitlines()[-15:], *done.stderr.splitlines()[-15:]])
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}")
    return done.stdout


def docker(*arguments: str | Path, stdin: str | None = None, quiet: bool = False, seconds: float = 900) -> str:
    """What a docker command prints."""
    return run("docker", *arguments, stdin=stdin, quiet=quiet, seconds=seconds)


@contextmanager
def docker_engine() -> Iterator[str]:
    """An engine; gives a sentence on which one it is. Raises NoEngine with the reason.

    Only an engine on this machine will do: the test ends its containers' processes as a crash would.
    """
    if _answers():
        yield f"the Docker engine that was running, {_version()}"
        return
    if not shutil.which("dockerd"):
        raise NoEngine("no Docker engine runs and there is no dockerd: install Debian's docker.io")
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine runs and only root can start one")
    CACHE.mkdir(parents=True, exist_ok=True)
    log_file = CACHE / "dockerd.log"
    with log_file.open("wb") as log:
        # Images stay for the next run.
        process = subprocess.Popen(
            ["dockerd", "--data-root", CACHE / "docker", "--log-level", "warn"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers():
            if process.poll() is not None or time.monotonic() > deadline:
                said = log_file.read_text(errors="replace").strip().splitlines()
                raise NoEngine(f"dockerd does not start here: {said[-1] if said else 'it says nothing'}")
            time.sleep(0.3)
        yield f"a Docker engine of our own, {_version()}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def _answers() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def _version() -> str:
    return docker("version", "--format", "{{.Server.Version}}").strip()
