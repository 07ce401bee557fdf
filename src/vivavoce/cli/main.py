"""`viva`: the list of commands, and how errors are reported."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import pydantic
import typer
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError
from typer.core import TyperGroup

from vivavoce import __version__
from vivavoce.client.errors import ClientError
from vivavoce.evaluation.errors import EvaluationError
from vivavoce.graders import GraderError
from vivavoce.graders.judge.clients.addresses import hide_credentials
from vivavoce.rubrics import RubricError
from vivavoce.service.errors import ServiceError
from vivavoce.service.observability.tracing import TracingMissing
from vivavoce.tables import TableError

from .errors import UserError
from .lazy import LazyCommand
from .output.console import err, out

_COMMANDS = "vivavoce.cli.commands"
# Name, module and attribute, first line of help; in a user's order.
COMMANDS = (
    ("demo", "demo:app", "Grade the sample answers with the real judge, print the scores and write a report."),
    ("doctor", "doctor:app", "Check the installation and say how to fix what is missing."),
    ("models", "models:app", "Download and check model files."),
    ("questions", "evaluation.bank:questions_app", "List the questions of the bank."),
    ("grade", "grade:app", "Grade a file of answers."),
    ("submit", "submit:app", "Grade one answer with a running service and print its report."),
    (
        "cohort",
        "cohort:app",
        "Grade many answers as one piece of work: fill a cohort from files, run it, watch it.",
    ),
    ("results", "results:app", "Print the results of a cohort, or write them to a file."),
    ("rubric", "rubric:app", "Draft, check, freeze, import and export rubrics."),
    ("serve", "serve:serve_app", "Run the API, by default with a worker and the judge in one process."),
    ("work", "serve:work_app", "Run a Celery worker that grades the answers in the database (needs VIVA_REDIS_URL)."),
    ("judge", "serve:judge_app", "Run the embedded judge as a server of its own, for VIVA_JUDGE_URL."),
    ("queue", "queue:app", "Show the queue; requeue or cancel gradings."),
    ("replay", "replay:app", "Recompute a grading from the recorded judge calls, without the judge."),
    (
        "calibrate",
        "evaluation.calibrate:app",
        "Fit the combiner's weights to the grades of your own people, at least 10 of them.",
    ),
    ("bank", "evaluation.bank:app", "Qualify a judge on the question bank, and publish edited questions."),
    ("judges", "judges:app", "List, promote and roll back judge versions."),
    (
        "bench",
        "evaluation.benchmarks:app",
        "Measure accuracy, invariance, the judge, its prompt forms, the queue and the API.",
    ),
    ("admin", "admin:app", "Create, list, rotate and revoke API keys."),
    ("audit", "audit:app", "Read and verify the audit trail."),
    ("backup", "backup:app", "Create, list and check backups of the database."),
    ("restore", "backup:restore_app", "Restore a backup and compare the database with it."),
    ("migrate", "serve:migrate_app", "Bring the database to the newest schema."),
)
_options = typer.Typer(
    name="viva",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Grade free-text interview answers in Chinese and English, and show how certain each grade is.",
)


def _print_version(value: bool) -> None:
    if value:
        out.print(f"vivavoce {__version__}", highlight=False)
        raise typer.Exit


@_options.callback()
def _read_options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def build_app() -> TyperGroup:
    """The command `viva` with all its commands, none of them imported yet."""
    app = typer.main.get_command(_options)
    assert isinstance(app, TyperGroup)
    for name, target, summary in COMMANDS:
        app.add_command(LazyCommand(name, target=f"{_COMMANDS}.{target}", summary=summary))
    return app


def run() -> None:
    """Entry point of `viva`; an expected error ends in one sentence on stderr and exit status 2."""
    try:
        build_app()()
    except (
        UserError,
        ClientError,
        EvaluationError,
        RubricError,
        GraderError,
        ServiceError,
        TableError,
        TracingMissing,
    ) as error:
        _exit_with(str(error))
    except pydantic.ValidationError as error:
        # One sentence: the first of several wrong settings is enough.
        first = error.errors(include_url=False)[0]
        name = f"VIVA_{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        _exit_with(f"A setting is wrong: {name}{str(first['msg']).removeprefix('Value error, ')}.")
    except SQLAlchemyError as error:
        # The driver's own message, without SQLAlchemy's statement and link.
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        _exit_with(f"The database cannot be used ({cause}): check VIVA_DATABASE_URL or VIVA_STATE_DIR.")
    except OSError as error:
        _exit_with(f"{error.filename or 'A file'}: {error.strerror or error}.")


def _exit_with(sentence: str) -> NoReturn:
    err.print(f"[red]viva:[/red] {escape(hide_credentials(sentence))}", highlight=False, soft_wrap=True)
    sys.exit(2)
