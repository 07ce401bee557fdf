from __future__ import annotations

import copy
from dataclasses import asdict, replace
from typing import Any

import pytest
from pydantic_core import to_jsonable_python

from vivavoce.graders import UnscoredReason
from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.replay import RecordMissing, ReplayJudge
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.judge.types import AnswerVerdicts, Judge
from vivavoce.graders.judge.voting import JudgePanel
from vivavoce.rubrics import Rubric

from .conftest import OpenJudge
from .replies import yes_with

ANSWER = "[1] It stores weights.\n[2] >>> As INT8 values."
FORMS = [PromptForm(), PromptForm("explained"), PromptForm(scope="rubric"), PromptForm("explained", "rubric")]


def _report(judge: Judge, verdicts: AnswerVerdicts, rubric: Rubric, *, detail: str | None = None) -> dict[str, Any]:
    """The parts of a report's wire form that a replay reads."""
    return {
        "provenance": {
            "engine": judge.identity.engine,
            "model": judge.identity.model,
            "model_revision": judge.identity.revision,
            "prompt_form": judge.form,
            "prompt_hash": judge.prompt_hash(rubric),
            "quorum": judge.quorum,
        },
        "criteria": [{"id": c.id, "votes": to_jsonable_python(verdicts.votes[c.id])} for c in rubric.criteria],
        "unscored_detail": detail,
    }


@pytest.fixture
def cache() -> InMemoryVerdictCache:
    return InMemoryVerdictCache()


@pytest.fixture
def report(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, cache: InMemoryVerdictCache
) -> dict[str, Any]:
    """A report whose verdicts are explained."""
    judge = open_judge(stub_judge.url, form=PromptForm("explained"), cache=cache)
    (verdicts,) = judge.judge([ANSWER], rubric)
    return _report(judge, verdicts, rubric)


def _replay(report: dict[str, Any], cache: InMemoryVerdictCache, rubric: Rubric) -> AnswerVerdicts:
    calls = cache.get_many(ReplayJudge.keys_in(report))
    (verdicts,) = ReplayJudge(report, calls).judge([ANSWER], rubric)
    return verdicts


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_replay_gives_the_same_verdicts(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, cache: InMemoryVerdictCache, form: PromptForm
) -> None:
    judge = open_judge(stub_judge.url, form=form, cache=cache)
    (verdicts,) = judge.judge([ANSWER], rubric)
    report = _report(judge, verdicts, rubric)
    stub_judge.prompts.clear()
    replayed = _replay(report, cache, rubric)
    assert replayed.votes == verdicts.votes
    assert replayed.failures == {}
    assert replayed.escaped_markers == verdicts.escaped_markers == 1
    assert [[level.log_odds for level in levels] for levels in replayed.levels.values()] == [
        [level.log_odds for level in levels] for levels in verdicts.levels.values()
    ]
    assert stub_judge.prompts == []


def test_a_panel_of_samples_is_replayed(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, cache: InMemoryVerdictCache
) -> None:
    samples = [open_judge(stub_judge.url, form=PromptForm("explained"), sample=n, cache=cache) for n in (1, 2, 3)]
    panel = JudgePanel(samples, quorum=2)
    (verdicts,) = panel.judge([ANSWER], rubric)
    replayed = _replay(_report(panel, verdicts, rubric), cache, rubric)
    assert replayed.levels == verdicts.levels
    assert len(replayed.votes["lower"]) == 3


def test_a_replay_has_the_reports_identity(report: dict[str, Any], rubric: Rubric) -> None:
    judge = ReplayJudge(report, {})
    assert asdict(judge.identity) == {"engine": "stub", "model": "stub", "revision": "1"}
    assert (judge.form, judge.quorum, judge.urls) == ("explained/criterion/brief/zero-shot", 1, ())
    assert judge.prompt_hash(rubric) == report["provenance"]["prompt_hash"]


