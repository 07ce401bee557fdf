"""`viva demo`: starts a service with the real judge, sends sample answers over HTTP, and reports the scores.

The demo is a client like any other: it runs `viva serve` as a process of its own and uses only HTTP.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from vivavoce.graders.models.model_files import DEFAULT_JUDGE, verified_model
from vivavoce.service.access.local_key import local_key_path
from vivavoce.service.api.schemas.gradings.lifecycle import GradingPublic
from vivavoce.service.page.html_report import ReportRow, write_html
from vivavoce.service.page.report_scores import is_open_report
from vivavoce.service.settings import Settings
from vivavoce.tables import read_table

from ..errors import UserError
from ..output.agreement import compare_with_people, rank_correlation, scored_pairs
from ..output.console import format_figure, out
from ..output.progress import progress_bar

app = typer.Typer(add_completion=False)
_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
_LONGEST_SECONDS = 1800.0
_WAIT_SECONDS = 10
# Between two looks at a service that starts.
_POLL_SECONDS = 0.1
# Above the seconds that a long poll may take.
_HTTP_SECONDS = 90

# An outside database has no local key.
_OWN_DATABASE = {"VIVA_DATABASE_URL": "", "VIVA_ENVIRONMENT": "development"}


@dataclass(frozen=True)
class Sample:
    """A sample answer; `human_grade` (0 to 10) is a person's, `kind` says what sort of answer it is."""

    question_id: str
    language: str
    candidate: str
    answer: str
    human_grade: float
    kind: str


@app.command()
def show_demo(
    report: Annotated[Path, typer.Option(help="File for the HTML report.")] = Path("demo-report.html"),
) -> None:
    """Grade the sample answers with the real judge, print the scores and write a report."""
    run_demo(Settings(), report=report, console=out)


def sample_cohort() -> list[Sample]:
    """The sample answers that ship with vivavoce."""
    with resources.as_file(resources.files("vivavoce.rubrics") / "samples" / "cohort.csv") as path:
        return [
            Sample(**{**row.values, "human_grade": float(row.values["human_grade"])}) for row in read_table(path).rows
        ]


def run_demo(settings: Settings, *, report: Path, console: Console) -> None:
    """Grade the sample answers; raises UserError when the service does not start or an answer gets no score."""
    # Before the service starts: a missing model is said at once.
    verified_model(DEFAULT_JUDGE, settings.models_dir)
    samples = sample_cohort()
    with (
        _run_service(settings, console) as url,
        httpx.Client(base_url=url, headers=_read_key(settings), timeout=_HTTP_SECONDS, trust_env=False) as client,
    ):
        texts = _fetch_questions(client)
        started = time.monotonic()
        ids = [_submit_sample(client, sample) for sample in samples]
        console.print(f"{len(ids)} answers submitted to {url}", highlight=False)
        gradings = _wait_for_all(client, ids, console)
        seconds = time.monotonic() - started
    rows = [
        ReportRow(
            place=sample.kind,
            question=texts[sample.question_id, sample.language],
            answer=sample.answer,
            grading=grading,
            human_grade=sample.human_grade,
        )
        for sample, grading in zip(samples, gradings, strict=True)
    ]
    console.print(_build_score_table(samples, rows))
    write_html(report, rows, title="vivavoce: the sample cohort", agreement=compare_with_people(rows))
    _print_summary(rows, report, console, seconds=seconds)
    if unscored := sum(_score_of(row) is None for row in rows):
        raise UserError(f"{unscored} answers have no score: the report says why.")


def _print_summary(rows: Sequence[ReportRow], report: Path, console: Console, *, seconds: float) -> None:
    agreement = rank_correlation(scored_pairs(rows))
    console.print(
        f"{len(rows)} answers in {seconds:.0f} s; rank correlation with the people's grades: "
        f"{'undefined' if agreement is None else f'{agreement:.2f}'}",
        highlight=False,
    )
    # All reports of a run name the same judge.
    first = next((row.grading.report for row in rows if row.grading.report), None)
    if first:
        judge = first["provenance"]
        console.print(
            f"judge: {judge['model']} on {judge['engine']}, SHA-256 {judge['model_revision']}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"report: {report.absolute()}", highlight=False, soft_wrap=True)


@contextmanager
def _run_service(settings: Settings, console: Console) -> Iterator[str]:
    """Run a service on a free port, with its database in the state folder; yields its URL and stops it at the end."""
    url = f"http://127.0.0.1:{(port := _find_free_port())}"
    folder = settings.state_dir
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "serve.log"
    with log.open("ab") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "vivavoce.cli", "serve", "--port", str(port), "--host", "127.0.0.1"],
            stdout=log_file,
            stderr=log_file,
            env={
                **os.environ,
                "VIVA_STATE_DIR": str(folder),
                "VIVA_DATABASE_URL": "",
                "VIVA_ENVIRONMENT": "development",
            },
        )
    try:
        with console.status("Starting the service and its judge …"):
            _wait_until_up(process, url, log)
        yield url
    finally:
        _stop_process(process, log, console)


