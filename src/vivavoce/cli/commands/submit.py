"""`viva submit`: one answer, sent to a running service, and its report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from vivavoce.client import Client, WaitTimedOut
from vivavoce.client.models.gradings import Grading

from ..errors import UserError
from ..output.console import err, out, parse_language
from ..output.reports import print_grading
from ..service_client import open_client

app = typer.Typer(add_completion=False)
# Often enough to show that a worker has begun.
_LOOK_SECONDS = 10.0


@app.command()
def submit_answer(
    answer: Annotated[
        str | None, typer.Argument(help="The answer; without it and --file it is read from standard input.")
    ] = None,
    question: Annotated[str | None, typer.Option(metavar="ID", help="Question to grade by, or its number.")] = None,
    rubric: Annotated[Path | None, typer.Option(metavar="FILE", help="Rubric file to grade by instead.")] = None,
    rubric_id: Annotated[str | None, typer.Option(metavar="ID", help="Stored rubric to grade by instead.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Text file (UTF-8) with the answer.")] = None,
    candidate: Annotated[str | None, typer.Option(help="Your reference of the candidate.")] = None,
    language: Annotated[str | None, typer.Option(help="zh or en; by default that of the answer.")] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for the report.")] = 600.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole grading as JSON.")] = False,
) -> None:
    """Grade one answer with a running service and print its report.

    The service is that of VIVA_URL with the key VIVA_KEY, or the 'viva serve' of this machine. Exit status 1 if there
    is no score.
    """
    if sum(value is not None for value in (question, rubric, rubric_id)) != 1:
        raise UserError("Name what to grade by: use one of --question, --rubric and --rubric-id.")
    by: dict[str, Any] = {"question_id": question, "rubric_id": rubric_id, "rubric": rubric and _read_rubric(rubric)}
    text = _read_answer(answer, file)
    spoken = parse_language(language) if language else None
    with open_client() as client:
        grading = client.gradings.create(text, candidate=candidate, language=spoken, **by)
        try:
            grading = _wait(client, grading, patience)
        except KeyboardInterrupt:
            err.print(f"Interrupted; the service goes on with the grading {grading.id}.", highlight=False)
            raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(grading.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        print_grading(out, grading)
    if grading.report is None or grading.report.score is None:
        raise typer.Exit(1)


def _wait(client: Client, grading: Grading, patience: float) -> Grading:
    left = patience
    with err.status(f"Grading {grading.id}: {grading.state} …") as status:
        while grading.is_open:
            try:
                grading = client.gradings.wait(grading.id, timeout_seconds=min(left, _LOOK_SECONDS))
            except WaitTimedOut:
                left -= _LOOK_SECONDS
                if left <= 0:
                    raise WaitTimedOut(
                        f"The grading {grading.id} is not finished after {patience:.0f} s and goes on in the service: "
                        "wait longer with --patience, and check that a worker runs."
                    ) from None
                grading = client.gradings.read(grading.id)
                status.update(f"Grading {grading.id}: {grading.detail or grading.state} …")
    return grading


def _read_answer(answer: str | None, file: Path | None) -> str:
    if answer is not None and file is not None:
        raise UserError("Give the answer as an argument or with --file, not both.")
    if answer is not None:
        return answer
    if file is not None:
        try:
            return file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise UserError(f"{file} is no text in UTF-8: save it as UTF-8.") from None
    if sys.stdin.isatty():
        err.print("Type the answer, then Ctrl-D.")
    return sys.stdin.read()


def _read_rubric(file: Path) -> Any:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UserError(f"{file} is no YAML: 'viva rubric check {file}' says what is wrong.") from None
    if not isinstance(found, dict):
        raise UserError(f"{file} is no rubric: 'viva rubric check {file}' says what is wrong.")
    return found