def test_every_call_is_named_once(report: dict[str, Any]) -> None:
    keys = ReplayJudge.keys_in(report)
    assert len(keys) == len(set(keys)) == 10
    first = report["criteria"][0]["votes"][0]["verdicts"][0]
    assert keys[:2] == [first["call"], first["baseline_call"]]
    assert ReplayJudge.keys_in({"criteria": [*report["criteria"], *report["criteria"]]}) == keys
    assert ReplayJudge.keys_in({"criteria": []}) == []


def test_verdicts_come_from_the_replies(report: dict[str, Any], cache: InMemoryVerdictCache, rubric: Rubric) -> None:
    changed = copy.deepcopy(report)
    for criterion in changed["criteria"]:
        for level in criterion["votes"][0]["verdicts"]:
            level.update(log_odds=9.0, baseline_log_odds=9.0, quote="never said", reason="changed", span=[0, 1])
    assert _replay(changed, cache, rubric) == _replay(report, cache, rubric)


def test_a_changed_reply_changes_the_verdict(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, cache: InMemoryVerdictCache
) -> None:
    judge = open_judge(stub_judge.url, cache=cache)
    (verdicts,) = judge.judge([ANSWER], rubric)
    report = _report(judge, verdicts, rubric)
    calls = dict(cache.get_many(ReplayJudge.keys_in(report)))
    key = verdicts.levels["lower"][0].call
    calls[key] = replace(calls[key], reply=yes_with(0.5))
    (replayed,) = ReplayJudge(report, calls).judge([ANSWER], rubric)
    assert replayed.levels["lower"][0].log_odds == pytest.approx(0)
    assert replayed.votes["loss"] == verdicts.votes["loss"]


def test_a_quote_that_the_answer_lacks_has_no_span(
    report: dict[str, Any], cache: InMemoryVerdictCache, rubric: Rubric
) -> None:
    calls = cache.get_many(ReplayJudge.keys_in(report))
    (replayed,) = ReplayJudge(report, calls).judge(["[1] Another answer."], rubric)
    assert {level.span for levels in replayed.levels.values() for level in levels} == {None}


@pytest.mark.parametrize("kind", ["call", "baseline_call"])
def test_a_missing_record_is_named(
    report: dict[str, Any], cache: InMemoryVerdictCache, rubric: Rubric, kind: str
) -> None:
    key = report["criteria"][0]["votes"][0]["verdicts"][0][kind]
    calls = {name: call for name, call in cache.get_many(ReplayJudge.keys_in(report)).items() if name != key}
    with pytest.raises(RecordMissing, match=f"judge call {key[:12]}… is not on record"):
        ReplayJudge(report, calls).judge([ANSWER], rubric)


@pytest.mark.parametrize("answers", [[], [ANSWER, ANSWER]])
def test_a_report_is_about_one_answer(report: dict[str, Any], rubric: Rubric, answers: list[str]) -> None:
    with pytest.raises(ValueError, match="one answer"):
        ReplayJudge(report, {}).judge(answers, rubric)


@pytest.mark.parametrize("detail", ["the judge did not answer within 60 s", None])
def test_missing_votes_keep_their_reason(
    report: dict[str, Any], cache: InMemoryVerdictCache, rubric: Rubric, detail: str | None
) -> None:
    report["criteria"][0]["votes"] = [{"judge": "stub", "verdicts": [], "unscored_reason": "timeout"}]
    report["unscored_detail"] = detail
    replayed = _replay(report, cache, rubric)
    assert set(replayed.failures) == {"lower"}
    assert replayed.failures["lower"].reason is UnscoredReason.TIMEOUT
    assert replayed.failures["lower"].detail == (detail or "")
    assert replayed.votes["lower"][0].unscored_reason is UnscoredReason.TIMEOUT


def test_the_reports_quorum_decides(report: dict[str, Any], cache: InMemoryVerdictCache, rubric: Rubric) -> None:
    report["provenance"]["quorum"] = 2
    replayed = _replay(report, cache, rubric)
    assert replayed.levels == {}
    assert len(replayed.failures) == 4
