"""Runs schemathesis on a service and reads what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .service import FuzzedService


@dataclass(frozen=True)
class Found:
    """What a run found: its exit status, its output, and the share of operations that links reached."""

    status: int
    output: str


def run_schemathesis(
    service: FuzzedService,
    folder: Path,
    *,
    examples: int,
    seed: int,
    seconds: float | None = None,
    more: tuple[str, ...] = (),
) -> Found:
    """Runs all checks in all phases; at most `seconds`, and `examples` for each operation."""
    document = folder / "openapi.json"
    document.write_text(json.dumps(service.schema), encoding="utf-8")
    ((name, value),) = service.headers.items()
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        str(document),
        f"--url={service.url}",
        f"--header={name}: {value}",
        "--checks=all",
        f"--max-examples={examples}",
        f"--seed={seed}",
        "--suppress-health-check=all",
        "--continue-on-failure",
        "--no-color",
        *more,
    ]
    root = Path(__file__).parents[2]
    paths = [str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=seconds, check=False
    )
    return Found(done.returncode, done.stdout + done.stderr)
