from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import openpyxl
import pytest

from vivavoce.graders.judge.servers.stub import StubJudgeServer

from ..conftest import Viva

DATA_RUBRIC = Path(__file__).parents[2] / "data" / "rubric.yaml"

HEADING = "answer,candidate,note"


def _file(tmp_path: Path, *lines: str, name: str = "answers.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join([HEADING, *lines]) + "\n", encoding="utf-8")
    return path


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_comes_back_with_scores(viva: Viva, tmp_path: Path) -> None:
    file = _file(tmp_path, "INT8 instead of FP16,甲,keep me", ",乙,", "I don't know,丙,")
    done = viva("grade", file, "--rubric", DATA_RUBRIC)
    assert done.returncode == 0, done.stderr
    rows = _read(tmp_path / "answers.graded.csv")
    assert [row["candidate"] for row in rows] == ["甲", "乙", "丙"]
    assert rows[0]["note"] == "keep me"
    assert float(rows[0]["score"]) > 0
    assert [row["score"] for row in rows[1:]] == ["0.0", "0.0"]
    assert "3 graded, 0 not graded" in done.stderr


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".xlsx", ".html"])
def test_results_have_the_format_of_the_ending(viva: Viva, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"out{ending}"
    done = viva("grade", _file(tmp_path, "INT8 <b>,甲,"), "--rubric", DATA_RUBRIC, "--out", target)
    assert done.returncode == 0, done.stderr
    if ending == ".jsonl":
        row = json.loads(target.read_text(encoding="utf-8"))
        assert row["score"] == row["report"]["score"]
    elif ending == ".xlsx":
        assert "score" in [cell.value for cell in openpyxl.load_workbook(target).worksheets[0][1]]
    elif ending == ".html":
        page = target.read_text(encoding="utf-8")
        assert "&lt;b&gt;" in page
        assert "INT8 <b>" not in page
        assert "<script" not in page
        assert "http://" not in page
    else:
        assert len(_read(target)) == 1


def test_a_second_run_grades_nothing_again(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    file = _file(tmp_path, "INT8,a,", "INT8,b,", "fewer bits,c,")
    viva("grade", file, "--rubric", DATA_RUBRIC)
    first = _read(tmp_path / "answers.graded.csv")
    asked = len(stub_judge.prompts)
    viva("grade", file, "--rubric", DATA_RUBRIC)
    assert _read(tmp_path / "answers.graded.csv") == first
    assert len(stub_judge.prompts) == asked


@pytest.mark.processes
def test_an_interrupted_run_goes_on_where_it_stopped(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    file = _file(tmp_path, *(f"INT8 in variant {n},c{n}," for n in range(40)))
    environment = {
        **os.environ,
        "VIVA_JUDGE_URL": stub_judge.url,
        "VIVA_JUDGE_MODEL": "stub",
        "VIVA_JUDGE_REVISION": "1",
    }
    command = [sys.executable, "-m", "vivavoce.cli", "grade", str(file), "--rubric", str(DATA_RUBRIC)]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while len(stub_judge.prompts) < 40:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130, message
    assert "Interrupted" in message
    assert "Traceback" not in message
    done = viva("grade", file, "--rubric", DATA_RUBRIC)
    assert done.returncode == 0, done.stderr
    assert all(row["score"] for row in _read(tmp_path / "answers.graded.csv"))
    # Each prompt was sent once, but for those that were under way when the run was interrupted.
    shown = [json.dumps(prompt) for prompt in stub_judge.prompts]
    assert len(shown) - len(set(shown)) <= 20


def test_bad_rows_are_named_and_the_rest_is_graded(viva: Viva, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    lines = [
        {"answer": "INT8", "question_id": "quantization", "language": "en"},
        {"answer": ["no"], "question_id": "quantization"},
        {"answer": "nul \x00", "question_id": "quantization"},
        {"answer": "INT8", "question_id": "no-such"},
        {"answer": "INT8", "language": "fr", "question_id": "quantization"},
        {"answer": "INT8"},
        {"answer": "a" * 200_000, "question_id": "quantization"},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    done = viva("grade", file, "--out", tmp_path / "out.jsonl")
    assert done.returncode == 1
    assert "2 graded, 5 not graded" in done.stderr
    for problem in [
        "line 2, column answer: the answer is a list",
        "line 3, column answer: a character that no file can hold (NUL, or half of a pair) was replaced",
        "line 4, column question_id: There is no question 'no-such'",
        "line 5, column language: there is no language 'fr'",
        "line 6, column question_id: the question is missing",
        "line 7, column answer: The answer has 200,000",
    ]:
        assert problem in done.stderr
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(written) == len(lines)
    assert [row["score"] is None for row in written] == [False, True, False, *[True] * 4]


def test_without_a_judge_rows_are_graded_later(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    file = _file(tmp_path, "INT8,a,")
    stub_judge.behave("http_500")
    done = viva("grade", file, "--rubric", DATA_RUBRIC, "--patience", "0")
    assert done.returncode == 1
    (row,) = _read(tmp_path / "answers.graded.csv")
    assert (row["score"], row["state"]) == ("", "queued")
    assert row["unscored_reason"].startswith("infrastructure")
    stub_judge.behave("answer")
    assert viva("grade", file, "--rubric", DATA_RUBRIC).returncode == 0
    assert _read(tmp_path / "answers.graded.csv")[0]["score"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no.csv"], "does not exist"),
        (["."], "is a folder"),
        (["empty.csv", "--rubric", DATA_RUBRIC], "is empty"),
        (["columns.csv", "--rubric", DATA_RUBRIC], "no column 'answer'"),
        (["answers.csv"], "no column 'question_id'"),
        (["answers.csv", "--rubric", "no.yaml"], "no.yaml does not exist"),
        (["answers.csv", "--rubric", DATA_RUBRIC, "--question", "27.1"], "exclude each other"),
        (["answers.csv", "--rubric", DATA_RUBRIC, "--out", "a.pdf"], "does not end in"),
        (["answers.csv", "--rubric", DATA_RUBRIC, "--out", "no/a.csv"], "does not exist"),
        (["gb.csv", "--rubric", DATA_RUBRIC, "--encoding", "utf-8"], "not UTF-8"),
    ],
)
def test_bad_arguments_get_one_sentence(viva: Viva, tmp_path: Path, arguments: list[str | Path], says: str) -> None:
    _file(tmp_path, "INT8,a,")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "columns.csv").write_text("text\nINT8\n", encoding="utf-8")
    (tmp_path / "gb.csv").write_bytes("answer\n量化\n".encode("gb18030"))
    done = viva("grade", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
