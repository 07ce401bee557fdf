"""`make compose-test`: the stack is brought up, broken, updated, watched, saved and taken down; a table says what was
seen, and the exit status is 1 when a promise is not kept.

Where no Docker engine can be had it says so and why, and ends with 0, unless `--required` is given."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vivavoce.graders.models.model_files import DEFAULT_JUDGE, SMALL_JUDGE, fetch_model
from vivavoce.service.settings import Settings

from . import promises
from .engine import NoEngine, docker_engine
from .images import make_ours, make_standins, remove_old
from .promises import Finding
from .stack import Stack

_VERSION = "test"
_out = Console(width=None if Console().is_terminal else 180)
STEPS: tuple[Callable[[Stack], list[Finding]], ...] = (
    promises.scan,
    promises.grade_cohort,
    promises.spread,
    promises.break_and_update,
    promises.keys,
    promises.watch,
    promises.change_judges,
    promises.backup_and_restore,
    promises.all_well,
)


def main() -> None:
    """Run all steps, or those that the options name."""
    options = _options()
    # Told to end, it still takes everything down.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        with docker_engine() as engine:
            _say(engine)
            findings = _run(options.step or [step.__name__ for step in STEPS])
    except NoEngine as reason:
        print(f"compose-test was not run: {reason}.")
        sys.exit(bool(options.required))
    table = Table("promise", "seen", "kept", title=f"The deployed stack, on {engine}")
    for one in findings:
        table.add_row(one.promise, one.seen, "yes" if one.kept else "NO")
    _out.print(table)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in findings], indent=2) + "\n", encoding="utf-8")
    kept = sum(one.kept for one in findings)
    print(f"compose-test: {kept} passed, {len(findings) - kept} failed")
    sys.exit(kept < len(findings))


def _run(steps: list[str]) -> list[Finding]:
    settings = Settings()
    for model in (DEFAULT_JUDGE, SMALL_JUDGE):
        fetch_model(model, settings.models_dir)
    remove_old(_VERSION)
    make_standins()
    make_ours(_VERSION)
    with (
        tempfile.TemporaryDirectory(prefix="vivavoce-compose-") as folder,
        Stack(Path(folder), version=_VERSION, models=settings.models_dir) as stack,
    ):
        started = time.monotonic()
        _say("docker-compose up")
        stack.up()
        findings = [Finding("everything comes up and is well", f"{time.monotonic() - started:.0f} s", True)]
        for step in STEPS:
            if step.__name__ in steps:
                _say(step.__name__)
                found = step(stack)
                for one in found:
                    _say(f"    {'kept' if one.kept else 'NOT KEPT'}: {one.promise}: {one.seen}")
                findings += found
        return findings


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.compose", description=__doc__)
    parser.add_argument("--step", action="append", choices=[step.__name__ for step in STEPS], help="only this one")
    parser.add_argument("--required", action="store_true", help="fail where no Docker engine can be had")
    parser.add_argument("--json", type=Path, help="write what was seen here, too")
    return parser.parse_args()


def _say(what: str) -> None:
    print(f"… {time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
