from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders import AnswerInput, Flag, JudgeFailure, UnscoredReason, build_panel, grade
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.judge.types import AnswerVerdicts
from vivavoce.graders.judge.voting import JudgePanel, count_votes, split_criteria
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, WordVerifier
from vivavoce.graders.types import EngineIdentity, LevelVerdict, Vote
from vivavoce.rubrics import Rubric

from .conftest import OpenJudge
from .replies import call_record, yes_with

REFUSED = JudgeFailure(UnscoredReason.REFUSED, "said something else")
TIMED_OUT = JudgeFailure(UnscoredReason.TIMEOUT, "too slow")
UNAVAILABLE = JudgeFailure(UnscoredReason.INFRASTRUCTURE, "not there", unavailable=True)
LOG_ODDS = st.floats(min_value=-12, max_value=12)


def _judge(outcome: float | JudgeFailure) -> ScriptedJudge:
    return ScriptedJudge(lambda _, __: outcome)


def _vote(*log_odds: float, baseline: float = 0.0, quote: str = "", reason: str = "") -> Vote:
    return Vote("j", tuple(LevelVerdict(value, baseline, quote=quote, reason=reason) for value in log_odds))


def _withheld(failure: JudgeFailure) -> Vote:
    return Vote("j", (), failure.reason)


# Counting


@given(st.lists(st.tuples(LOG_ODDS, LOG_ODDS), min_size=1, max_size=5))
def test_verdicts_are_the_mean_of_the_votes(pairs: list[tuple[float, float]]) -> None:
    votes = {"c": [_vote(log_odds, baseline=baseline) for log_odds, baseline in pairs]}
    levels, failures = count_votes(votes, quorum=len(pairs), details={})
    (verdict,) = levels["c"]
    assert verdict.log_odds == pytest.approx(fmean(pair[0] for pair in pairs))
    assert verdict.baseline_log_odds == pytest.approx(fmean(pair[1] for pair in pairs))
    assert failures == {}


def test_each_level_has_a_mean_of_its_own() -> None:
    levels, _ = count_votes({"c": [_vote(1.0, -3.0), _vote(3.0, -1.0)]}, quorum=2, details={})
    assert [verdict.log_odds for verdict in levels["c"]] == [2.0, -2.0]


@pytest.mark.parametrize(("quorum", "has_verdict"), [(1, True), (2, True), (3, False)])
def test_a_quorum_is_a_number_of_verdicts(quorum: int, has_verdict: bool) -> None:
    votes = {"c": [_vote(1.0), _withheld(REFUSED), _vote(2.0)]}
    levels, failures = count_votes(votes, quorum=quorum, details={"c": [REFUSED]})
    assert ("c" in levels, "c" in failures) == (has_verdict, not has_verdict)


@pytest.mark.parametrize(
    ("details", "reported"),
    [
        ([REFUSED, TIMED_OUT], TIMED_OUT),
        ([TIMED_OUT, UNAVAILABLE], UNAVAILABLE),
        ([REFUSED, UNAVAILABLE, TIMED_OUT], UNAVAILABLE),
        ([REFUSED, JudgeFailure(UnscoredReason.PARSE, "no JSON")], REFUSED),
    ],
)
def test_failures_that_a_retry_may_fix_come_first(details: list[JudgeFailure], reported: JudgeFailure) -> None:
    votes = {"c": [_withheld(failure) for failure in details]}
    failure = count_votes(votes, quorum=2, details={"c": details})[1]["c"]
    assert (failure.reason, failure.unavailable) == (reported.reason, reported.unavailable)
    assert failure.detail == f"0 of {len(details)} judges voted, 2 must: {reported.detail}"


def test_the_only_judges_failure_is_reported_unchanged() -> None:
    assert count_votes({"c": [_withheld(REFUSED)]}, quorum=1, details={"c": [REFUSED]})[1]["c"] is REFUSED


def test_without_any_vote_there_is_a_failure() -> None:
    failure = count_votes({"c": []}, quorum=1, details={"c": []})[1]["c"]
    assert (failure.reason, failure.detail) == (
        UnscoredReason.INFRASTRUCTURE,
        "0 of 0 judges voted, 1 must: no judge voted",
    )


def test_the_reason_is_not_a_dissenters() -> None:
    votes = {"c": (_vote(1.0, quote="q", reason="it is there"), _vote(-4.0), _vote(-2.0, reason="it is missing"))}
    levels, _ = count_votes(votes, quorum=2, details={})
    assert (levels["c"][0].quote, levels["c"][0].reason) == ("", "it is missing")


def test_a_quote_is_preferred_to_a_reason_alone() -> None:
    votes = {"c": (_vote(3.0, reason="clear"), _vote(1.0, quote="INT8"), _vote(2.0, quote="INT4", reason="both"))}
    levels, _ = count_votes(votes, quorum=3, details={})
    assert (levels["c"][0].quote, levels["c"][0].reason) == ("INT4", "both")


# Contradictions


@pytest.mark.parametrize(
    ("tops", "is_split"),
    [
        ([1.0, -1.0], True),
        ([1.0, -0.99], False),
        ([0.99, -5.0], False),
        ([3.0, 2.0, -2.0], True),
        ([5.0, 0.1], False),
        ([-2.0], False),
        ([], False),
    ],
)
def test_judges_contradict_each_other_beyond_a_bound(tops: list[float], is_split: bool) -> None:
    assert split_criteria({"c": [_vote(top) for top in tops]}) == (("c",) if is_split else ())


def test_the_bound_of_contradictions_can_be_set() -> None:
    votes = {"c": [_vote(0.4), _vote(-0.4)], "d": [_vote(0.1), _vote(-0.1)]}
    assert split_criteria(votes, least_odds=0.4) == ("c",)


