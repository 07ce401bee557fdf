from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.graders.judge.servers.stub import StubJudgeServer

Viva = Callable[..., subprocess.CompletedProcess[str]]
RUBRIC = Path(__file__).parents[2] / "data" / "rubric.yaml"


@pytest.fixture
def failed(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    """A queue with one grading that failed."""
    file = tmp_path / "answers.csv"
    file.write_text("answer,candidate\nINT8,c-17\n", encoding="utf-8")
    stub_judge.behave("half_json")
    assert viva("grade", file, "--rubric", RUBRIC).returncode == 1


def test_states_ages_and_reasons_are_shown_and_what_failed_is_put_back(viva: Viva, failed: None) -> None:
    said = viva("queue").stdout
    assert "failed" in said
    assert "nothing is open" in said
    listed = viva("queue", "--state", "failed").stdout
    assert "c-17" in listed
    assert "parse" in listed
    assert "1 of 1 gradings are in line" in viva("queue", "requeue", "--state", "failed").stdout
    assert "nothing is open" not in viva("queue").stdout


def test_mistakes_are_one_sentence(viva: Viva) -> None:
    for arguments, says in [
        (["queue", "--state", "lost"], "There is no state 'lost'"),
        (["queue", "requeue"], "one of the two"),
        (["queue", "cancel", "nothing"], "There is no grading 'nothing'"),
    ]:
        done = viva(*arguments)
        assert done.returncode == 2
        assert says in done.stderr
        assert "Traceback" not in done.stderr
