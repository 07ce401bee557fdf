from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

from vivavoce.graders.judge.stub import StubJudgeServer

Viva = Callable[..., subprocess.CompletedProcess[str]]
POINTS = [{"title": f"Point {number}", "text": f"It says INT{number}.", "importance": "core"} for number in (2, 4, 8)]


def test_a_draft_is_written_refused_frozen_and_then_graded_by(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer
) -> None:
    stub_judge.says = json.dumps({"points": POINTS})
    done = viva("rubric", "compile", "What are small integers?", "--id", "small-integers")
    assert done.returncode == 0, done.stderr
    draft = tmp_path / "small-integers.draft.yaml"
    assert yaml.safe_load(draft.read_text(encoding="utf-8"))["status"] == "draft"
    assert "draft" in viva("rubric", "check", draft).stdout
    stub_judge.says = ""

    answers = tmp_path / "answers.csv"
    answers.write_text("answer\nIt says INT8.\n", encoding="utf-8")
    refused = viva("grade", answers, "--rubric", draft)
    assert refused.returncode == 2
    assert "freeze" in refused.stderr

    assert "Content hash" in viva("rubric", "freeze", draft).stdout
    assert viva("grade", answers, "--rubric", draft).returncode == 0
    again = viva("rubric", "freeze", draft)
    assert (again.returncode, "frozen already" in again.stderr) == (2, True)


def test_a_draft_overwrites_nothing_and_a_new_question_needs_a_name(viva: Viva, tmp_path: Path) -> None:
    (tmp_path / "quantization.draft.yaml").write_text("mine", encoding="utf-8")
    assert "exists" in viva("rubric", "compile", "quantization").stderr
    assert "--id" in viva("rubric", "compile", "What is a vector?").stderr
    assert "zh or en" in viva("rubric", "compile", "quantization", "--language", "fr").stderr
    assert (tmp_path / "quantization.draft.yaml").read_text(encoding="utf-8") == "mine"


def test_a_judge_that_is_away_is_one_sentence(viva: Viva, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("http_500")
    done = viva("rubric", "compile", "quantization")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "infrastructure" in done.stderr
