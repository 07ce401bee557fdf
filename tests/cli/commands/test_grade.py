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
import sqlalchemy as sa

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Grading

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


@pytest.mark.processes
def test_two_runs_in_one_state_folder_finish(tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    """One file is graded by two processes at once, with patience for less than the whole of it."""
    file = _file(tmp_path, *(f"INT8 in variant {n},c{n}," for n in range(12)))
    environment = {
        **os.environ,
        "VIVA_JUDGE_URL": stub_judge.url,
        "VIVA_JUDGE_MODEL": "stub",
        "VIVA_JUDGE_REVISION": "1",
    }
    targets = [tmp_path / "first.csv", tmp_path / "second.csv"]
    command = [
        sys.executable,
        "-m",
        "vivavoce.cli",
        "grade",
        str(file),
        "--rubric",
        str(DATA_RUBRIC),
        "--patience",
        "0",
    ]
    runs = [
        subprocess.Popen(
            [*command, "--out", str(target)], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        for target in targets
    ]
    for process in runs:
        _, message = process.communicate(timeout=120)
        assert process.returncode == 0, message
    first, second = map(_read, targets)
    assert first == second
    assert len({row["grading_id"] for row in first if row["score"]}) == 12


def test_rows_that_another_process_holds_say_so(
    viva: Viva, tmp_path: Path, database: SessionFactory, stub_judge: StubJudgeServer
) -> None:
    file = _file(tmp_path, "INT8,a,", "INT4,b,")
    stub_judge.behave("http_500")
    viva("grade", file, "--rubric", DATA_RUBRIC, "--patience", "0")
    stub_judge.behave("answer")
    with database.begin() as session:
        session.execute(sa.update(Grading).values(not_before=None))
        lifecycle.claim(session, owner="other-host/1:7:8", limit=1, lease_seconds=3600)
    done = viva("grade", file, "--rubric", DATA_RUBRIC, "--patience", "0", VIVA_LEASE_SECONDS="1")
    assert done.returncode == 1, done.stderr
    assert "1 graded, 1 not graded" in done.stderr
    assert "waiting: another process is grading some of the answers (worker other-host/1:7:8)" in done.stderr
    reasons = {row["state"]: row["unscored_reason"] for row in _read(tmp_path / "answers.graded.csv")}
    assert reasons["running"].startswith("another process is grading it (worker other-host/1:7:8, since 20")
    assert reasons["running"].endswith("run the same command again to pick up its result.")


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
        "line 3, column answer: a NUL character, which no file can hold, was removed",
        "line 4, column question_id: There is no question 'no-such'",
        "line 5, column language: there is no language 'fr'",
        "line 6, column question_id: the question is missing",
        "line 7, column answer: The answer has 200,000",
    ]:
        assert problem in done.stderr
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(written) == len(lines)
    assert [row["score"] is None for row in written] == [False, True, False, *[True] * 4]


def test_a_formula_comes_back_as_text_and_is_graded_alike(viva: Viva, tmp_path: Path) -> None:
    file = _file(tmp_path, '"=1+1, that is INT8",@ann,- first', "INT8,-3.5,-3.5")
    done = viva("grade", file, "--rubric", DATA_RUBRIC)
    assert "3 cells begin like formulas" in done.stderr
    first = _read(tmp_path / "answers.graded.csv")
    assert [first[0][name] for name in ("answer", "candidate", "note")] == ["'=1+1, that is INT8", "'@ann", "'- first"]
    assert [first[1][name] for name in ("candidate", "note")] == ["-3.5", "-3.5"]
    # The results are answers again: nothing is graded anew, and no second apostrophe is added.
    again = viva("grade", tmp_path / "answers.graded.csv", "--rubric", DATA_RUBRIC)
    assert again.returncode == 0, again.stderr
    second = _read(tmp_path / "answers.graded.graded.csv")
    assert [row["viva_grading_id"] for row in second] == [row["grading_id"] for row in first]
    assert second[0]["answer"] == first[0]["answer"]


def test_formulas_are_kept_on_request(viva: Viva, tmp_path: Path) -> None:
    file = _file(tmp_path, "=1+1 INT8,@ann,- first")
    done = viva("grade", file, "--rubric", DATA_RUBRIC, "--keep-formulas")
    assert "apostrophe" not in done.stderr
    (row,) = _read(tmp_path / "answers.graded.csv")
    assert [row[name] for name in ("answer", "candidate", "note")] == ["=1+1 INT8", "@ann", "- first"]


def test_a_short_output_has_the_columns_that_were_asked_for(viva: Viva, tmp_path: Path) -> None:
    file = _file(tmp_path, "INT8,ann,x")
    assert viva("grade", file, "--rubric", DATA_RUBRIC, "--columns", "score,max_points").returncode == 0
    (row,) = _read(tmp_path / "answers.graded.csv")
    assert list(row) == ["candidate", "score", "max_points"]


def test_grades_that_are_no_numbers_are_named(viva: Viva, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    grades = ["7,5", "8,0", "1,5", "2,0", "9,0", "12", "8/10"]
    lines = [f"INT8 number {n};{grade}" for n, grade in enumerate(grades)]
    file.write_text("\n".join(["answer;human_grade", *lines]), encoding="utf-8")
    done = viva("grade", file, "--rubric", DATA_RUBRIC, "--out", tmp_path / "a.html")
    assert done.returncode == 0, done.stderr
    assert "grade not read: line 7, column human_grade: '12' is no number from 0 to 10" in done.stderr
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "with 5 grades by people" in page
    assert "Grades by people that were not read (2)" in page
    assert "line 8, column human_grade: &#39;8/10&#39;" in page


def test_one_candidate_gets_feedback_in_one_language(viva: Viva, tmp_path: Path) -> None:
    lines = ["用 INT8 存权重，显存更小,甲,", "INT8 weights are smaller,甲,", "用更少的比特,甲,", "INT8 it is,b,"]
    done = viva("grade", _file(tmp_path, *lines), "--rubric", DATA_RUBRIC, "--out", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["report"]["feedback"]["language"] for row in rows] == ["zh", "zh", "zh", "en"]


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
        (["answers.csv", "--rubric", DATA_RUBRIC, "--columns", "scor"], "there is no column 'scor'"),
        (["answers.csv", "--rubric", DATA_RUBRIC, "--columns", "score", "--out", "a.html"], "--columns is for tables"),
    ],
)
def test_bad_arguments_get_one_sentence(viva: Viva, tmp_path: Path, arguments: list[str | Path], says: str) -> None:
    _file(tmp_path, "INT8,a,")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "columns.csv").write_text("text\nINT8\n", encoding="utf-8")
    (tmp_path / "gb.csv").write_bytes("answer\n模型\n".encode("gb18030"))
    done = viva("grade", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
