"""`viva cohort`: many answers that are graded as one piece of work by a running service."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from vivavoce.client import Client
from vivavoce.client.models.cohorts import Cohort
from vivavoce.client.models.files import FileReport

from ..errors import UserError, require_writable
from ..output.cohorts import (
    build_cohorts_table,
    cohort_bar,
    describe_speed,
    print_cohort,
    print_estimate,
    print_file_report,
)
from ..output.console import err, out, parse_language
from ..service_client import find_cohort, open_client

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Grade many answers as one piece of work: fill a cohort from files, run it, watch it.",
)
CohortArgument = Annotated[str, typer.Argument(metavar="COHORT", help="Id or name of a cohort.")]
_LOOK_SECONDS = 1.0


@app.command("create")
def create_cohort(
    name: Annotated[str, typer.Argument(help="Name, up to 200 characters.")],
    max_calls: Annotated[int | None, typer.Option(min=0, help="Most calls of the judge.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Most that its calls may cost.")] = None,
    finish_by: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it ends, finished or not, such as 2027-03-01T18:00+08:00.")
    ] = None,
    pass_mark: Annotated[float | None, typer.Option(min=0, max=10, help="Score from which an answer passes.")] = None,
    takes_more: Annotated[bool, typer.Option("--open", help="Take answers while it runs, too.")] = False,
) -> None:
    """Make an empty cohort and print its id."""
    with open_client() as client:
        cohort = client.cohorts.create(
            name,
            open=takes_more,
            max_calls=max_calls,
            max_cost=max_cost,
            finish_by=_parse_time(finish_by),
            pass_mark=pass_mark,
        )
    err.print(f"Next: viva cohort add {cohort.id} FILE", highlight=False, soft_wrap=True)
    typer.echo(cohort.id)


@app.command("add")
def add_answers(
    name: CohortArgument,
    file: Annotated[Path, typer.Argument(help="CSV, Excel, OpenDocument, JSON or JSON lines.")],
    check: Annotated[bool, typer.Option("--check", help="Only show how the file is read, and add nothing.")] = False,
    valid_only: Annotated[bool, typer.Option("--valid-only", help="Leave rows with errors out.")] = False,
    bad_rows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write rows with errors here, with a column 'error'.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON file that says what the columns are.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the file, such as gb18030.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    language: Annotated[str, typer.Option(help="Language of problems: zh or en.")] = "en",
) -> None:
    """Add a file of answers: show how its columns are read and what is wrong, then add the answers.

    With any error nothing is added (exit status 1), unless --valid-only leaves those rows out. The same file may be
    added again: no answer is added twice.
    """
    words = parse_language(language)
    require_writable(bad_rows, option="--bad-rows")
    given = _read_mapping(mapping)
    with open_client() as client:
        cohort = find_cohort(client, name)
        with err.status(f"Reading {escape(file.name)} …"):
            report = client.cohort_files.upload(cohort.id, file, encoding=encoding, sheet=sheet)
            if given:
                report = client.cohort_files.change_mapping(cohort.id, report.id, mapping=given)
        print_file_report(out, report, language=words)
        if bad_rows and report.counts.invalid_rows:
            bad_rows.write_bytes(client.cohort_files.read_bad_rows(cohort.id, report.id, language=words))
            err.print(f"rows with errors are in {bad_rows}", highlight=False, soft_wrap=True)
        _apply_or_delete(client, cohort, report, check=check, valid_only=valid_only)


@app.command("start")
def start_cohort(name: CohortArgument) -> None:
    """Start grading; a draft is closed to more answers first, unless it was created with --open."""
    with open_client() as client:
        cohort = find_cohort(client, name)
        if cohort.state == "draft" and not cohort.open:
            cohort = client.cohorts.finalise(cohort.id)
        _report_state(client.cohorts.start(cohort.id))
    err.print(f"Next: viva cohort watch {cohort.id}", highlight=False, soft_wrap=True)


@app.command("pause")
def pause_cohort(name: CohortArgument) -> None:
    """Pause grading; answers that are being graded are finished."""
    with open_client() as client:
        _report_state(client.cohorts.pause(find_cohort(client, name).id))


@app.command("resume")
def resume_cohort(
    name: CohortArgument,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Grade failed answers again, too.")] = False,
) -> None:
    """Go on after a pause, a cancellation, an expiry or a used-up budget; nothing is graded or paid twice."""
    with open_client() as client:
        _report_state(client.cohorts.resume(find_cohort(client, name).id, retry_failed=retry_failed))


@app.command("cancel")
def cancel_cohort(name: CohortArgument) -> None:
    """End a cohort; what was graded stays."""
    with open_client() as client:
        _report_state(client.cohorts.cancel(find_cohort(client, name).id))


@app.command("watch")
def watch_cohort(name: CohortArgument) -> None:
    """Show progress until the cohort has ended; exit status 1 if it has not graded all. Ctrl-C only stops watching."""
    with open_client(patience_seconds=600) as client:
        cohort = find_cohort(client, name)
        if cohort.state in ("draft", "validated"):
            raise UserError(f"The cohort has not been started: start it with 'viva cohort start {cohort.id}'.")
        try:
            cohort = _watch(client, cohort)
        except KeyboardInterrupt:
            err.print("Stopped watching; the cohort goes on.")
            raise typer.Exit(130) from None
    print_cohort(out, cohort)
    if cohort.state != "finished" or cohort.counts.get("failed"):
        raise typer.Exit(1)


@app.command("estimate")
def estimate_cohort(name: CohortArgument) -> None:
    """Show what grading the rest is expected to take: calls, tokens, minutes and cost."""
    with open_client() as client:
        print_estimate(out, client.cohorts.estimate(find_cohort(client, name).id))


@app.command("list")
def list_cohorts(
    state: Annotated[str | None, typer.Option(help="Only cohorts in this state, such as running.")] = None,
) -> None:
    """List cohorts, the newest first."""
    with open_client() as client:
        out.print(build_cohorts_table(client.cohorts.list(state=state), width=out.width))


@app.command("show")
def show_cohort(
    name: CohortArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all fields.")] = False,
) -> None:
    """Show the state of a cohort, its answers by outcome, and its budget."""
    with open_client() as client:
        cohort = find_cohort(client, name)
    if as_json:
        typer.echo(json.dumps(cohort.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        print_cohort(out, cohort)


def _apply_or_delete(client: Client, cohort: Cohort, report: FileReport, *, check: bool, valid_only: bool) -> None:
    """Add the answers of a file; one that is only checked, or refused, is deleted. Exit status 1 if it has errors."""
    has_errors = report.counts.errors > 0
    if check or (has_errors and not (valid_only and report.counts.answers)):
        client.cohort_files.delete(cohort.id, report.id)
        if has_errors:
            err.print(
                "[yellow]Nothing was added:[/yellow] correct the rows with errors (--bad-rows FILE writes them), or "
                "leave them out with --valid-only.",
                highlight=False,
                soft_wrap=True,
            )
            raise typer.Exit(1)
        err.print("Nothing was added: leave out --check to add it.")
        return
    on_invalid: Literal["valid_rows_only", "all_or_nothing"] = "valid_rows_only" if valid_only else "all_or_nothing"
    applied = client.cohort_files.apply(cohort.id, report.id, on_invalid=on_invalid).applied
    assert applied
    out.print(
        f"answers added: {applied.created}, changed: {applied.changed}, unchanged: {applied.unchanged}; "
        f"rows left out: {applied.left_out_rows}",
        highlight=False,
    )
    err.print(f"Next: viva cohort estimate {cohort.id}", highlight=False, soft_wrap=True)
    err.print(f"      viva cohort start {cohort.id}", highlight=False, soft_wrap=True)


def _watch(client: Client, cohort: Cohort) -> Cohort:
    with cohort_bar(err) as progress:
        bar = progress.add_task(cohort.state, total=cohort.total, speed="")
        for seen in client.cohorts.watch(cohort.id, every_seconds=_LOOK_SECONDS):
            cohort = seen
            done = cohort.total - sum(cohort.counts.get(name, 0) for name in ("queued", "running", "not_started"))
            described = f"{cohort.state}, {cohort.counts.get('needs_review', 0)} to review"
            speed = describe_speed(cohort)
            progress.update(bar, total=cohort.total, completed=done, description=described, speed=speed)
    return cohort


def _report_state(cohort: Cohort) -> None:
    out.print(f"{escape(cohort.name)} is {cohort.state}", highlight=False)


def _read_mapping(file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{file} is no mapping in JSON: docs/api/cohort-files.md has one.")
    # Both the mapping and the body that the API takes.
    inner = found.get("mapping", found)
    return inner if isinstance(inner, dict) else found


def _parse_time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"'{text}' is no time: give --finish-by as 2027-03-01T18:00+08:00.") from None
    # Without a zone it is the time of the caller's clock.
    return moment if moment.tzinfo else moment.astimezone()
