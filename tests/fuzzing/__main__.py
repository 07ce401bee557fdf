"""The long run: `python -m tests.fuzzing [EXAMPLES] [SEED ...]`, by default 200 examples and the seeds 1, 2 and 3."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from .run import list_linked, run_schemathesis
from .seeds import make_seeds
from .service import run_service

_SHOWN_ERRORS = 5


def main(arguments: list[str]) -> int:
    """Prints what was found; returns 1 unless every run is without failures and errors and reached 90 % by ids."""
    examples = int(arguments[0]) if arguments else 200
    results = [_run_seed(examples, seed) for seed in map(int, arguments[1:] or ("1", "2", "3"))]
    return 0 if all(results) else 1


def _run_seed(examples: int, seed: int) -> bool:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, run_service(Path(folder)) as service:
        make_seeds(service)
        found = run_schemathesis(service, Path(folder), examples=examples, seed=seed)
        wanted, linked = list_linked(service, found)
    print(found.output)
    for error in service.errors[:_SHOWN_ERRORS]:
        print(f"logged as an error: {error}")
    print(
        f"seed {seed}: {len(found.requests):,} requests in {time.monotonic() - started:,.0f} s, exit status "
        f"{found.status}, {len(service.errors)} errors in the log, {len(linked)} of {len(wanted)} operations by links",
        flush=True,
    )
    if missed := sorted(wanted - linked):
        print(f"not reached: {', '.join(missed)}")
    return found.status == 0 and not service.errors and len(linked) >= 0.9 * len(wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
