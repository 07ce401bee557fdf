from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from vivavoce.graders.judge.servers.stub import StubJudgeServer

from ...conftest import Viva
from ...graded_data import DOCUMENTED, list_keys, write_graded


def _graded(folder: Path, name: str, *, answers: int, mild: bool) -> Path:
    """Answers that people grade much more mildly than the judge, or as it does."""
    path = write_graded(folder, name, answers=answers)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [{**row, "score": 0.7 + 0.3 * row["score"]} for row in rows] if mild else rows
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.mark.processes
def test_grades_of_milder_people_make_coefficients_that_grading_uses(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer
) -> None:
    data = _graded(tmp_path, "mild.jsonl", answers=20, mild=True)
    out, figures = tmp_path / "own.yaml", tmp_path / "figures.json"
    done = viva("calibrate", data, "--out", out, "--json", figures)
    assert done.returncode == 0, done.stderr
    report = json.loads(figures.read_text(encoding="utf-8"))
    assert (report["answers"], report["unscored"], report["written"]) == (60, 0, True)
    assert report["after"]["rmse"] < report["before"]["rmse"]
    for key in list_keys(report):
        assert re.search(rf"`{re.escape(key.split('.')[-1])}`", DOCUMENTED), key
    version = yaml.safe_load(out.read_text(encoding="utf-8"))["version"]
    assert version == report["version_after"] != report["version_before"]
    assert f"VIVA_COEFFICIENTS={out}" in done.stdout.replace("\n", "")

    before, after = tmp_path / "before.json", tmp_path / "after.json"
    assert viva("bench", "accuracy", data, "--json", before).returncode == 0
    assert viva("bench", "accuracy", data, "--json", after, VIVA_COEFFICIENTS=str(out)).returncode == 0
    rows = [json.loads(file.read_text(encoding="utf-8"))["sets"]["mild"]["rows"] for file in (before, after)]
    assert rows[1]["combined"]["rmse"] < rows[0]["combined"]["rmse"]


def test_too_few_grades_and_no_folder_are_one_sentence(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    few = viva("calibrate", _graded(tmp_path, "few.jsonl", answers=3, mild=True), "--out", tmp_path / "own.yaml")
    assert few.returncode == 2
    assert "9 answers have both a grade and a score: calibration needs at least 10." in few.stderr
    nowhere = viva("calibrate", tmp_path / "few.jsonl", "--out", tmp_path / "unavailable" / "own.yaml")
    assert "unavailable is not a folder: create it, or name another file with --out." in nowhere.stderr
    assert not (tmp_path / "own.yaml").exists()


def test_a_file_without_coefficients_is_named(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    (tmp_path / "own.yaml").write_text("merit: {}\n", encoding="utf-8")
    done = viva("bench", "accuracy", write_graded(tmp_path, "one.jsonl"), VIVA_COEFFICIENTS=str(tmp_path / "own.yaml"))
    assert done.returncode == 2
    assert "own.yaml holds no coefficients" in done.stderr
    assert "Traceback" not in done.stderr
