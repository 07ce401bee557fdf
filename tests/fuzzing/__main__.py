"""The long run: `python -m tests.fuzzing [EXAMPLES] [SEED ...]`, by default 200 examples and the seeds 1, 2 and 3."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .run import list_linked, run_schemathesis
from .seeds import make_seeds
from .service import run_service

_SHOWN_ERRORS = 5
# Scenarios delete what was made for them, so they come in parts, each on a service of its own.
_PARTS = 8


@dataclass(frozen=True)
class _Part:
    """What one run of schemathesis found: requests, whether any failed, errors in the log, operations by links."""

    requests: int
    has_failures: bool
    errors: int
    wanted: set[str]
    linked: set[str]


def main(arguments: list[str]) -> int:
    """Prints what was found; returns 1 unless every run is without failures and errors and reached 90 % by ids."""
    examples = int(arguments[0]) if arguments else 200
    results = [_run_seed(examples, seed) for seed in map(int, arguments[1:] or ("1", "2", "3"))]
    return 0 if all(results) else 1


def _run_seed(examples: int, seed: int) -> bool:
    started = time.monotonic()
    parts = [_run_part("examples,coverage,fuzzing", examples, seed)]
    parts += [_run_part("stateful", -(-2 * examples // _PARTS), _PARTS * seed + number) for number in range(_PARTS)]
    wanted, linked = parts[0].wanted, set[str]().union(*(part.linked for part in parts))
    failed = sum(part.has_failures for part in parts)
    errors = sum(part.errors for part in parts)
    requests, seconds = sum(part.requests for part in parts), time.monotonic() - started
    print(
        f"seed {seed}: {requests:,} requests in {seconds:,.0f} s, {failed} of {len(parts)} runs with failures, "
        f"{errors} errors in the log"
    )
    print(f"by links: {len(linked)} of {len(wanted)} operations; not reached: {sorted(wanted - linked)}", flush=True)
    return not failed and not errors and len(linked) >= 0.9 * len(wanted)


def _run_part(phases: str, examples: int, seed: int) -> _Part:
    with tempfile.TemporaryDirectory() as folder, run_service(Path(folder)) as service:
        make_seeds(service)
        found = run_schemathesis(service, Path(folder), examples=examples, seed=seed, phases=phases)
        wanted, linked = list_linked(service, found)
    print(found.output)
    for error in service.errors[:_SHOWN_ERRORS]:
        print(f"logged as an error: {error}")
    return _Part(len(found.requests), found.status != 0, len(service.errors), wanted, linked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
