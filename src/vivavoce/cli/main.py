"""`viva`: the list of commands, and how an error is told."""

from __future__ import annotations

import sys
from typing import Annotated

import pydantic
import typer
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError
from typer.core import TyperGroup

from vivavoce import __version__
from vivavoce.evaluation.errors import EvaluationError
from vivavoce.graders import GraderError
from vivavoce.rubrics import RubricError
from vivavoce.service.errors import ServiceError
from vivavoce.service.observability.tracing import TracingMissing

from .console import err, out
from .errors import UserError
from .lazy import LazyCommand

_COMMANDS = "vivavoce.cli.commands"
# Name, where it is defined, and the first line of its help.
COMMANDS = (
    (
        "restore",
        "backup:restore_app",
        "Bring a backup into the database, then compare every table, and the audit trail, with what was backed up.",
    ),
    ("calibrate", "calibrate:app", "Fit how the signals are weighed to your own people's grades, from 10 grades up."),
    ("grade", "grade:app", "Grade a file of answers."),
    ("serve", "serve:serve_app", "Run the API, by default with a worker and the judge in one process."),
    ("work", "serve:work_app", "Run a Celery worker: it grades whatever waits in the database (needs VIVA_REDIS_URL)."),
    (
        "replay",
        "replay:app",
        "Derive a grading's score again from the record, without the judge; exit status 1 when it differs.",
    ),
    ("judge", "serve:judge_app", "Run the embedded judge as a server of its own, for VIVA_JUDGE_URL."),
    ("migrate", "serve:migrate_app", "Bring the database to the newest schema."),
    ("questions", "bank:questions_app", "List the questions of the bank."),
    ("doctor", "doctor:app", "Say what is installed, what is within reach, and what to do about each gap."),
    ("demo", "demo:app", "Grade the sample cohort over HTTP with the real judge, print the scores, write a report."),
    ("models", "models:app", "The model files that grade."),
    ("bank", "bank:app", "The question bank: examine a judge on it, publish an edit."),
    ("bench", "benchmarks:app", "Measure: the judge, the ways of asking it, the queue."),
    ("rubric", "rubric:app", "Draft a rubric, check it, freeze it, bring it in and out."),
    ("queue", "queue:app", "What waits to be graded, and what went wrong."),
    ("audit", "audit:app", "The audit trail: what was done, and whether the record of it is whole."),
    ("judges", "judges:app", "Judge versions: how each was examined, and which one is active."),
    ("backup", "backup:app", "Backups of the database: take, list, check."),
)
_options = typer.Typer(
    name="viva",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Grade free-text interview answers, in Chinese and English, and see how sure the grades are.",
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
    """The command `viva` with all its commands."""
    app = typer.main.get_command(_options)
    assert isinstance(app, TyperGroup)
    for name, target, summary in COMMANDS:
        app.add_command(LazyCommand(name, target=f"{_COMMANDS}.{target}", summary=summary))
    return app


def run() -> None:
    """Entry point: every expected error ends in one sentence and exit status 2."""
    try:
        build_app()()
    except (UserError, EvaluationError, RubricError, GraderError, ServiceError, TracingMissing) as error:
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
