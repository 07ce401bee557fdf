"""The commands. Each reads its options, calls one function and says what came of it."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Literal, cast

import pydantic
import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError

from vivavoce import __version__
from vivavoce.graders import GraderError
from vivavoce.graders.models import DEFAULT_JUDGE, ModelSource, VerifiedModel, fetch_model, find_model
from vivavoce.rubrics import RubricError, default_bank, load_rubric
from vivavoce.service.errors import ServiceError
from vivavoce.service.logs import configure_logs
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect, migrate, sessions
from vivavoce.service.tracing import TracingMissing, configure_tracing

from .audit import app as audit_app
from .backup import app as backup_app
from .backup import restore
from .bank import app as bank_app
from .bench.commands import app as bench_app
from .calibrate import calibrate
from .errors import UserError
from .interruption import remembered_interrupts
from .judges import app as judges_app
from .progress import progress_bar
from .queue import app as queue_app
from .rubric import app as rubric_app

app = typer.Typer(
    name="viva",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Grade free-text interview answers, in Chinese and English, and see how sure the grades are.",
)
models_app = typer.Typer(no_args_is_help=True, help="The model files that grade.")
app.add_typer(models_app, name="models")
app.add_typer(bank_app, name="bank")
app.add_typer(bench_app, name="bench")
app.add_typer(rubric_app, name="rubric")
app.add_typer(queue_app, name="queue")
app.add_typer(audit_app, name="audit")
app.add_typer(judges_app, name="judges")
app.add_typer(backup_app, name="backup")
app.command()(restore)
app.command()(calibrate)
_WIDTH_WITHOUT_TERMINAL = 160
out = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL)
err = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH_WITHOUT_TERMINAL)


def run() -> None:
    """Entry point: every expected error ends in one sentence and exit status 2."""
    try:
        app()
    except (UserError, RubricError, GraderError, ServiceError, TracingMissing) as error:
        _fail(str(error))
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = f"VIVA_{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        _fail(f"A setting is wrong: {name}{str(first['msg']).removeprefix('Value error, ')}.")
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        _fail(f"The database cannot be used ({cause}): check VIVA_DATABASE_URL or VIVA_STATE_DIR.")
    except OSError as error:
        _fail(f"{error.filename or 'A file'}: {error.strerror or error}.")


def _fail(sentence: str) -> None:
    err.print(f"[red]viva:[/red] {escape(sentence)}", highlight=False, soft_wrap=True)
    sys.exit(2)


def _version(value: bool) -> None:
    if value:
        out.print(f"vivavoce {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


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
    from vivavoce.service.storage.verdicts import StoredVerdicts
    from vivavoce.workers.runtime import open_panel

    from . import grade as grading
    from .tables import read_table

    if question and rubric:
        raise UserError("--question and --rubric exclude each other: give one of them.")
    target = out_file or file.parent / f"{file.stem}.graded.csv"
    grading.check_output(target)
    table = read_table(file)
    own_rubric = load_rubric(rubric) if rubric else None
    if own_rubric and own_rubric.status == "draft":
        raise UserError(f"{rubric} is a draft: read it through, then freeze it with 'viva rubric freeze {rubric}'.")
    settings = Settings()
    engine = connect(settings.database)
    migrate(engine)
    database = sessions(engine)
    with ExitStack() as stack:
        with err.status("Starting the judge …"):
            panel = stack.enter_context(open_panel(settings, StoredVerdicts(database)))
        items, problems = grading.take_in(
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
        with progress_bar(err) as progress, remembered_interrupts() as interruption:
            bar = progress.add_task("Grading", total=len(items))

            def on_finished() -> None:
                progress.advance(bar)
                interruption.check()

            with suppress(KeyboardInterrupt):
                grading.grade_items(
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
        outcome = grading.read_outcome(items, problems, database)
    grading.write_outcome(target, table, outcome, title=f"Grades for {file.name}")
    done = len(items) + len(problems) - outcome.ungraded
    err.print(f"{done} graded, {outcome.ungraded} not graded; results in {target}", highlight=False, soft_wrap=True)
    if interruption.came:
        err.print("Interrupted: run the same command again to go on where it stopped.")
        raise typer.Exit(130)
    if outcome.ungraded:
        raise typer.Exit(1)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (VIVA_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (VIVA_PORT).")] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Grade in this process too, with its judge.")
    ] = True,
) -> None:
    """Run the API, by default with a worker and the judge in one process."""
    from .serve import serve as run_service

    given = {"host": host, "port": port}
    settings = Settings().model_copy(update={k: v for k, v in given.items() if v is not None})
    configure_logs(settings.log_format, level=settings.log_level)
    configure_tracing(settings.otlp_endpoint, role="api")
    run_service(settings, worker=worker)


@app.command()
def work(
    concurrency: Annotated[int, typer.Option(min=1, help="Worker processes, or threads.")] = 1,
    pool: Annotated[
        str, typer.Option(help="prefork: processes, each with its own models; threads: one process, one set of models.")
    ] = "prefork",
) -> None:
    """Run a Celery worker: it grades whatever waits in the database (needs VIVA_REDIS_URL).

    SIGTERM lets it finish the batch in hand, for VIVA_STOP_SECONDS at most; what is left goes back in line.
    """
    settings = Settings()
    if not settings.redis_url:
        raise UserError("VIVA_REDIS_URL is not set: set it, or grade in the service with 'viva serve'.")
    if pool not in ("prefork", "threads"):
        raise UserError(f"--pool '{pool}' is not known: use prefork or threads.")
    # Read when the metrics are first imported: processes of one worker add up in files of this folder.
    if settings.metrics_port:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="vivavoce-metrics-")
    from vivavoce.workers.app import work as run_worker

    run_worker(settings, concurrency=concurrency, pool=cast(Literal["prefork", "threads"], pool))


@app.command("replay")
def replay_command(
    grading_id: Annotated[str, typer.Argument(metavar="ID", help="Identifier of a grading.")],
    calls: Annotated[bool, typer.Option("--calls", help="Print every prompt and raw reply, too.")] = False,
) -> None:
    """Derive a grading's score again from the record, without the judge; exit status 1 when it differs."""
    import json

    from .replay import replay

    settings = Settings()
    engine = connect(settings.database)
    migrate(engine)
    found = replay(grading_id, sessions(engine), settings)
    if calls:
        for key, call in found.calls.items():
            record = {"key": key, "request": call.request, "reply": call.reply, "model": call.identity.model}
            out.print_json(json.dumps(record, ensure_ascii=False))
    out.print(
        f"recorded {found.recorded['score']}, derived from {len(found.calls)} recorded judge calls: "
        f"{found.derived['score']}",
        highlight=False,
    )
    for difference in found.differences:
        out.print(f"[red]differs[/red] {escape(difference)}", highlight=False, soft_wrap=True)
    if found.differences:
        raise typer.Exit(1)


