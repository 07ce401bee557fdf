from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pydantic
import pytest
import sqlalchemy as sa
import typer

from vivavoce import __version__
from vivavoce.cli import main
from vivavoce.cli.errors import UserError
from vivavoce.cli.main import COMMANDS, build_app
from vivavoce.evaluation.errors import EvaluationError
from vivavoce.graders import UnscoredReason
from vivavoce.graders.errors import JudgeFailure, ModelMissing
from vivavoce.rubrics import InvalidRubric
from vivavoce.service.errors import BackupError, GradingNotFound
from vivavoce.service.observability.tracing import TracingMissing
from vivavoce.service.settings import Settings

from ..command_line import call_viva
from .conftest import Viva

NAMES = [name for name, _, _ in COMMANDS]


@pytest.fixture
def fail_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes every command raise an error."""

    def replace_app(error: BaseException) -> None:
        def raise_error() -> None:
            raise error

        monkeypatch.setattr(main, "build_app", lambda: raise_error)

    return replace_app


def _wrong_setting(**values: object) -> pydantic.ValidationError:
    with pytest.raises(pydantic.ValidationError) as raised:
        Settings(**values)  # type: ignore[arg-type]
    return raised.value


def _database_error(cause: Exception | None) -> sa.exc.OperationalError:
    return sa.exc.OperationalError("SELECT 1", None, cause)  # type: ignore[arg-type]


def test_the_version_is_that_of_the_package(viva: Viva) -> None:
    assert viva("--version").stdout.strip() == f"vivavoce {__version__}"


# The list of commands


def test_help_lists_every_command_in_order(viva: Viva) -> None:
    listed = viva("--help").stdout
    positions = [re.search(rf"^\W*{name}\s", listed, re.MULTILINE) for name in NAMES]
    starts = [position.start() for position in positions if position]
    assert len(starts) == len(NAMES)
    assert starts == sorted(starts)


def test_commands_come_as_a_user_needs_them() -> None:
    assert NAMES[:2] == ["demo", "doctor"]
    assert NAMES.index("grade") < NAMES.index("serve") < NAMES.index("work") < NAMES.index("queue")
    assert NAMES[-4:] == ["audit", "backup", "restore", "migrate"]
    assert len(set(NAMES)) == len(NAMES)


def test_the_list_of_commands_imports_none_of_them() -> None:
    assert not [name for name, command in build_app().commands.items() if "loaded" in vars(command)]


@pytest.mark.parametrize(("name", "summary"), [(name, summary) for name, _, summary in COMMANDS])
def test_summaries_are_the_first_line_of_help(name: str, summary: str) -> None:
    loaded = build_app().commands[name].loaded  # type: ignore[attr-defined]
    assert inspect.cleandoc(loaded.help).partition("\n")[0] == summary
    assert loaded.name == name


def test_every_command_and_option_explains_itself() -> None:
    silent = []
    for name, command in build_app().commands.items():
        loaded = command.loaded  # type: ignore[attr-defined]
        for child in getattr(loaded, "commands", {name: loaded}).values():
            silent += [f"{name} {child.name}"] if not child.help else []
            silent += [
                f"{name} {child.name} {parameter.name}"
                for parameter in child.params
                if not getattr(parameter, "help", None)
            ]
    assert silent == []


@pytest.mark.parametrize("arguments", [("nothing",), ("queue", "nothing"), ("grade",), ("--nothing",)])
def test_an_unknown_command_or_option_is_a_mistake(viva: Viva, arguments: tuple[str, ...]) -> None:
    done = viva(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


# Errors


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserError("Name a file."), "Name a file."),
        (EvaluationError("Give more answers."), "Give more answers."),
        (InvalidRubric("line 3: add points"), "line 3: add points"),
        (ModelMissing("run 'viva models fetch'"), "run 'viva models fetch'"),
        (JudgeFailure(UnscoredReason.TIMEOUT, "no reply within 2 s"), "timeout: no reply within 2 s"),
        (GradingNotFound("There is no grading 'x'."), "There is no grading 'x'."),
        (BackupError("Another backup is running."), "Another backup is running."),
        (TracingMissing("pip install 'vivavoce[tracing]'"), "pip install 'vivavoce[tracing]'"),
        (FileNotFoundError(2, "No such file or directory", "a.yaml"), "a.yaml: No such file or directory."),
        (OSError("the disk is full"), "A file: the disk is full."),
        (
            _database_error(ValueError("connection refused\nis it running?\n")),
            "The database cannot be used (connection refused): check VIVA_DATABASE_URL or VIVA_STATE_DIR.",
        ),
        (
            _database_error(ValueError("")),
            "The database cannot be used (): check VIVA_DATABASE_URL or VIVA_STATE_DIR.",
        ),
        (
            sa.exc.ArgumentError("Could not parse SQLAlchemy URL"),
            "The database cannot be used (Could not parse SQLAlchemy URL): check VIVA_DATABASE_URL or VIVA_STATE_DIR.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_expected_error_is_one_sentence(
    fail_with: Callable[[BaseException], None], error: Exception, sentence: str
) -> None:
    fail_with(error)
    done = call_viva()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"viva: {sentence}\n"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"port": "many"}, "A setting is wrong: VIVA_PORT: Input should be a valid integer"),
        # A rule over several settings belongs to none of them.
        ({"judge_url": "http://127.0.0.1:9"}, "A setting is wrong: VIVA_JUDGE_URL is set: set VIVA_JUDGE_MODEL"),
        ({"port": "many", "batch_size": 0}, "A setting is wrong: VIVA_PORT"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    fail_with: Callable[[BaseException], None], values: dict[str, object], sentence: str
) -> None:
    fail_with(_wrong_setting(**values))
    done = call_viva()
    assert done.returncode == 2
    assert done.stderr.startswith(f"viva: {sentence}")
    assert len(done.stderr.splitlines()) == 1


def test_brackets_in_a_message_are_no_markup(fail_with: Callable[[BaseException], None]) -> None:
    fail_with(UserError("Write [ID]... or [red]x[/blue]."))
    assert call_viva().stderr == "viva: Write [ID]... or [red]x[/blue].\n"


def test_an_error_of_ours_keeps_its_traceback(fail_with: Callable[[BaseException], None]) -> None:
    fail_with(RuntimeError("a defect"))
    with pytest.raises(RuntimeError, match="a defect"):
        call_viva()


@pytest.mark.parametrize("status", [0, 1, 130])
def test_exit_statuses_of_commands_are_kept(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    app = typer.Typer()

    @app.command()
    def end() -> None:
        raise typer.Exit(status)

    monkeypatch.setattr(main, "build_app", lambda: typer.main.get_command(app))
    assert call_viva().returncode == status


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"VIVA_PORT": "many"}, "VIVA_PORT"),
        ({"VIVA_JUDGE_MODEL": ""}, "VIVA_JUDGE_MODEL"),
        ({"VIVA_DATABASE_URL": "postgresql+psycopg://127.0.0.1:9/none"}, "VIVA_DATABASE_URL"),
        ({"VIVA_DATABASE_URL": "nonsense"}, "VIVA_DATABASE_URL"),
    ],
)
def test_a_wrong_variable_is_named(viva: Viva, environment: dict[str, str], words: str) -> None:
    done = viva("migrate", **environment)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


# Single commands that need no file of their own


def test_migrating_twice_changes_nothing(viva: Viva, tmp_path: Path) -> None:
    for _ in range(2):
        assert "The database is up to date." in viva("migrate").stdout
    assert (tmp_path / "state" / "vivavoce.db").exists()


def test_a_celery_worker_without_redis_says_what_to_set(viva: Viva) -> None:
    done = viva("work")
    assert done.returncode == 2
    assert "VIVA_REDIS_URL" in done.stderr


def test_a_judge_without_its_model_says_how_to_get_it(viva: Viva, tmp_path: Path) -> None:
    done = viva("judge", VIVA_MODELS_DIR=str(tmp_path / "models"))
    assert done.returncode == 2
    assert "viva models fetch" in done.stderr


@pytest.mark.parametrize("command", [("judge", "--model", "gpt"), ("models", "fetch", "gpt")])
def test_an_unknown_model_is_answered_with_the_known(viva: Viva, command: tuple[str, ...]) -> None:
    done = viva(*command)
    assert done.returncode == 2
    assert "There is no model 'gpt'" in done.stderr
    assert "Qwen2.5-Coder-1.5B-Instruct-Q4_K_M" in done.stderr


@pytest.mark.models
def test_doctor_names_gaps_and_fixes(viva: Viva, tmp_path: Path) -> None:
    fine = viva("doctor")
    assert "answers at" in fine.stdout
    gaps = viva("doctor", VIVA_JUDGE_URL="http://127.0.0.1:9", VIVA_MODELS_DIR=str(tmp_path / "models"))
    assert gaps.returncode == 1
    assert "http://127.0.0.1:9" in gaps.stdout
    assert "→ viva models fetch" in gaps.stdout
    assert "Traceback" not in gaps.stderr
