"""`viva grade`: grades a file of answers and writes the same file with scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vivavoce.graders import Panel
from vivavoce.rubrics import Rubric, default_bank, load_rubric
from vivavoce.service.answer_files.answer_columns import AnswerSource, find_answers, make_question_finder
from vivavoce.service.answer_files.answer_rows import RubricChoice
from vivavoce.service.answer_files.entries import name_fields
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.tables import Table, read_table
from vivavoce.tables.writing import remove_guards

from ..errors import UserError
from ..files.answer_files import Outcome, Submitted, read_outcome, submit_entries
from ..files.entry_notices import check_entries, describe_repeats, describe_skipped_entries
from ..files.grading_run import grade_waiting
from ..files.outcome_files import check_output, write_outcome
from ..files.question_columns import list_named_headings, read_question_columns
from ..files.result_columns import choose_columns
from ..interrupts import Interruption, deferred_interrupts
from ..output.column_mapping import print_mapping
from ..output.console import err, print_note
from ..output.progress import progress_bar
from ..resources import open_database, open_recorded_panel

# Text files: a spreadsheet may have been kept from running their cells.
_TEXT_ENDINGS = {".csv", ".tsv", ".tab", ".txt"}
_NOTICES_SHOWN = 10

app = typer.Typer(add_completion=False)


@app.command()
def grade_file(
    file: Annotated[
        Path,
        typer.Argument(help="Answers: .csv, .tsv, .txt, .json, .jsonl, .xlsx, .xls or .ods, with a column 'answer'."),
    ],
    question: Annotated[
        str | None,
        typer.Option(help="Grade all rows by this question (identifier or handbook number)."),
    ] = None,
    rubric: Annotated[Path | None, typer.Option(help="Grade all rows by the rubric in this YAML file.")] = None,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File for the results: .csv, .tsv, .jsonl, .json, .xlsx or .html. Default: FILE.graded.csv."
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of a text file, such as gb18030, big5 or cp1252. Default: found.")
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(help="Sheet of a workbook, by name or number. Default: the first visible one with answers."),
    ] = None,
    answer_column: Annotated[str | None, typer.Option(help="Heading of the column with the answers.")] = None,
    candidate_column: Annotated[str | None, typer.Option(help="Heading of the column with the candidates.")] = None,
    question_column: Annotated[
        str | None, typer.Option(help="Heading of the column with the identifiers of the questions.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns of the results, with commas, such as score,points,feedback. Default: all."),
    ] = None,
    question_columns: Annotated[
        str | None,
        typer.Option(
            help="For a row per candidate: 'HEADING=question_id,…' or a YAML file. Default: found by heading."
        ),
    ] = None,
    keep_formulas: Annotated[
        bool, typer.Option("--keep-formulas", help="Write no apostrophe before text that a spreadsheet would run.")
    ] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait while the judge is unavailable.")] = 60.0,
) -> None:
    """Grade a file of answers.

    Each row needs 'answer', and 'question_id' unless --question or --rubric is given; 'candidate' and 'language' (zh or
    en) are optional, and other columns are copied. Headings such as 回答 or "Your answer" are known, too, and so are
    tables with a row for each candidate and a column for each question. Rows that cannot be graded are reported with
    line and column, the others are graded, and the exit status is 1. An interrupted run continues where it stopped.
    """
    if question and rubric:
        raise UserError("--question and --rubric exclude each other: use one of them.")
    target = out_file or file.parent / f"{file.stem}.graded.csv"
    check_output(target)
    if columns is not None and target.suffix.lower() == ".html":
        raise UserError("--columns is for tables: leave it out for .html.")
    headings = {"answer": answer_column, "candidate": candidate_column, "question_id": question_column}
    choice = RubricChoice(default_bank(), _load_frozen(rubric) if rubric else None, question)
    table = read_table(
        file,
        encoding=encoding,
        sheet=sheet,
        columns={field: heading for field, heading in headings.items() if heading},
        find_question=make_question_finder(choice.bank, list_named_headings(question_columns)),
    )
    if _TEXT_ENDINGS & {suffix.lower() for suffix in file.suffixes}:
        table = remove_guards(table)
    named = read_question_columns(question_columns, table.columns, choice.bank)
    source = find_answers(file, table, choice, question_columns=named, answer_column=answer_column)
    _print_notes([*_name_columns(table, source), *table.notices, *describe_repeats(source.entries)])
    check_entries(file, source.entries, table.problems)
    is_json = target.suffix.lower() in (".json", ".jsonl")
    chosen = choose_columns(table, added=source.added, wanted=columns, with_report=is_json)
    if source.layout:
        print_mapping(source.layout, choice.bank)
    settings = Settings()
    with open_database(settings) as database, open_recorded_panel(settings, database) as panel:
        submitted = submit_entries(
            source.entries,
            choice=choice,
            panel=panel,
            sessions=database,
            unreadable=table.problems,
            bad_cells=table.bad_cells,
        )
        _print_problems(submitted)
        interruption = _grade_with_progress(submitted, panel, settings, database, patience=patience)
        outcome = read_outcome(submitted, database)
    # Also after an interrupt: what is graded is not lost.
    changes = write_outcome(target, table, outcome, title=file.name, columns=chosen, keep_formulas=keep_formulas)
    _print_notes(changes)
    _report_outcome(outcome, interruption, target)


def _load_frozen(file: Path) -> Rubric:
    rubric = load_rubric(file)
    if rubric.status == "draft":
        raise UserError(f"{file} is a draft: read it through, then freeze it with 'viva rubric freeze {file}'.")
    return rubric


def _name_columns(table: Table, source: AnswerSource) -> Iterator[str]:
    """The columns that are read as ours although they have other names."""
    fields = name_fields(table).items()
    # The mapping of a wide table names the columns of answers.
    others = [f"'{heading}' as {name}" for name, heading in fields if heading.lower() != name and not source.layout]
    if others:
        yield f"Read {', '.join(others)}."


def _print_problems(submitted: Submitted) -> None:
    # A bad name keeps all answers of its row from being graded.
    for problem in dict.fromkeys(submitted.problems):
        err.print(f"[yellow]not graded:[/yellow] {escape(str(problem))}", highlight=False, soft_wrap=True)
    _print_notes(list(describe_skipped_entries(submitted.entries)))
    _print_notes([f"grade not read: {cell}" for cell in submitted.unread_grades])


def _print_notes(sentences: Sequence[str]) -> None:
    shown = list(sentences[:_NOTICES_SHOWN])
    if len(sentences) > len(shown):
        shown.append(f"and {len(sentences) - len(shown)} more of this kind.")
    for sentence in shown:
        print_note(sentence)


def _grade_with_progress(
    submitted: Submitted, panel: Panel, settings: Settings, database: SessionFactory, *, patience: float
) -> Interruption:
    """Grade with a progress bar until all is done, patience ends or an interrupt arrives."""
    with progress_bar(err) as progress, deferred_interrupts() as interruption:
        bar = progress.add_task("Grading", total=len(submitted.items))

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
                submitted.grading_ids,
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
    err.print(
        f"{outcome.graded} graded, {outcome.ungraded} not graded; results in {target}", highlight=False, soft_wrap=True
    )
    if interruption.received:
        err.print("Interrupted: run the same command again to continue where it stopped.")
        raise typer.Exit(130)
    if outcome.ungraded:
        raise typer.Exit(1)
