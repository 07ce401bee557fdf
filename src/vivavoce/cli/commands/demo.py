"""The main job, shown: a service on the embedded default, a cohort sent over HTTP, a table and a report.

The demo is a client like any other. It starts `viva serve` as a process of its own, and knows of it
only what HTTP says.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from vivavoce.graders.models.model_files import DEFAULT_JUDGE, verified_model
from vivavoce.service.schemas import GradingPublic
from vivavoce.service.settings import Settings

from ..console import out
from ..errors import UserError
from ..html_report import ReportRow, rank_correlation, scored_pairs, write_html
from ..progress import progress_bar
from ..tables import read_table

app = typer.Typer(add_completion=False)
_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
_LONGEST_SECONDS = 1800.0
_WAIT_SECONDS = 10


@dataclass(frozen=True)
class Sample:
    """An answer of the sample cohort, with the grade (0 to 10) that a person gave it."""

    question_id: str
    language: str
    candidate: str
    answer: str
    human_grade: float
    kind: str


@app.command()
def demo(
    report: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("demo-report.html"),
) -> None:
    """Grade the sample cohort over HTTP with the real judge, print the scores, write a report."""
    run_demo(Settings(), report=report, console=out)


def sample_cohort() -> list[Sample]:
    """The answers that ship with vivavoce."""
    with resources.as_file(resources.files("vivavoce.rubrics") / "samples" / "cohort.csv") as path:
        return [
            Sample(**{**row.values, "human_grade": float(row.values["human_grade"])}) for row in read_table(path).rows
        ]


def run_demo(settings: Settings, *, report: Path, console: Console) -> None:
    """Grade the sample cohort; raises UserError when the service does not come up or does not finish."""
    verified_model(DEFAULT_JUDGE, settings.models_dir)
    samples = sample_cohort()
    with _service(settings, console) as url, httpx.Client(base_url=url, timeout=90, trust_env=False) as client:
        texts = {
            (question["id"], question["language"]): question["text"]
            for question in client.get("/v1/questions").raise_for_status().json()
        }
        started = time.monotonic()
        ids = [_submit(client, sample) for sample in samples]
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
    _print(samples, rows, console)
    write_html(report, rows, title="vivavoce: the sample cohort")
    agreement = rank_correlation(scored_pairs(rows))
    first = next((row.grading.report for row in rows if row.grading.report), None)
    console.print(
        f"{len(rows)} answers in {seconds:.0f} s; rank correlation with the people's grades: "
        f"{'undefined' if agreement is None else f'{agreement:.2f}'}",
        highlight=False,
    )
    if first:
        judge = first["provenance"]
        console.print(
            f"judge: {judge['model']} on {judge['engine']}, SHA-256 {judge['model_revision']}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"report: {report.absolute()}", highlight=False, soft_wrap=True)
    if unscored := sum(row.grading.report is None or row.grading.report["score"] is None for row in rows):
        raise UserError(f"{unscored} answers have no score: the report says why.")


@contextmanager
def _service(settings: Settings, console: Console) -> Iterator[str]:
    """A service on a free port, with its database in the demo's own folder; stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = settings.state_dir
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "serve.log"
    with log.open("ab") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "vivavoce.cli", "serve", "--port", str(port), "--host", "127.0.0.1"],
            stdout=log_file,
            stderr=log_file,
            env={**os.environ, "VIVA_STATE_DIR": str(folder)},
        )
    try:
        with console.status("Starting the service and its judge …"):
            _wait_until_up(process, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            console.print(f"[yellow]The service had to be killed: {log} says what it was doing.[/yellow]")


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            last = (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no word"])[-1]
            raise UserError(f"The service did not start ({last}): {log} says more.")
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise UserError(f"The service was not ready within {_START_SECONDS:.0f} s: {log} says more.")


def _submit(client: httpx.Client, sample: Sample) -> str:
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
            # Wait for the first one, then see which others are finished: asking for all of them over and
            # over would take from the judge the time that it needs.
            for grading_id, wait in [(still_open[0], _WAIT_SECONDS), *((other, 0) for other in still_open[1:])]:
                grading = _read(client, grading_id, wait=wait)
                if not grading.state.open:
                    gradings[grading_id] = grading
                    progress.advance(bar)
    return [gradings[grading_id] for grading_id in ids]


def _read(client: httpx.Client, grading_id: str, *, wait: int) -> GradingPublic:
    reply = client.get(f"/v1/gradings/{grading_id}", params={"wait": wait})
    return GradingPublic.model_validate(reply.raise_for_status().json())


def _print(samples: Sequence[Sample], rows: Sequence[ReportRow], console: Console) -> None:
    table = Table("Question", "", "Kind", "Answer", "Person", "Score", "Range", "Sure", "State", "Flags")
    for sample, row in zip(samples, rows, strict=True):
        report = row.grading.report
        score = "–" if report is None or report["score"] is None else f"{report['score']:.1f}"
        table.add_row(
            sample.question_id,
            sample.language,
            sample.kind,
            sample.answer.replace("\n", " ").strip()[:24],
            f"{sample.human_grade:.1f}",
            score,
            f"{report['score_min']:.1f}–{report['score_max']:.1f}" if report else "",
            f"{report['confidence']:.0%}" if report else "",
            str(row.grading.state),
            " ".join(report["flags"]) if report else row.grading.reason or "",
        )
    console.print(table)
