"""`viva grade`: a file of answers in, the same file with scores out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vivavoce.rubrics import default_bank, load_rubric
from vivavoce.service.settings import Settings

from ..answer_files import check_output, grade_items, read_outcome, take_in, write_outcome
from ..console import err
from ..errors import UserError
from ..interrupts import deferred_interrupts
from ..progress import progress_bar
from ..resources import open_database, open_recorded_panel
from ..tables import read_table

app = typer.Typer(add_completion=False)


@app.command()
def grade(
    file: Annotated[Path, typer.Argument(help="Answers: .csv, .jsonl or .xlsx, with a column 'answer'.")],
    question: Annotated[
        str | None,
        typer.Option(help="Grade all rows by this question (identifier or handbook number)."),
    ] = None,
    rubric: Annotated[Path | None, typer.Option(help="Grade all rows by the rubric in this YAML file.")] = None,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="Where results go: .csv, .jsonl, .xlsx or .html. Default: FILE.graded.csv."),
    ] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for a judge that is out of reach.")] = 60.0,
) -> None:
    """Grade a file of answers.

    Each row needs 'answer', and 'question_id' unless --question or --rubric is given; 'candidate' and
    'language' (zh or en) are optional, other columns come back as they are. Rows that cannot be graded
    are named with line and column, the rest is graded, and the exit status is 1. A run that was
    interrupted goes on where it stopped.
    """
    if question and rubric:
        raise UserError("--question and --rubric exclude each other: give one of them.")
    target = out_file or file.parent / f"{file.stem}.graded.csv"
    check_output(target)
    table = read_table(file)
    own_rubric = load_rubric(rubric) if rubric else None
    if own_rubric and own_rubric.status == "draft":
        raise UserError(f"{rubric} is a draft: read it through, then freeze it with 'viva rubric freeze {rubric}'.")
    settings = Settings()
    with open_database(settings) as database, open_recorded_panel(settings, database) as panel:
        items, problems = take_in(
            file,
            table,
            bank=default_bank(),
            rubric=own_rubric,
            question_id=question,
            panel=panel,
            sessions=database,
        )
        for problem in problems:
            err.print(f"[yellow]not graded:[/yellow] {escape(str(problem))}", highlight=False, soft_wrap=True)
        with progress_bar(err) as progress, deferred_interrupts() as interruption:
            bar = progress.add_task("Grading", total=len(items))

            def on_finished() -> None:
                progress.advance(bar)
                interruption.check()

            with suppress(KeyboardInterrupt):
                grade_items(
                    items,
                    sessions=database,
                    panel=panel,
                    settings=settings,
                    on_finished=on_finished,
                    on_waiting=lambda why: progress.console.print(
                        f"[yellow]waiting for the judge:[/yellow] {escape(why)}", highlight=False
                    ),
                    patience_seconds=patience,
                )
        outcome = read_outcome(items, problems, database)
    write_outcome(target, table, outcome, title=f"Grades for {file.name}")
    done = len(items) + len(problems) - outcome.ungraded
    err.print(f"{done} graded, {outcome.ungraded} not graded; results in {target}", highlight=False, soft_wrap=True)
    if interruption.came:
        err.print("Interrupted: run the same command again to go on where it stopped.")
        raise typer.Exit(130)
    if outcome.ungraded:
        raise typer.Exit(1)
