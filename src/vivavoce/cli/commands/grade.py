"""`viva grade`: grades a file of answers and writes the same file with scores."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vivavoce.graders import Panel
from vivavoce.rubrics import Rubric, default_bank, load_rubric
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

from ..errors import UserError
from ..files.answer_files import Item, Outcome, check_output, read_outcome, submit_rows, write_outcome
from ..files.grading_run import grade_waiting
from ..files.tables import BadCell, read_table
from ..interrupts import Interruption, deferred_interrupts
from ..output.console import err
from ..output.progress import progress_bar
from ..resources import open_database, open_recorded_panel

app = typer.Typer(add_completion=False)


@app.command()
def grade_file(
    file: Annotated[Path, typer.Argument(help="Answers: .csv, .jsonl or .xlsx, with a column 'answer'.")],
    question: Annotated[
        str | None,
        typer.Option(help="Grade all rows by this question (identifier or handbook number)."),
    ] = None,
    rubric: Annotated[Path | None, typer.Option(help="Grade all rows by the rubric in this YAML file.")] = None,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="File for the results: .csv, .jsonl, .xlsx or .html. Default: FILE.graded.csv."),
    ] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait while the judge is unavailable.")] = 60.0,
) -> None:
    """Grade a file of answers.

    Each row needs 'answer', and 'question_id' unless --question or --rubric is given; 'candidate' and 'language' (zh or
    en) are optional, and other columns are copied. Rows that cannot be graded are reported with line and column, the
    others are graded, and the exit status is 1. An interrupted run continues where it stopped.
    """
    if question and rubric:
        raise UserError("--question and --rubric exclude each other: use one of them.")
    target = out_file or file.parent / f"{file.stem}.graded.csv"
    check_output(target)
    table = read_table(file)
    own_rubric = _load_frozen(rubric) if rubric else None
    settings = Settings()
    with open_database(settings) as database, open_recorded_panel(settings, database) as panel:
        items, problems = submit_rows(
            file,
            table,
            bank=default_bank(),
            rubric=own_rubric,
            question_id=question,
            panel=panel,
            sessions=database,
        )
        _print_problems(problems)
        interruption = _grade_with_progress(items, panel, settings, database, patience=patience)
        outcome = read_outcome(items, problems, database)
    # Also after an interrupt: what is graded is not lost.
    write_outcome(target, table, outcome, title=file.name)
    _report_outcome(outcome, interruption, target)


def _load_frozen(file: Path) -> Rubric:
    rubric = load_rubric(file)
    if rubric.status == "draft":
        raise UserError(f"{file} is a draft: read it through, then freeze it with 'viva rubric freeze {file}'.")
    return rubric


def _print_problems(problems: Sequence[BadCell]) -> None:
    for problem in problems:
        err.print(f"[yellow]not graded:[/yellow] {escape(str(problem))}", highlight=False, soft_wrap=True)


def _grade_with_progress(
    items: Sequence[Item], panel: Panel, settings: Settings, database: SessionFactory, *, patience: float
) -> Interruption:
    """Grade with a progress bar until all is done, patience ends or an interrupt arrives."""
    with progress_bar(err) as progress, deferred_interrupts() as interruption:
        bar = progress.add_task("Grading", total=len(items))

        def on_finished() -> None:
            progress.advance(bar)
            interruption.raise_if_received()

        shown = ""

        def on_waiting(why: str) -> None:
            nonlocal shown
            # Said once, not with each further try.
            if why != shown:
                progress.console.print(f"[yellow]waiting:[/yellow] {escape(why)}", highlight=False)
                shown = why

        with suppress(KeyboardInterrupt):
            grade_waiting(
                [item.grading_id for item in items],
                sessions=database,
                panel=panel,
                settings=settings,
                on_finished=on_finished,
                on_waiting=on_waiting,
                patience_seconds=patience,
            )
    return interruption


def _report_outcome(outcome: Outcome, interruption: Interruption, target: Path) -> None:
    """Print the counts; ends with exit status 130 after an interrupt, 1 with rows left ungraded."""
    graded = len(outcome.items) + len(outcome.problems) - outcome.ungraded
    err.print(f"{graded} graded, {outcome.ungraded} not graded; results in {target}", highlight=False, soft_wrap=True)
    if interruption.received:
        err.print("Interrupted: run the same command again to continue where it stopped.")
        raise typer.Exit(130)
    if outcome.ungraded:
        raise typer.Exit(1)