def test_contradictions_count_against_the_baseline_and_at_the_top() -> None:
    assert split_criteria({"c": [_vote(3.0, baseline=5.0), _vote(3.0, baseline=1.0)]}) == ("c",)
    assert split_criteria({"c": [_vote(3.0, 2.0), _vote(-3.0, 2.0)]}) == ()
    assert split_criteria({"c": [_vote(3.0), _withheld(REFUSED), _vote(-3.0)]}) == ("c",)


# Panels


def test_every_vote_is_kept(rubric: Rubric) -> None:
    (verdicts,) = JudgePanel([_judge(3.0), _judge(1.0), _judge(2.0)], quorum=2).judge(["a"], rubric)
    assert verdicts.levels["lower"][0].log_odds == pytest.approx(2.0)
    assert [vote.verdicts[0].log_odds for vote in verdicts.votes["lower"]] == [3.0, 1.0, 2.0]


def test_a_judge_that_fails_abstains(rubric: Rubric) -> None:
    (verdicts,) = JudgePanel([_judge(3.0), _judge(REFUSED), _judge(1.0)], quorum=2).judge(["a"], rubric)
    assert verdicts.failures == {}
    assert verdicts.levels["lower"][0].log_odds == pytest.approx(2.0)
    assert [vote.unscored_reason for vote in verdicts.votes["lower"]] == [None, UnscoredReason.REFUSED, None]


@pytest.mark.parametrize(
    ("others", "reason"), [([REFUSED, REFUSED], UnscoredReason.REFUSED), ([REFUSED, UNAVAILABLE], UNAVAILABLE.reason)]
)
def test_without_a_quorum_there_is_no_verdict(
    rubric: Rubric, others: list[JudgeFailure], reason: UnscoredReason
) -> None:
    (verdicts,) = JudgePanel([_judge(3.0), *map(_judge, others)], quorum=2).judge(["a"], rubric)
    assert verdicts.levels == {}
    assert {failure.reason for failure in verdicts.failures.values()} == {reason}
    assert "1 of 3 judges voted, 2 must" in verdicts.failures["lower"].detail


def test_answers_stay_in_order(rubric: Rubric) -> None:
    judges = [ScriptedJudge(lambda answer, _, factor=factor: factor * float(answer)) for factor in (1, 3)]
    verdicts = JudgePanel(judges, quorum=1).judge(["1", "2", "3"], rubric)
    assert [entry.levels["lower"][0].log_odds for entry in verdicts] == [2.0, 4.0, 6.0]
    assert JudgePanel(judges, quorum=1).judge([], rubric) == []


def test_members_work_at_the_same_time(rubric: Rubric) -> None:
    together = threading.Barrier(2, timeout=5)

    class Waiting(ScriptedJudge):
        def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
            together.wait()
            return super().judge(answers, rubric)

    assert len(JudgePanel([Waiting(), Waiting()], quorum=2).judge(["a"], rubric)) == 1


def test_calls_add_up_and_markers_do_not(rubric: Rubric) -> None:
    class Counting(ScriptedJudge):
        def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
            made = (call_record(yes_with(0.8)),) * 2
            return [replace(v, calls=made, cached=3, escaped_markers=4) for v in super().judge(answers, rubric)]

    (verdicts,) = JudgePanel([Counting(), Counting()], quorum=1).judge(["a"], rubric)
    assert (len(verdicts.calls), verdicts.cached, verdicts.escaped_markers) == (4, 6, 4)


def test_a_panel_names_its_members(rubric: Rubric) -> None:
    members = [ScriptedJudge() for _ in range(3)]
    for member, (engine, model) in zip(members, [("vllm", "a"), ("llamacpp", "b"), ("vllm", "a")], strict=True):
        member.identity = EngineIdentity(engine, model, "1")
    members[2].form = "explained"
    members[1].urls = ("http://b",)
    panel = JudgePanel(members, quorum=2)
    assert panel.identity == EngineIdentity("vllm+llamacpp", "a+b+a", "1+1+1")
    assert (panel.form, panel.prompt_hash(rubric)) == ("scripted+explained", "scripted")
    assert panel.urls == (*ScriptedJudge.urls, "http://b")


@pytest.mark.parametrize("quorum", [0, 3])
def test_a_quorum_must_be_possible(quorum: int) -> None:
    with pytest.raises(ValueError, match="quorum of 1 to 2"):
        JudgePanel([_judge(1.0), _judge(1.0)], quorum=quorum)


def test_a_split_panel_needs_review(rubric: Rubric) -> None:
    panel = build_panel(
        embedder=HashingEmbedder(),
        verifier=WordVerifier(),
        judge=JudgePanel([_judge(3.0), _judge(-3.0)], quorum=2),
        review=ReviewPolicy(below=0.0),
    )
    (report,) = grade([AnswerInput("Weights are kept in INT8 instead of FP16.")], rubric, panel)
    assert Flag.JUDGES_DISAGREE in report.flags
    assert report.needs_review
    assert [vote.judge for vote in report.criteria[0].votes] == ["scripted", "scripted"]
    assert report.provenance.quorum == 2
    assert report.provenance.model == "scripted+scripted"


def test_samples_of_one_judge_vote_separately(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    samples = [open_judge(stub_judge.url, form=PromptForm(mode="explained"), sample=seed) for seed in (1, 2, 3)]
    (verdicts,) = JudgePanel(samples, quorum=2).judge(["[1] INT8"], rubric)
    assert len(verdicts.votes["lower"]) == 3
    assert {call.request["seed"] for call in verdicts.calls} == {1, 2, 3}
    assert all(call.request["temperature"] > 0 for call in verdicts.calls)
