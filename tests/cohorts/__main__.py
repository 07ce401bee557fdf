"""`python -m tests.cohorts`: campaigns on cohorts, as a table; the exit status is 1 when one did not pass."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .campaign import Outcome, run_campaign

_out = Console(width=None if Console().is_terminal else 200)


def main() -> None:
    """Run what the options ask for."""
    options = _options()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("tests.cohorts").setLevel(logging.INFO)
    found: list[Outcome] = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        print(f"… campaign with seed {seed}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="vivavoce-cohorts-") as folder:
            found.append(
                run_campaign(
                    Path(folder),
                    seed=seed,
                    items=options.items,
                    actions=options.actions,
                    workers=options.workers,
                    concurrency=options.concurrency,
                )
            )
        if options.json:
            options.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n", encoding="utf-8")
    _show(found)
    sys.exit(not all(one.passed for one in found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cohorts", description=__doc__)
    parser.add_argument("--items", type=int, default=10_000, help="answers in the cohort")
    parser.add_argument("--seeds", type=int, default=30, help="campaigns")
    parser.add_argument("--first-seed", type=int, default=1, help="seed of the first campaign")
    parser.add_argument("--actions", type=int, default=24, help="ends, limits, pauses and kills in a campaign")
    parser.add_argument("--workers", type=int, default=4, help="worker processes")
    parser.add_argument("--concurrency", type=int, default=16, help="threads of each")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


def _show(found: list[Outcome]) -> None:
    table = Table(title="Campaigns on cohorts")
    names = [name for name in asdict(found[0]) if name != "problems"]
    for name in (*names, "passed"):
        table.add_column(name.replace("_", " "))
    for one in found:
        row = asdict(one)
        shown = [f"{row[name]:.0f}" for name in names]
        table.add_row(*shown, "yes" if one.passed else f"NO {'; '.join(one.problems)}")
    _out.print(table)


if __name__ == "__main__":
    main()
