"""The long run: `python -m tests.fuzzing [EXAMPLES] [SEED ...]`, by default 200 examples and the seeds 1, 2 and 3."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .run import list_linked, run_schemathesis
from .service import run_service


def main(arguments: list[str]) -> int:
    """Prints what was found; returns 1 if any run failed a check or reached less than 90 % of the operations by ids."""
    examples = int(arguments[0]) if arguments else 200
    is_good = True
    for seed in map(int, arguments[1:] or ("1", "2", "3")):
        with tempfile.TemporaryDirectory() as folder, run_service(Path(folder)) as service:
            found = run_schemathesis(service, Path(folder), examples=examples, seed=seed)
            wanted, linked = list_linked(service, found)
        print(found.output)
        print(
            f"seed {seed}: {len(found.requests):,} requests, {len(linked)} of {len(wanted)} operations reached by links"
        )
        if missed := sorted(wanted - linked):
            print(f"not reached: {', '.join(missed)}")
        is_good = is_good and found.status == 0 and len(linked) >= 0.9 * len(wanted)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
