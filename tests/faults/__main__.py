"""`make faults`: every campaign and every promise, as a table; the exit status is 1 when one is not kept."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.table import Table

from .campaign import Campaign, run_campaign
from .scenarios import SCENARIOS, Finding
from .site import Kind

_out = Console(width=None if Console().is_terminal else 180)


def main() -> None:
    """Run what the options ask for."""
    options = _options()
    campaigns: list[Campaign] = []
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="vivavoce-faults-") as folder:
        for database in options.database or get_args(Kind):
            for seed in range(1, options.seeds + 1):
                _say(f"{database}: campaign with seed {seed}")
                where = _folder(folder, f"{database}-{seed}")
                campaigns.append(
                    run_campaign(where, database, seed=seed, gradings=options.gradings, faults=options.faults)
                )
            for scenario in SCENARIOS:
                _say(f"{database}: {scenario.__name__}")
                findings.append(scenario(_folder(folder, f"{database}-{scenario.__name__}"), database))
    _show_campaigns(campaigns)
    _show_findings(findings)
    if options.json:
        found = {
            "campaigns": [{**asdict(one), "calls_ratio": one.calls_ratio, "passed": one.passed} for one in campaigns],
            "promises": [asdict(one) for one in findings],
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.exit(not (all(one.passed for one in campaigns) and all(one.kept for one in findings)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="campaigns on each database")
    parser.add_argument("--gradings", type=int, default=500, help="answers in a campaign")
    parser.add_argument("--faults", type=int, default=39, help="faults in a campaign")
    parser.add_argument("--database", action="append", choices=get_args(Kind), help="only this one")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


def _folder(parent: str, name: str) -> Path:
    folder = Path(parent) / name
    folder.mkdir()
    return folder


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def _show_campaigns(campaigns: list[Campaign]) -> None:
    table = Table(title="Campaigns")
    for name in (
        *("database", "seed", "gradings", "faults", "kinds", "unsure commits", "lost", "twice", "wrong scores"),
        *("put back", "judge calls", "ratio", "seconds", "passed"),
    ):
        table.add_column(name)
    for one in campaigns:
        counts = (one.seed, one.gradings, one.faults, one.kinds, one.unsure_commits, one.lost, one.duplicates)
        table.add_row(
            one.database,
            *map(str, (*counts, one.wrong_scores, one.put_back_by_hand)),
            f"{one.paid} / {one.needed}",
            f"{one.calls_ratio:.4f}",
            f"{one.seconds:.0f}",
            "yes" if one.passed else f"NO {one.trail_problem}".strip(),
        )
    _out.print(table)


def _show_findings(findings: list[Finding]) -> None:
    table = Table("promise", "database", "seen", "kept", title="Promises")
    for one in findings:
        table.add_row(one.promise, one.database, one.seen, "yes" if one.kept else "NO")
    _out.print(table)


if __name__ == "__main__":
    main()
