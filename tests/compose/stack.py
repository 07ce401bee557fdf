"""The stack as a user has it: the repository's own compose file and scripts, in a folder and a project of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from ..servers import free_port, wait_until
from .engine import docker, run
from .images import ROOT

# Named as the workers see them; Grafana's server is in no package that can be had here.
SERVICES = (
    *("postgres", "redis", "api", "worker", "judges", "judge-blue-a", "judge-blue-b", "nginx", "prometheus", "backup"),
)
_UP_SECONDS = 300
_SECRETS = ("viva_secret", "viva_database_url", "postgres_password", "grafana_password")


class Stack:
    """The running stack; a context manager that leaves nothing behind."""

    def __init__(self, folder: Path, *, version: str, models: Path) -> None:
        self.folder = folder
        self.project = f"vivavoce-test-{os.getpid()}"
        self.url = ""
        self.prometheus_url = ""
        self.version = version
        self._models = models
        self._key = ""

    def __enter__(self) -> Self:
        for name in ("docker-compose.yml", ".env.example"):
            shutil.copy(ROOT / name, self.folder)
        shutil.copytree(
            ROOT / "deploy",
            self.folder / "deploy",
            # What an installation in the working tree made for itself.
            ignore=lambda folder, names: [
                name for name in names if name == "secrets" or (folder.endswith("judges") and name.endswith(".env"))
            ],
        )
        run(self.folder / "deploy" / "init")
        public, tls, prometheus, grafana = (free_port() for _ in range(4))
        self.url, self.prometheus_url = f"http://127.0.0.1:{public}", f"http://127.0.0.1:{prometheus}"
        self.configure(
            COMPOSE_PROJECT_NAME=self.project,
            VIVA_PUBLIC_PORT=public,
            VIVA_PUBLIC_TLS_PORT=tls,
            VIVA_PROMETHEUS_PORT=prometheus,
            VIVA_GRAFANA_PORT=grafana,
            VIVA_VERSION=self.version,
            VIVA_BLUE_VERSION=self.version,
            VIVA_GREEN_VERSION=self.version,
            VIVA_JUDGE_THREADS=os.cpu_count() or 2,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self._show_logs()
        for profile in ("cpu", "cpu-green"):
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5", profile=profile, quiet=True)

    def configure(self, **settings: object) -> None:
        """Set lines of .env."""
        file = self.folder / ".env"
        kept = [line for line in file.read_text().splitlines() if line.partition("=")[0] not in settings]
        file.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in settings.items())]) + "\n")

    def compose(self, *arguments: str, profile: str | None = None, quiet: bool = False) -> str:
        """What a compose command prints."""
        command = ["docker", "compose"] if _has_plugin() else ["docker-compose"]
        given = ["--profile", profile] if profile else []
        return run(*command, "--project-directory", self.folder, *given, *arguments, quiet=quiet)

    def up(self) -> None:
        """Start everything and wait until all of it is well."""
        # What 'viva models fetch' would bring through the network is on this machine already.
        docker("volume", "create", f"{self.project}_models")
        docker(
            *("run", "--rm", "--user", "0", "--network", "none", "--volume", f"{self._models}:/from:ro"),
            *("--volume", f"{self.project}_models:/to", f"vivavoce-grader:{self.version}"),
            *("sh", "-c", "cp --preserve=timestamps /from/*.gguf /from/*.json /to/ && chown -R 10001:10001 /to"),
        )
        self.compose("up", "--detach", *SERVICES)
        self.wait_healthy(SERVICES, seconds=_UP_SECONDS)
        # As deploy/README.md says; only the key is on standard output.
        self._key = docker("exec", self.containers("api")[0], "viva", "admin", "create").splitlines()[-1].strip()

    def key_header(self) -> dict[str, str]:
        """The header with the first administrator's key."""
        return {"Authorization": f"Bearer {self._key}"}

    def client(self) -> httpx.Client:
        """A caller at the front door."""
        return httpx.Client(base_url=self.url, headers=self.key_header(), timeout=90, trust_env=False)

    def containers(self, service: str) -> list[str]:
        """Identifiers of a service's containers that run."""
        found = docker(
            *("ps", "--quiet", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.project}"),
            *(
                "--filter",
                f"label=com.docker.compose.service={service}",
                "--filter",
                "label=com.docker.compose.oneoff=False",
            ),
        )
        return found.split()

    def every_container(self) -> list[dict[str, Any]]:
        """What the engine knows of each container that runs."""
        found = docker("ps", "--quiet", "--filter", f"label=com.docker.compose.project={self.project}").split()
        inspected: list[dict[str, Any]] = json.loads(docker("inspect", *found))
        return inspected

    def wait_healthy(self, services: Sequence[str], *, seconds: float) -> None:
        """Wait until every container of these services says that it is well."""
        for service in services:
            wait_until(lambda service=service: self._is_well(service), seconds=seconds, what=f"{service} is well")  # type: ignore[misc]

    def _is_well(self, service: str) -> bool:
        found = self.containers(service)
        return bool(found) and all(health == "healthy" for health in self._inspect("{{.State.Health.Status}}", *found))

    def images(self, service: str) -> set[str]:
        """The images that a service's containers run."""
        return set(self._inspect("{{.Config.Image}}", *self.containers(service)))

    def addresses(self, service: str, network: str) -> dict[str, str]:
        """A service's containers by their address in a network."""
        form = f'{{{{(index .NetworkSettings.Networks "{self.project}_{network}").IPAddress}}}}'
        found = self.containers(service)
        return dict(zip(self._inspect(form, *found), found, strict=True)) if found else {}

    def _inspect(self, form: str, *containers: str) -> list[str]:
        return docker("inspect", "--format", form, *containers).split()

    def crash(self, service: str) -> str:
        """End the first container of a service as a crash would: SIGKILL to its main process. Gives its id."""
        container = self.containers(service)[0]
        os.kill(int(self._inspect("{{.State.Pid}}", container)[0]), signal.SIGKILL)
        return container

    def wait_back(self, container: str, *, seconds: float = 180) -> float:
        """Wait until the engine has started a crashed container again and it is well; the seconds that took."""
        started = time.monotonic()
        form = "{{.RestartCount}}/{{.State.Health.Status}}"
        wait_until(
            lambda: bool(re.fullmatch(r"[1-9]\d*/healthy", self._inspect(form, container)[0])),
            seconds=seconds,
            what=f"container {container[:12]} is back",
        )
        return time.monotonic() - started

    def logs(self, service: str) -> list[dict[str, Any]]:
        """nginx's log lines."""
        lines = []
        for container in self.containers(service):
            lines += docker("logs", container).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def sql(self, query: str, *, database: str = "vivavoce") -> list[str]:
        """The lines that a query gives."""
        container = self.containers("postgres")[0]
        return docker(
            *("exec", container, "psql", "--username", "vivavoce", "--dbname", database),
            *("--no-align", "--tuples-only", "--command", query),
        ).splitlines()

    def viva(self, service: str, *arguments: str, **settings: str) -> str:
        """What a `viva` command prints, in a container of its own with a service's settings."""
        given = [part for name, value in settings.items() for part in ("-e", f"{name}={value}")]
        return self.compose("run", "--rm", "--no-deps", "-T", *given, service, "viva", *arguments)

    def update(self, *arguments: str) -> tuple[bool, str]:
        """Run `deploy/update`; whether it succeeded and what it said."""
        done = subprocess.run(
            [self.folder / "deploy" / "update", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
            stdin=subprocess.DEVNULL,
        )
        said = done.stdout + done.stderr
        print("\n".join(f"    {line}" for line in said.splitlines()[-30:]), file=sys.stderr, flush=True)
        return done.returncode == 0, said

    def secrets(self) -> dict[str, str]:
        """The secrets by name."""
        return {name: (self.folder / "deploy" / "secrets" / name).read_text() for name in _SECRETS}

    def _show_logs(self) -> None:
        for profile in ("cpu", "cpu-green"):
            print(self.compose("logs", "--tail", "25", profile=profile, quiet=True)[-12000:], file=sys.stderr)
        print(self.compose("ps", quiet=True), file=sys.stderr)


def _has_plugin() -> bool:
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
