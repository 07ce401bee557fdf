"""`python -m tests.exports`: measures files of answers on their way in and out; the exit status is 1 if one failed."""

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

from .measuring import Step, measure

_HEADINGS = (
    *("step", "answers", "s", "API CPU s", "worker CPU s", "API MiB", "worker MiB", "more than idle", "file MiB", "ok"),
)
_out = Console(width=None if Console().is_terminal else 200)


def main() -> None:
    """Run what the options ask for."""
    options = _options()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("tests.exports").setLevel(logging.INFO)
    steps: list[Step] = []
    with tempfile.TemporaryDirectory(prefix="vivavoce-exports-") as folder:
        for step in measure(Path(folder), rows=options.rows, upload_formats=options.upload, formats=options.formats):
            steps.append(step)
            print(f"… {step.name}: {step.seconds:.1f} s", file=sys.stderr, flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(step) for step in steps], indent=2) + "\n", encoding="utf-8")
    _show(steps)
    sys.exit(any(step.problems for step in steps))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.exports", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="answers in the file")
    parser.add_argument("--upload", nargs="+", default=["jsonl", "xlsx", "csv"], help="formats of the file of answers")
    parser.add_argument(
        "--formats", nargs="+", default=["csv", "xlsx", "jsonl", "html", "pdf"], help="formats of the exports"
    )
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


def _show(steps: list[Step]) -> None:
    table = Table(title="Files of answers in and out; memory is the most at any time")
    for heading in _HEADINGS:
        table.add_column(heading)
    for step in steps:
        figures = (step.seconds, step.api_processor, step.worker_processor)
        memory = (step.api_mib, step.worker_mib, step.worker_more_mib)
        table.add_row(
            step.name,
            f"{step.answers:,}",
            *(f"{figure:.1f}" for figure in figures),
            *(f"{figure:.0f}" for figure in memory),
            f"{step.file_mib:.1f}",
            f"NO: {'; '.join(step.problems)}" if step.problems else "yes",
        )
    _out.print(table)


if __name__ == "__main__":
    main()
