from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.cli.bench import forms
from vivavoce.cli.errors import UserError
from vivavoce.graders.judge.stub import StubJudgeServer

Viva = Callable[..., subprocess.CompletedProcess[str]]
DOCUMENTED = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")


# What stands under these are names of data sets, rows and sizes.
_NAMED = ("by_batch_size", "by_dataset", "sets", "rows", "intervals", "macro")


def _keys(value: object, prefix: str = "") -> set[str]:
    """The keys of figures as the documentation writes them; what stands under a measured name is one of its values."""
    if isinstance(value, list):
        return set().union(*(_keys(each, prefix + "[]") for each in value)) if value else {prefix}
    if isinstance(value, dict) and prefix.split(".")[-1] not in _NAMED:
        return set().union(*(_keys(each, f"{prefix}.{name}".lstrip(".")) for name, each in value.items()))
    if isinstance(value, dict) and prefix == "sets":
        return set().union(*(_keys(each, f"{prefix}.NAME") for each in value.values()))
    return {prefix.removesuffix("[]")}


def _data(folder: Path, name: str, *, questions: int = 3, answers: int = 6) -> Path:
    path = folder / name
    rows = [
        {
            "id": f"{name}-{question}-{number}",
            "question_id": f"q{question}",
            "question": f"What is {question}?",
            "reference": "It is INT8. It is small.",
            "answer": f"It is {'INT8' if number % 2 else 'large'}, number {number}.",
            "score": float(number % 2),
            "max_score": 1.0,
            "lang": "en",
        }
        for question in range(questions)
        for number in range(answers)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_the_judge_is_measured_and_every_figure_documented(viva: Viva, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--answers", "4", "--repeats", "2", "--batch-sizes", "1,4", "--rounds", "1", "--json", str(out)]
    done = viva("bench", "judge", *arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["answers"] == 4
    assert found["score_spread"] == 0.0
    assert found["failed"] == 0
    assert found["throughput_ratio"] > 0
    for key in _keys(found):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key


def test_a_judge_that_is_away_cannot_be_measured(viva: Viva, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("http_500")
    done = viva("bench", "judge", "--answers", "2", "--batch-sizes", "1")
    assert done.returncode == 2
    assert "does not answer" in done.stderr
    assert "write 1,8,32" in viva("bench", "judge", "--batch-sizes", "some").stderr


def test_forms_are_compared_on_the_same_answers_and_an_interrupted_run_goes_on(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer
) -> None:
    files = [_data(tmp_path, "one.jsonl"), _data(tmp_path, "two.jsonl")]
    keep, out = tmp_path / "kept.jsonl", tmp_path / "forms.json"
    arguments = ["bench", "forms", *map(str, files), "--answers", "16", "--keep", str(keep), "--json", str(out)]
    done = viva(*arguments)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text(encoding="utf-8"))
    assert [row["form"] for row in rows["forms"]] == [str(form) for form in forms.FORMS]
    assert {row["answers"] for row in rows["forms"]} == {16}
    assert all(row["pearson"] > 0.9 for row in rows["forms"])
    for key in _keys(rows):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key

    lines = keep.read_text(encoding="utf-8").splitlines()
    keep.write_text("\n".join(lines[: len(lines) // 2]) + "\n", encoding="utf-8")
    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8")) == rows
    assert len(stub_judge.prompts) > 0


def test_accuracy_has_every_signal_beside_people_and_a_second_run_asks_the_judge_nothing(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer
) -> None:
    files = [_data(tmp_path, "one.jsonl", answers=8), _data(tmp_path, "two.jsonl")]
    rows = [json.loads(line) for line in files[0].read_text(encoding="utf-8").splitlines()]
    files[0].write_text(
        "\n".join(json.dumps({**row, "raters": [row["score"], row["score"]]}) for row in rows), encoding="utf-8"
    )
    out = tmp_path / "figures.json"
    arguments = ["bench", "accuracy", *map(str, files), "--limit", "12", "--json", str(out)]
    done = viva(*arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert set(found["sets"]) == {"one", "two"}
    one = found["sets"]["one"]
    assert (one["n"], one["lang"], one["unscored"]) == (12, "en", 0)
    assert set(one["rows"]) == {"rouge", "embedding", "judge", "combined", "mean", "human"}
    assert one["rows"]["judge"]["pearson"] > 0.9
    assert one["rows"]["human"]["pearson"] == pytest.approx(1)
    assert one["rows"]["mean"]["pearson"] is None
    assert one["rows"]["mean"]["bias"] == pytest.approx(0)
    assert found["sets"]["two"]["rows"]["human"] is None
    assert found["pooled"]["n"] == 24
    low, high = one["intervals"]["combined"]["pearson"]
    assert low <= one["rows"]["combined"]["pearson"] <= high
    for key in _keys(found):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key

    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8")) == found
    assert not stub_judge.prompts


def test_accuracy_tells_what_is_wrong_with_its_data(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"answer": "a"}', encoding="utf-8")
    done = viva("bench", "accuracy", bad)
    assert done.returncode == 2
    assert "line 1 has no 'score'" in done.stderr
    good = _data(tmp_path, "good.jsonl")
    (tmp_path / "other").mkdir()
    assert "have the same name" in viva("bench", "accuracy", good, _data(tmp_path / "other", "good.jsonl")).stderr
    stub_judge.behave("http_500")
    assert "run the same command to go on" in viva("bench", "accuracy", good).stderr


def test_the_queue_is_measured_and_every_figure_documented(viva: Viva, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = viva("bench", "queue", "--gradings", "20", "--judge-ms", "5", "--memory", "10,20", "--json", str(out))
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert (found["gradings"], found["memory_late_after"]) == (20, 20)
    assert 0 < found["share_of_possible"] <= 1
    assert 0 < found["post_to_result_ms_p50"] <= found["post_to_result_ms_p95"]
    for key in _keys(found):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key
    assert "write 500,5000" in viva("bench", "queue", "--memory", "20,10").stderr


def test_too_few_answers_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too few different answers for 500"):
        forms.sample_questions([_data(tmp_path, "one.jsonl")], answers=500, seed=1)
