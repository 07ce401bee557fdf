"""Grades files of answers that people graded, for `viva bench accuracy` and `viva calibrate`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from vivavoce.evaluation.accuracy import Graded, grade_set
from vivavoce.graders.types import EngineIdentity
from vivavoce.service.settings import Settings
from vivavoce.tables import read_table
from vivavoce.workers.panel_factory import build_review_policy

from ..errors import UserError
from ..output.console import err, print_note
from ..output.progress import progress_bar
from ..resources import open_panel_and_database


def grade_sets(data: Sequence[Path], *, limit: int | None, seed: int) -> tuple[EngineIdentity, dict[str, Graded]]:
    """Grade each file with a progress bar; return the judge's identity and the results by the file's name.

    A file is named without its endings. Raises UserError for two files of one name and for a file without any score,
    UnreadableGrades for one that cannot be read.
    """
    if len({_name_set(path) for path in data}) < len(data):
        raise UserError("Two files have the same name, and a data set is called by its file's name: rename one.")
    # What cannot be read is refused before the models load.
    for path in data:
        for notice in read_table(path).notices:
            print_note(f"{path}: {notice}")
    graded: dict[str, Graded] = {}
    with ExitStack() as stack:
        panel = stack.enter_context(open_panel_and_database(Settings()))
        progress = stack.enter_context(progress_bar(err))
        for path in data:
            bar = progress.add_task(_name_set(path), total=None)

            # Bound now: the loop reuses the name `bar`.
            def show_progress(done: int, total: int, bar: Any = bar) -> None:
                progress.update(bar, completed=done, total=total)

            # The share for review counts each file's own scores.
            panel_of_set = replace(panel, review=build_review_policy(Settings()))
            result = grade_set(path, panel_of_set, limit=limit, seed=seed, on_progress=show_progress)
            if not result.cases:
                raise UserError(f"None of the answers in {path} has a score: see 'viva doctor' for the judge.")
            graded[_name_set(path)] = result
        return panel.judge.identity, graded


def _name_set(path: Path) -> str:
    return path.name.split(".")[0]
