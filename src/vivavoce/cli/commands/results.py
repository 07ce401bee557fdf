"""`viva results`: the results of a cohort, printed, followed or written to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from vivavoce.client import Client
from vivavoce.client.models.cohorts import Cohort, Result

from ..errors import UserError, require_writable
from ..files.result_lines import open_lines
from ..output.cohorts import build_results_table, describe_result
from ..output.console import err, out, parse_language, print_note
from ..service_client import find_cohort, open_client

app = typer.Typer(add_completion=False)
_LINES = "jsonl"
_FOLLOW_PATIENCE_SECONDS = 600.0


@app.command()
def show_results(
    name: Annotated[str, typer.Argument(metavar="COHORT", help="Id or name of a cohort.")],
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with results as they land, until it has ended.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file; its ending says in which format.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, xlsx, html or jsonl; jsonl also without --output.")
    ] = None,
    layout: Annotated[
        str, typer.Option(help="Of csv and xlsx: long (a row an answer) or wide (a row a candidate).")
    ] = "long",
    language: Annotated[str, typer.Option(help="Of headings: en or zh.")] = "en",
    with_answers: Annotated[
        bool, typer.Option("--answers", help="Also write the answers; html always has them.")
    ] = False,
) -> None:
    """Print the results of a cohort, or write them to a file.

    With --follow and a .jsonl file, running it again goes on where it stopped. Other formats are written by the service
    from one snapshot, with --follow once the cohort has ended.
    """
    form = form or (output.suffix.lower().removeprefix(".") if output else None)
    if form not in (None, _LINES) and output is None:
        raise UserError(f"Results as {form} are a file: name it with --output.")
    require_writable(output, option="--output")
    with open_client(patience_seconds=_FOLLOW_PATIENCE_SECONDS if follow else 60.0) as client:
        cohort = find_cohort(client, name)
        if follow and cohort.started_at is None:
            print_note(f"nothing comes before the cohort is started: 'viva cohort start {cohort.id}'.")
        try:
            if form is None:
                _print_results(client, cohort, follow=follow)
            elif form == _LINES:
                _write_lines(client, cohort, output, follow=follow)
            else:
                options = (_parse_layout(layout), parse_language(language), with_answers)
                _export(client, cohort, cast(Path, output), form, *options, follow=follow)
        except KeyboardInterrupt:
            err.print("Interrupted; the cohort goes on.")
            raise typer.Exit(130) from None


def _print_results(client: Client, cohort: Cohort, *, follow: bool) -> None:
    if not follow:
        # A result that changed comes again: the newest counts.
        newest = {result.item.id: result for result in client.results.list(cohort.id)}
        out.print(build_results_table(list(newest.values())))
        err.print(f"{len(newest)} of {cohort.total} answers have a result", highlight=False)
        return
    for result in client.results.follow(cohort.id):
        typer.echo(describe_result(result))


def _write_lines(client: Client, cohort: Cohort, output: Path | None, *, follow: bool) -> None:
    def read(after: int) -> Iterable[Result]:
        return client.results.follow(cohort.id, after=after) if follow else client.results.list(cohort.id, after=after)

    if output is None:
        _echo_lines(read)
        return
    with open_lines(output, go_on=follow) as lines:
        for result in read(lines.position):
            lines.write(result)
    err.print(f"{lines.count} results written to {output}", highlight=False, soft_wrap=True)


def _echo_lines(read: Callable[[int], Iterable[Result]]) -> None:
    for result in read(0):
        typer.echo(result.model_dump_json())


def _export(
    client: Client,
    cohort: Cohort,
    output: Path,
    form: str,
    layout: Literal["long", "wide"],
    language: Literal["zh", "en"],
    with_answers: bool,
    *,
    follow: bool,
) -> None:
    if follow:
        with err.status("Waiting for the end of the cohort …"):
            client.cohorts.wait(cohort.id)
    with err.status(f"The service writes {output.name} …"):
        asked = client.exports.create(
            cohort_id=cohort.id,
            format=form,
            layout=layout,
            language=language,
            include_answers=with_answers or form == "html",
        )
        export = client.exports.download(asked.id, output)
    assert export.manifest
    err.print(
        f"{export.manifest.answers} answers in {export.manifest.rows} rows written to {output}",
        highlight=False,
        soft_wrap=True,
    )


def _parse_layout(name: str) -> Literal["long", "wide"]:
    if name in ("long", "wide"):
        return cast(Literal["long", "wide"], name)
    raise UserError(f"There is no layout '{name}': use long or wide.")
