from __future__ import annotations

import csv
import json
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vivavoce.cli.commands.replay import Replay
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.pipeline import grade
from vivavoce.graders.testing import scripted_panel
from vivavoce.graders.types import AnswerInput
from vivavoce.rubrics import Rubric

from ..conftest import Submit, Viva

RUBRIC = Path(__file__).parents[2] / "data" / "rubric.yaml"


@pytest.fixture
def graded(viva: Viva, tmp_path: Path) -> Callable[..., str]:
    """Grades an answer and gives the grading's id."""

    def run(answer: str, **environment: str) -> str:
        file = tmp_path / "answers.csv"
        file.write_text(f"answer\n{answer}\n", encoding="utf-8")
        done = viva("grade", file, "--rubric", RUBRIC, **environment)
        assert done.returncode == 0, done.stderr
        with (tmp_path / "answers.graded.csv").open(encoding="utf-8-sig", newline="") as rows:
            return next(csv.DictReader(rows))["grading_id"]

    return run


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"VIVA_JUDGE_MODE": "explained"},
        {"VIVA_JUDGE_MODE": "explained", "VIVA_JUDGE_SAMPLES": "3"},
    ],
    ids=["fast", "explained", "samples"],
)
def test_a_score_is_recomputed_from_the_record(
    viva: Viva, graded: Callable[..., str], stub_judge: StubJudgeServer, environment: dict[str, str]
) -> None:
    grading = graded("Weights are INT8 instead of FP16.", **environment)
    stub_judge.behave("http_500")
    asked = len(stub_judge.prompts)
    done = viva("replay", grading)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "differs" not in done.stdout
    assert len(stub_judge.prompts) == asked


def test_an_answer_settled_by_a_fact_is_replayed(viva: Viva, graded: Callable[..., str]) -> None:
    done = viva("replay", graded("I don't know."))
    assert done.returncode == 0
    assert "recorded 0.0, recomputed from 0 recorded judge calls: 0.0" in done.stdout


def test_an_off_topic_answer_is_replayed_with_its_votes(
    viva: Viva, graded: Callable[..., str], stub_judge: StubJudgeServer
) -> None:
    stub_judge.yes_when = "never said"
    grading = graded("My cat sleeps on the warm sofa all day.")
    stub_judge.behave("http_500")
    done = viva("replay", grading)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "recomputed from 0 recorded" not in done.stdout


def test_prompts_and_raw_replies_are_shown(viva: Viva, graded: Callable[..., str]) -> None:
    done = viva("replay", graded("Weights are INT8."), "--calls")
    assert '"request"' in done.stdout
    assert "Weights are INT8." in done.stdout
    assert '"top_logprobs"' in done.stdout


def test_a_record_that_was_changed_or_lost_shows(viva: Viva, graded: Callable[..., str], tmp_path: Path) -> None:
    grading = graded("Weights are INT8 instead of FP16.")
    with sqlite3.connect(tmp_path / "state" / "vivavoce.db") as database:
        key, reply = database.execute("SELECT key, reply FROM judge_call ORDER BY created_at DESC LIMIT 1").fetchone()
        text = json.dumps(json.loads(zlib.decompress(reply))).replace("-0.105", "-3.105").replace("-2.3", "-0.05")
        database.execute("UPDATE judge_call SET reply = ? WHERE key = ?", (zlib.compress(text.encode()), key))
    changed = viva("replay", grading)
    assert changed.returncode == 1
    assert "differs" in changed.stdout
    with sqlite3.connect(tmp_path / "state" / "vivavoce.db") as database:
        database.execute("DELETE FROM judge_call")
    lost = viva("replay", grading)
    assert lost.returncode == 2
    assert "not on record" in lost.stderr


def test_a_grading_that_is_not_there_is_one_sentence(viva: Viva) -> None:
    done = viva("replay", "nothing")
    assert done.returncode == 2
    assert "There is no grading 'nothing'" in done.stderr


def test_a_grading_without_a_report_is_one_sentence(viva: Viva, submit: Submit) -> None:
    (grading,) = submit("INT8")
    done = viva("replay", grading)
    assert done.returncode == 2
    assert done.stderr == f"viva: Grading {grading} is queued and has no report yet: replay it when it has.\n"


# What counts as a difference


@pytest.fixture
def document(rubric: Rubric) -> dict[str, Any]:
    """A report in wire form."""
    (report,) = grade([AnswerInput("INT8 instead of FP16")], rubric, scripted_panel())
    return report.to_dict()


def _compare(recorded: dict[str, Any], **changes: Any) -> list[str]:
    return Replay(recorded, {**recorded, **changes}, {}).differences


def test_equal_reports_have_no_difference(document: dict[str, Any]) -> None:
    assert _compare(document) == []


@pytest.mark.parametrize("name", ["score", "score_min", "score_max", "coverage"])
def test_another_figure_is_named_with_both_values(document: dict[str, Any], name: str) -> None:
    assert _compare(document, **{name: -1}) == [f"{name}: recorded {document[name]}, now -1"]


def test_points_of_a_criterion_are_compared(document: dict[str, Any]) -> None:
    first, *others = document["criteria"]
    differences = _compare(document, criteria=[{**first, "points": 0.25}, *others])
    assert differences == [f"criterion {first['id']}: recorded {first['points']} points, now 0.25"]


@pytest.mark.parametrize(
    ("recorded", "now", "differ"),
    [
        (["near_pass_mark", "low_confidence"], ["low_confidence", "near_pass_mark"], False),
        # An edit of the rubric adds this flag to reports that it makes stale.
        (["low_confidence", "rubric_changed"], ["low_confidence"], False),
        (["low_confidence"], [], True),
    ],
)
def test_flags_are_compared_in_any_order(
    document: dict[str, Any], recorded: list[str], now: list[str], differ: bool
) -> None:
    assert bool(_compare({**document, "flags": recorded}, flags=now)) == differ


@pytest.mark.parametrize("name", ["rubric_hash", "model_revision", "prompt_hash", "combiner_version", "pass_mark"])
def test_what_decides_a_score_is_compared(document: dict[str, Any], name: str) -> None:
    source = document["provenance"]
    (difference,) = _compare(document, provenance={**source, name: "other"})
    assert difference == f"{name}: recorded {source[name]}, now other"


@pytest.mark.parametrize("name", ["judge_seconds", "tokens_in", "cost"])
def test_effort_may_differ(document: dict[str, Any], name: str) -> None:
    assert _compare(document, provenance={**document["provenance"], name: 1e9}) == []


def test_fields_that_an_older_report_lacks_are_not_compared(document: dict[str, Any]) -> None:
    source = dict(document["provenance"])
    del source["screening_revision"]
    assert _compare({**document, "provenance": source}, provenance=document["provenance"]) == []