@app.command()
def judge(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    model: Annotated[str, typer.Option(help="A model that 'viva models fetch' knows.")] = DEFAULT_JUDGE.name,
    fetch: Annotated[bool, typer.Option("--fetch", help="Get the model first, unless it is there.")] = False,
) -> None:
    """Run the embedded judge as a server of its own, for VIVA_JUDGE_URL."""
    from .serve import serve_judge

    settings = Settings()
    source = find_model(model)
    if fetch:
        _fetch(source, settings)
    serve_judge(settings, source, host=host, port=port)


@app.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema."""
    settings = Settings()
    migrate(connect(settings.database))
    out.print("The database is up to date.")


@app.command()
def questions(
    language: Annotated[str | None, typer.Option(help="Only zh or en.")] = None,
) -> None:
    """List the questions of the bank."""
    from rich.table import Table

    if language not in (None, "zh", "en"):
        raise UserError(f"There is no language '{language}': use zh or en.")
    table = Table("Question", "Handbook", "Language", "Text")
    for found in default_bank():
        question = found.question
        if language in (None, question.language):
            table.add_row(question.id, question.handbook or "", question.language, question.text)
    out.print(table)


@app.command()
def doctor() -> None:
    """Say what is installed, what is within reach, and what to do about each gap."""
    from .doctor import examine

    findings = examine(Settings())
    for finding in findings:
        mark = "[green]ok [/green]" if finding.ok else "[red]gap[/red]" if finding.needed else "[yellow]-  [/yellow]"
        out.print(f"{mark} {finding.what}: {escape(finding.state)}", highlight=False, soft_wrap=True)
        if not finding.ok and finding.mend:
            out.print(f"      → {escape(finding.mend)}", highlight=False, soft_wrap=True)
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)


@models_app.command("fetch")
def fetch_models(
    name: Annotated[str, typer.Argument(help="Model; by default the judge that ships.")] = DEFAULT_JUDGE.name,
) -> None:
    """Get a judge model and check it; what is there already is only checked."""
    model = _fetch(find_model(name), Settings())
    out.print(f"{model.path}\nSHA-256 {model.sha256}", highlight=False, soft_wrap=True)


def _fetch(source: ModelSource, settings: Settings) -> VerifiedModel:
    with progress_bar(err) as progress:
        bar = progress.add_task(source.name, total=len(source.packages), visible=False)
        return fetch_model(
            source,
            settings.models_dir,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total, visible=True),
        )


@app.command()
def demo(
    report: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("demo-report.html"),
) -> None:
    """Grade the sample cohort over HTTP with the real judge, print the scores, write a report."""
    from .demo import run_demo

    run_demo(Settings(), report=report, console=out)
