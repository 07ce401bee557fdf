from __future__ import annotations

import csv
import json
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

Caller = Callable[..., subprocess.CompletedProcess[str]]
ROWS = """external_id,candidate,question_id,answer
007,Li Na,quantization,"Weights are stored as INT8 rather than FP16, which can cost accuracy."
008,王伟,quantization,Post-training quantization makes the model smaller.
"""
BAD_ROW = "009,Ada,none-such,INT8\n"


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    file = tmp_path / "answers.csv"
    file.write_text(ROWS, encoding="utf-8")
    return file


@pytest.fixture
def cohort(caller: Caller) -> str:
    return caller("cohort", "create", f"spring {uuid.uuid4().hex}", "--max-calls", "1000").stdout.strip()


@pytest.fixture
def finished(caller: Caller, cohort: str, answers: Path) -> str:
    assert caller("cohort", "add", cohort, answers).returncode == 0
    assert caller("cohort", "start", cohort).returncode == 0
    assert caller("cohort", "watch", cohort).returncode == 0
    return cohort


def test_a_file_is_graded(caller: Caller, cohort: str, answers: Path) -> None:
    added = caller("cohort", "add", cohort, answers)
    assert "columns (long form, guessed)" in added.stdout
    assert "rows: 2, of which 2 can be used; answers: 2; errors: 0" in added.stdout
    assert "answers added: 2" in added.stdout
    assert "answers added: 0, changed: 0, unchanged: 2" in caller("cohort", "add", cohort, answers).stdout
    assert "2 answers to grade" in caller("cohort", "estimate", cohort).stdout
    assert "is running" in caller("cohort", "start", cohort).stdout
    watched = caller("cohort", "watch", cohort)
    assert watched.returncode == 0
    assert "graded" in watched.stdout
    assert "limit 1000" in watched.stdout
    assert cohort in caller("cohort", "list", "--state", "finished").stdout
    shown = json.loads(caller("cohort", "show", cohort, "--json").stdout)
    assert (shown["state"], shown["counts"]["graded"]) == ("finished", 2)
    assert caller("cohort", "show", shown["name"]).stdout.startswith(shown["name"])


def test_a_file_with_errors_adds_nothing_and_gives_its_bad_rows(caller: Caller, cohort: str, answers: Path) -> None:
    answers.write_text(ROWS + BAD_ROW, encoding="utf-8")
    refused = caller("cohort", "add", cohort, answers, "--bad-rows", "bad.csv", "--language", "zh")
    assert refused.returncode == 1
    assert "没有这道题" in refused.stdout
    assert "Nothing was added" in refused.stderr
    [bad] = csv.DictReader((answers.parent / "bad.csv").read_text(encoding="utf-8-sig").splitlines())
    assert (bad["external_id"], "没有这道题" in bad["error"]) == ("009", True)
    assert json.loads(caller("cohort", "show", cohort, "--json").stdout)["total"] == 0
    assert "rows left out: 1" in caller("cohort", "add", cohort, answers, "--valid-only").stdout


def test_a_check_adds_nothing(caller: Caller, cohort: str, answers: Path) -> None:
    checked = caller("cohort", "add", cohort, answers, "--check")
    assert (checked.returncode, "Nothing was added" in checked.stderr) == (0, True)
    assert json.loads(caller("cohort", "show", cohort, "--json").stdout)["total"] == 0


def test_a_mapping_says_what_the_columns_are(caller: Caller, cohort: str, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("who,said\nLi Na,INT8 takes fewer bits.\n", encoding="utf-8")
    mapping = {"mapping": {"layout": "long", "answer": "said", "question_id": "quantization", "candidate": ["who"]}}
    (tmp_path / "mapping.json").write_text(json.dumps(mapping), encoding="utf-8")
    added = caller("cohort", "add", cohort, "odd.csv", "--mapping", "mapping.json")
    assert "(long form, given)" in added.stdout
    assert "answers added: 1" in added.stdout


def test_a_cohort_is_paused_resumed_and_cancelled(caller: Caller, answers: Path) -> None:
    cohort = caller("cohort", "create", "open", "--open").stdout.strip()
    caller("cohort", "add", cohort, answers)
    states = [caller("cohort", verb, cohort).stdout for verb in ("start", "pause", "resume", "cancel")]
    assert [state.split()[-1] for state in states] == ["running", "paused", "running", "cancelled"]
    assert caller("cohort", "watch", cohort).returncode == 1


def test_results_are_printed_followed_and_written(caller: Caller, finished: str, tmp_path: Path) -> None:
    printed = caller("results", finished)
    assert "王伟" in printed.stdout
    assert "2 of 2 answers have a result" in printed.stderr
    followed = caller("results", finished, "--follow").stdout.splitlines()
    assert sorted(line.split("  ")[0] for line in followed) == ["007", "008"]
    lines = [json.loads(line) for line in caller("results", finished, "--format", "jsonl").stdout.splitlines()]
    assert [line["item"]["external_id"] for line in lines] == [line.split("  ")[0] for line in followed]
    for name in ("r.csv", "r.xlsx", "r.html"):
        written = caller("results", finished, "--output", name, "--layout", "long")
        assert (written.returncode, "2 answers in 2 rows written" in written.stderr) == (0, True)
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert sorted(row["external_id"] for row in rows) == ["007", "008"]
    assert (tmp_path / "r.xlsx").read_bytes().startswith(b"PK")
    assert "INT8 rather than FP16" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_torn_file_of_results_is_gone_on_with(caller: Caller, finished: str, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    assert caller("results", finished, "--follow", "--output", file).returncode == 0
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.index(b"\n") + 40])
    assert "1 results written" in caller("results", finished, "--follow", "--output", file).stderr
    assert file.read_bytes() == whole
    file.write_bytes(b"name,score\n")
    assert "lines that are no results" in caller("results", finished, "--follow", "--output", file).stderr
    assert file.read_bytes() == b"name,score\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cohort", "show", "no such name"], "There is no cohort 'no such name'"),
        (["cohort", "show", "0" * 32], "cohort"),
        (["cohort", "create", "x", "--finish-by", "soon"], "'soon' is no time"),
        (["results", "0" * 32, "--format", "xlsx"], "name it with --output"),
        (["results", "no such name", "--output", "none/r.csv"], "none is not a folder"),
    ],
)
def test_mistakes_are_one_sentence(caller: Caller, arguments: list[str], sentence: str) -> None:
    failed = caller(*arguments)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_what_has_not_begun_is_not_watched(caller: Caller, cohort: str) -> None:
    failed = caller("cohort", "watch", cohort)
    assert (failed.returncode, "viva cohort start" in failed.stderr) == (2, True)
