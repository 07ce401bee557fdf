"""Runs schemathesis on a service and reads what it found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .service import FuzzedService

_ROOT = Path(__file__).parents[2]
_CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# Files are read in processes of their own, which a busy machine is slow to start.
_REQUEST_SECONDS = 120


@dataclass(frozen=True)
class Found:
    """What a run found: its exit status (0 for no failure), its output, and its requests."""

    status: int
    output: str
    requests: tuple[Request, ...]


@dataclass(frozen=True)
class Request:
    """A request of the run: its operation such as `GET /v1/x`, its phase, and the status of the reply."""

    operation: str
    phase: str
    status: int


def run_schemathesis(
    service: FuzzedService,
    folder: Path,
    *,
    examples: int,
    seed: int,
    phases: str = "examples,coverage,fuzzing,stateful",
    paths: str = "",
) -> Found:
    """Runs all checks, with so many examples for each operation, or for those at paths that match an expression."""
    document = folder / "openapi.json"
    document.write_text(json.dumps(service.schema), encoding="utf-8")
    notes = folder / "requests.jsonl"
    notes.unlink(missing_ok=True)
    ((name, value),) = service.headers.items()
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        f"--config-file={_CONFIGURATION}",
        "run",
        str(document),
        f"--url={service.url}",
        f"--header={name}: {value}",
        f"--phases={phases}",
        f"--max-examples={examples}",
        f"--seed={seed}",
        f"--request-timeout={_REQUEST_SECONDS}",
        f"--max-response-time={_REQUEST_SECONDS}",
        "--suppress-health-check=all",
        # Refused in every text, which a schema cannot say.
        "--generation-allow-x00=false",
        "--continue-on-failure",
        "--no-shrink",
        "--no-color",
        *([f"--include-path-regex={paths}"] if paths else []),
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks",
        "FUZZING_NOTES": str(notes),
        "FUZZING_KEY_ID": service.key_id,
        "PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / "src")]),
    }
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
    return Found(done.returncode, done.stdout + done.stderr, tuple(Request(**json.loads(line)) for line in lines))


def list_operations(service: FuzzedService) -> set[str]:
    """Returns all operations of the document, such as `GET /v1/x`."""
    return {f"{method.upper()} {path}" for path, operations in service.schema["paths"].items() for method in operations}


def list_linked(service: FuzzedService, found: Found, *, paths: str = "") -> tuple[set[str], set[str]]:
    """Returns the operations that take an id, and those of them that got a real one: their reply was not 404."""
    wanted = {operation for operation in list_operations(service) if "{" in operation and re.search(paths, operation)}
    reached = {request.operation for request in found.requests if request.phase == "stateful" and request.status != 404}
    return wanted, wanted & reached
