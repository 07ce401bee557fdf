"""The commands of `viva bench`, with a stub for a judge; what they call is tested in tests/evaluation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vivavoce.evaluation.invariance import BANK
from vivavoce.evaluation.prompt_forms import FORMS
from vivavoce.graders.judge.servers.stub import StubJudgeServer

from ...conftest import Viva
from ...graded_data import DOCUMENTED, list_keys, write_graded


def _one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.processes
def test_the_judge_is_measured_and_documented(viva: Viva, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--answers", "4", "--repeats", "2", "--batch-sizes", "1,4", "--rounds", "1", "--json", str(out)]
    done = viva("bench", "judge", *arguments)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["answers"] == 4
    assert figures["score_spread"] == 0.0
    assert figures["failed"] == 0
    assert figures["throughput_ratio"] > 0
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key


@pytest.mark.processes
def test_the_judge_is_timed_beside_busy_processes(viva: Viva, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--processes", "1", "--answers", "2", "--rounds", "2", "--json", str(out)]
    done = viva("bench", "busy", *arguments)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert len(figures["alone"]) == len(figures["beside"]) == 2
    assert figures["kept_share"] > 0
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key


def test_an_unavailable_judge_cannot_be_measured(viva: Viva, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("http_500")
    done = viva("bench", "judge", "--answers", "2", "--batch-sizes", "1")
    assert done.returncode == 2
    assert "does not answer" in done.stderr
    assert "as in 1,8,32" in viva("bench", "judge", "--batch-sizes", "some").stderr


@pytest.mark.processes
def test_forms_are_compared_and_a_run_continues(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    files = [write_graded(tmp_path, "one.jsonl"), write_graded(tmp_path, "two.jsonl")]
    keep, out = tmp_path / "kept.jsonl", tmp_path / "forms.json"
    arguments = ["bench", "forms", *map(str, files), "--answers", "16", "--keep", str(keep), "--json", str(out)]
    done = viva(*arguments)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text(encoding="utf-8"))
    assert [row["form"] for row in rows["forms"]] == [str(form) for form in FORMS]
    assert {row["answers"] for row in rows["forms"]} == {16}
    assert all(row["pearson"] > 0.9 for row in rows["forms"])
    assert rows["forms"][0]["over_first"] is None
    assert all(low <= high for low, high in (row["over_first"] for row in rows["forms"][1:]))
    for key in list_keys(rows):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key

    lines = keep.read_text(encoding="utf-8").splitlines()
    keep.write_text("\n".join(lines[: len(lines) // 2]) + "\n", encoding="utf-8")
    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8")) == rows
    assert len(stub_judge.prompts) > 0


@pytest.mark.processes
def test_accuracy_is_measured_without_asking_twice(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    files = [write_graded(tmp_path, "one.jsonl", answers=8), write_graded(tmp_path, "two.jsonl")]
    rows = [json.loads(line) for line in files[0].read_text(encoding="utf-8").splitlines()]
    files[0].write_text(
        "\n".join(json.dumps({**row, "raters": [row["score"], row["score"]]}) for row in rows), encoding="utf-8"
    )
    out, page = tmp_path / "figures.json", tmp_path / "page.html"
    arguments = ["bench", "accuracy", *map(str, files), "--limit", "12", "--json", str(out), "--html", str(page)]
    done = viva(*arguments)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert set(figures["sets"]) == {"one", "two"}
    one = figures["sets"]["one"]
    assert (one["n"], one["lang"], one["unscored"]) == (12, "en", 0)
    assert set(one["rows"]) == {"rouge", "embedding", "judge", "combined", "mean", "human"}
    assert one["rows"]["judge"]["pearson"] > 0.9
    assert one["rows"]["human"]["pearson"] == pytest.approx(1)
    assert one["rows"]["mean"]["pearson"] is None
    assert one["rows"]["mean"]["bias"] == pytest.approx(0)
    assert figures["sets"]["two"]["rows"]["human"] is None
    assert figures["pooled"]["n"] == 24
    assert (figures["model"], figures["revision"], one["file"]) == ("stub", "1", str(files[0]))
    assert one["review"]["rmse_all"] >= one["review"]["rmse_confident"] >= 0
    assert 0 <= one["review"]["confidence_ece"] <= 1
    assert 0 <= one["review"]["in_range"] <= 1
    low, high = one["intervals"]["combined"]["pearson"]
    assert low <= one["rows"]["combined"]["pearson"] <= high
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key

    drawn = page.read_bytes()
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", drawn.decode())
    assert headings == ["All answers together", "one", "two"]
    assert f"{one['rows']['combined']['spearman']:.3f}" in drawn.decode()
    assert f"{low:.2f} to {high:.2f}" in drawn.decode()

    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8")) == figures
    assert page.read_bytes() == drawn
    assert not stub_judge.prompts


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_an_unwritable_file_stops_before_grading(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer, option: str
) -> None:
    data = write_graded(tmp_path, "one.jsonl")
    done = viva("bench", "accuracy", data, option, tmp_path / "unavailable" / "file")
    assert done.returncode == 2
    assert f"unavailable is not a folder: create it, or name another file with {option}." in done.stderr
    assert f"is a folder: name a file with {option}." in viva("bench", "accuracy", data, option, tmp_path).stderr
    assert not stub_judge.prompts


def test_accuracy_names_what_is_wrong(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"answer": "a"}', encoding="utf-8")
    done = viva("bench", "accuracy", bad)
    assert done.returncode == 2
    assert "line 1 has no 'score'" in done.stderr
    good = write_graded(tmp_path, "good.jsonl")
    (tmp_path / "other").mkdir()
    assert (
        "have the same name" in viva("bench", "accuracy", good, write_graded(tmp_path / "other", "good.jsonl")).stderr
    )
    stub_judge.behave("http_500")
    assert "run the same command" in _one_line(viva("bench", "accuracy", good).stderr)


@pytest.mark.processes
def test_invariance_is_measured_without_asking_twice(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    out = tmp_path / "figures.json"
    arguments = ["bench", "invariance", str(write_graded(tmp_path, "own.jsonl")), "--answers", "2", "--json", str(out)]
    arguments += ["--kind", "unrelated", "--kind", "bulleted", "--kind", "omitted", "--language", "en"]
    done = viva(*arguments)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert (figures["model"], figures["unscored"]) == ("stub", 0)
    rows = {(row["kind"], row["source"]): row for row in figures["rows"]}
    assert {key for key in rows if key[1] == BANK} == {("unrelated", BANK), ("bulleted", BANK), ("omitted", BANK)}
    assert ("unrelated", "own rubric") in rows
    for (kind, source), row in rows.items():
        moves = [
            move for move in figures["moves"] if move["kind"] == kind and (move["source"] == BANK) == (source == BANK)
        ]
        changes = [move["after"] - move["before"] for move in moves]
        assert row["pairs"] == len(moves) > 0
        assert row["mean"] == pytest.approx(sum(changes) / len(moves))
        assert row["lowered"] == pytest.approx(sum(change < -1e-9 for change in changes) / len(moves))
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key

    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8")) == figures
    assert not stub_judge.prompts


@pytest.mark.processes
def test_an_interrupted_run_asks_for_what_is_missing(viva: Viva, stub_judge: StubJudgeServer) -> None:
    arguments = ("bench", "invariance", "--answers", "2", "--language", "en", "--kind", "reworded")
    stub_judge.behave(*["answer"] * 20, *["http_500"] * 1000)
    done = viva(*arguments, VIVA_JUDGE_DEADLINE_SECONDS="2")
    assert done.returncode == 2
    assert "run the same command" in _one_line(done.stderr)
    answered = list(stub_judge.answered)
    assert len(answered) == 20
    stub_judge.behave("answer")
    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert stub_judge.prompts
    assert [prompt for prompt in stub_judge.prompts if prompt in answered] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--language", "fr"), "There is no language 'fr': use zh, en or both."),
        (("--answers", "5000"), "There are only 1638 qualification answers: ask for no more"),
        (("--kind", "sung"), "There is no kind of version 'sung': use one of unrelated, "),
        (("--json", "missing/file"), "missing is not a folder: create it, or name another file with --json."),
    ],
)
def test_invariance_names_what_is_wrong_before_grading(
    viva: Viva, stub_judge: StubJudgeServer, arguments: tuple[str, ...], words: str
) -> None:
    done = viva("bench", "invariance", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert not stub_judge.prompts


@pytest.mark.processes
def test_the_queue_is_measured_and_documented(viva: Viva, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = viva("bench", "queue", "--gradings", "20", "--judge-ms", "5", "--memory", "10,20", "--json", str(out))
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert (figures["gradings"], figures["memory_late_after"]) == (20, 20)
    assert 0 < figures["share_of_possible"] <= 1
    assert 0 < figures["post_to_result_ms_p50"] <= figures["post_to_result_ms_p95"]
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key
    assert "as in 500,5000" in viva("bench", "queue", "--memory", "20,10").stderr


@pytest.mark.processes
@pytest.mark.parametrize("bare", ["core", "orm"])
def test_the_api_is_measured_beside_a_bare_route_and_documented(viva: Viva, tmp_path: Path, bare: str) -> None:
    out = tmp_path / "figures.json"
    few = ("--rounds", "2", "--seconds", "0.3", "--connections", "2", "--processes", "1")
    done = viva("bench", "api", *few, "--bare", bare, "--json", str(out))
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["bare_route"] == bare
    assert "use core or orm" in viva("bench", "api", "--bare", "raw").stderr
    assert (figures["database"], figures["processes"], figures["connections"]) == ("sqlite", 1, 2)
    pairs = [
        (ours["per_second"], bare["per_second"]) for ours, bare in zip(figures["ours"], figures["bare"], strict=True)
    ]
    assert len(pairs) == 2
    assert figures["throughput_ratio"] == pytest.approx(sum(ours / bare for ours, bare in pairs) / 2)
    assert figures["throughput_ratio"] > 0
    low, high = figures["throughput_interval"]
    assert low <= figures["throughput_ratio"] <= high
    assert "requests per second" in done.stdout
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key