def _read_key(settings: Settings) -> dict[str, str]:
    """The header with the key that the service made for this machine."""
    return {"Authorization": f"Bearer {local_key_path(settings).read_text(encoding='ascii').strip()}"}


def _find_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _stop_process(process: subprocess.Popen[bytes], log: Path, console: Console) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        # Reaped here, or a defunct process stays behind.
        process.wait()
        console.print(f"[yellow]The service did not stop and was killed: see {log}.[/yellow]")


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise UserError(f"The service did not start ({lines[-1] if lines else 'it logged nothing'}): see {log}.")
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(_POLL_SECONDS)
    raise UserError(f"The service was not ready within {_START_SECONDS:.0f} s: see {log}.")


def _fetch_questions(client: httpx.Client) -> dict[tuple[str, str], str]:
    """The text of every question by its id and language."""
    questions = client.get("/v1/questions").raise_for_status().json()
    return {(question["id"], question["language"]): question["text"] for question in questions}


def _submit_sample(client: httpx.Client, sample: Sample) -> str:
    reply = client.post(
        "/v1/gradings",
        json={
            "question_id": sample.question_id,
            "language": sample.language,
            "candidate": sample.candidate,
            "answer": sample.answer,
        },
    )
    return str(reply.raise_for_status().json()["id"])


def _wait_for_all(client: httpx.Client, ids: Sequence[str], console: Console) -> list[GradingPublic]:
    gradings: dict[str, GradingPublic] = {}
    deadline = time.monotonic() + _LONGEST_SECONDS
    with progress_bar(console) as progress:
        bar = progress.add_task("Grading", total=len(ids))
        while len(gradings) < len(ids):
            if time.monotonic() > deadline:
                raise UserError(f"{len(ids) - len(gradings)} answers were not graded in time: see serve.log.")
            still_open = [grading_id for grading_id in ids if grading_id not in gradings]
            # Wait for the first only: polling all would slow the judge.
            for grading_id, wait in [(still_open[0], _WAIT_SECONDS), *((other, 0) for other in still_open[1:])]:
                grading = _fetch_grading(client, grading_id, wait=wait)
                if not grading.state.open:
                    gradings[grading_id] = grading
                    progress.advance(bar)
    return [gradings[grading_id] for grading_id in ids]


def _fetch_grading(client: httpx.Client, grading_id: str, *, wait: int) -> GradingPublic:
    reply = client.get(f"/v1/gradings/{grading_id}", params={"wait": wait})
    return GradingPublic.model_validate(reply.raise_for_status().json())


def _build_score_table(samples: Sequence[Sample], rows: Sequence[ReportRow]) -> Table:
    table = Table("Question", "", "Kind", "Answer", "Person", "Score", "Range", "Confidence", "State", "Flags")
    for sample, row in zip(samples, rows, strict=True):
        report: Mapping[str, Any] | None = row.grading.report
        table.add_row(
            sample.question_id,
            sample.language,
            sample.kind,
            sample.answer.replace("\n", " ").strip()[:24],
            format_figure(sample.human_grade, 1),
            "open" if report and is_open_report(report) else format_figure(_score_of(row), 1),
            f"{report['score_min']:.1f}–{report['score_max']:.1f}" if report else "",
            f"{report['confidence']:.0%}" if report else "",
            str(row.grading.state),
            # Without a report the reason stands in for its flags.
            " ".join(report["flags"]) if report else row.grading.reason or "",
        )
    return table


def _score_of(row: ReportRow) -> float | None:
    report = row.grading.report
    return None if report is None else report["score"]
