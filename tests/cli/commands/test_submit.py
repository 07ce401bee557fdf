from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ...command_line import call_viva
from ...graded_service import RUBRIC, GradedService
from ...servers import free_port

Caller = Callable[..., subprocess.CompletedProcess[str]]
ANSWER = "Weights are stored as INT8 rather than FP16, after training."


def test_an_answer_is_graded_and_its_report_printed(caller: Caller) -> None:
    done = caller("submit", ANSWER, "--question", "quantization", "--candidate", "c-1")
    assert done.returncode == 0, done.stderr
    assert "quantization (en): graded" in done.stdout
    assert "of 10, between" in done.stdout
    assert "Fewer bits" in done.stdout
    assert "Feedback to the candidate:" in done.stdout


def test_answers_come_from_files_and_from_standard_input(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "answer.txt").write_text(ANSWER, encoding="utf-8-sig")
    from_file = caller("submit", "--file", "answer.txt", "--rubric", RUBRIC, "--json")
    grading = json.loads(from_file.stdout)
    assert (grading["state"], grading["source"]) == ("graded", "own")
    monkeypatch.setattr("sys.stdin", io.StringIO(ANSWER))
    from_input = json.loads(caller("submit", "--question", "quantization", "--json").stdout)
    assert from_input["report"]["score"] == grading["report"]["score"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([ANSWER], "use one of --question, --rubric and --rubric-id"),
        ([ANSWER, "--question", "q", "--rubric-id", "r"], "use one of --question, --rubric and --rubric-id"),
        ([ANSWER, "--question", "quantization", "--language", "fr"], "There is no language 'fr'"),
        ([ANSWER, "--question", "none-such"], "none-such"),
        ([ANSWER, "--question", "quantization", "--file", "x.txt"], "as an argument or with --file, not both"),
        (["--question", "quantization", "--file", "none.txt"], "none.txt: No such file"),
        ([ANSWER, "--rubric", "none.yaml"], "none.yaml: No such file"),
    ],
)
def test_mistakes_are_one_sentence(caller: Caller, arguments: list[str], sentence: str) -> None:
    failed = caller("submit", *arguments)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_without_a_score_the_exit_status_says_so(caller: Caller, graded_service: GradedService) -> None:
    graded_service.judge.behave_on("Unheard-of", "not_json")
    failed = caller("submit", "Unheard-of ideas on INT8.", "--question", "quantization")
    assert failed.returncode == 1
    assert "no result:" in failed.stdout


def test_the_service_of_this_machine_needs_no_key(graded_service: GradedService, tmp_path: Path) -> None:
    port = graded_service.url.rpartition(":")[2]
    here = {"VIVA_STATE_DIR": str(graded_service.settings.state_dir), "VIVA_PORT": port}
    done = call_viva("submit", ANSWER, "--question", "quantization", environment=here, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    # The key of this machine is not sent elsewhere.
    elsewhere = {**here, "VIVA_URL": "https://viva.example"}
    failed = call_viva("submit", ANSWER, "--question", "quantization", environment=elsewhere, folder=tmp_path)
    assert "There is no key for https://viva.example: set VIVA_KEY" in failed.stderr


def test_a_service_that_is_not_there_and_a_wrong_key_are_said_at_once(caller: Caller) -> None:
    away = caller("cohort", "list", VIVA_URL=f"http://127.0.0.1:{free_port()}")
    assert (away.returncode, "cannot be reached" in away.stderr) == (2, True)
    wrong = caller("cohort", "list", VIVA_KEY="viva_wrong")
    assert (wrong.returncode, "viva admin create" in wrong.stderr) == (2, True)
