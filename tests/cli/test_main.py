from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Viva = Callable[..., subprocess.CompletedProcess[str]]


def test_help_names_every_command(viva: Viva) -> None:
    said = viva("--help").stdout
    for command in ["grade", "serve", "work", "judge", "migrate", "questions", "doctor", "models", "demo"]:
        assert command in said


def test_the_version_is_that_of_the_package(viva: Viva) -> None:
    from vivavoce import __version__

    assert viva("--version").stdout.strip() == f"vivavoce {__version__}"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"VIVA_PORT": "many"}, "VIVA_PORT"),
        ({"VIVA_JUDGE_MODEL": ""}, "VIVA_JUDGE_MODEL"),
        ({"VIVA_DATABASE_URL": "postgresql+psycopg://127.0.0.1:9/none"}, "VIVA_DATABASE_URL"),
        ({"VIVA_DATABASE_URL": "nonsense"}, "VIVA_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(viva: Viva, environment: dict[str, str], says: str) -> None:
    done = viva("migrate", **environment)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_celery_worker_without_redis_says_what_to_set(viva: Viva) -> None:
    done = viva("work")
    assert done.returncode == 2
    assert "VIVA_REDIS_URL" in done.stderr


def test_a_judge_without_its_model_says_how_to_get_it(viva: Viva, tmp_path: Path) -> None:
    done = viva("judge", VIVA_MODELS_DIR=str(tmp_path / "models"))
    assert done.returncode == 2
    assert "viva models fetch" in done.stderr


@pytest.mark.parametrize("command", [("judge", "--model", "gpt"), ("models", "fetch", "gpt")])
def test_a_model_that_is_not_known_is_told_which_are(viva: Viva, command: tuple[str, ...]) -> None:
    done = viva(*command)
    assert done.returncode == 2
    assert "There is no model 'gpt' to fetch: use Qwen2.5-Coder-1.5B-Instruct-Q4_K_M or" in done.stderr


@pytest.mark.models
def test_doctor_names_gaps_and_mends(viva: Viva, tmp_path: Path) -> None:
    fine = viva("doctor")
    assert "answers at" in fine.stdout
    gaps = viva("doctor", VIVA_JUDGE_URL="http://127.0.0.1:9", VIVA_MODELS_DIR=str(tmp_path / "models"))
    assert gaps.returncode == 1
    assert "no judge answers at http://127.0.0.1:9" in gaps.stdout
    assert "→ viva models fetch" in gaps.stdout
    assert "Traceback" not in gaps.stderr
