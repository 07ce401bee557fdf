from __future__ import annotations

import pytest

from vivavoce.graders import AnswerInput, Flag, JudgeFailure, UnscoredReason, build_panel, grade
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.judge.voting import JudgePanel, count_votes
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, WordVerifier
from vivavoce.graders.types import LevelVerdict, Vote
from vivavoce.rubrics import Rubric

from .conftest import OpenJudge

REFUSED = JudgeFailure(UnscoredReason.REFUSED, "said something else")
AWAY = JudgeFailure(UnscoredReason.INFRASTRUCTURE, "not there")


def _judge(said: float | JudgeFailure) -> ScriptedJudge:
    return ScriptedJudge(lambda _, __: said)


def test_the_panels_word_is_the_mean_of_its_votes_and_every_vote_is_kept(rubric: Rubric) -> None:
    (found,) = JudgePanel([_judge(3.0), _judge(1.0), _judge(2.0)], quorum=2).judge(["a"], rubric)
    assert found.levels["lower"][0].log_odds == pytest.approx(2.0)
    assert [vote.verdicts[0].log_odds for vote in found.votes["lower"]] == [3.0, 1.0, 2.0]


def test_a_silent_judge_withholds_its_vote(rubric: Rubric) -> None:
    (found,) = JudgePanel([_judge(3.0), _judge(REFUSED), _judge(1.0)], quorum=2).judge(["a"], rubric)
    assert found.failures == {}
    assert found.levels["lower"][0].log_odds == pytest.approx(2.0)
    assert [vote.unscored_reason for vote in found.votes["lower"]] == [None, UnscoredReason.REFUSED, None]


@pytest.mark.parametrize(
    ("others", "reason"), [([REFUSED, REFUSED], UnscoredReason.REFUSED), ([REFUSED, AWAY], AWAY.reason)]
)
def test_without_a_quorum_there_is_no_verdict_and_what_may_pass_comes_first(
    rubric: Rubric, others: list[JudgeFailure], reason: UnscoredReason
) -> None:
    panel = JudgePanel([_judge(3.0), *map(_judge, others)], quorum=2)
    (found,) = panel.judge(["a"], rubric)
    assert found.levels == {}
    assert {failure.reason for failure in found.failures.values()} == {reason}
    assert "1 of 3 judges voted, 2 must" in found.failures["lower"].detail


def test_a_split_panel_goes_to_a_person(rubric: Rubric) -> None:
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


@pytest.mark.parametrize("quorum", [0, 3])
def test_a_quorum_must_be_possible(quorum: int) -> None:
    with pytest.raises(ValueError, match="quorum of 1 to 2"):
        JudgePanel([_judge(1.0), _judge(1.0)], quorum=quorum)


def test_samples_of_one_judge_are_judges_of_their_own(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    samples = [open_judge(stub_judge.url, form=PromptForm(mode="explained"), sample=seed) for seed in (1, 2, 3)]
    (found,) = JudgePanel(samples, quorum=2).judge(["[1] INT8"], rubric)
    assert len(found.votes["lower"]) == 3
    assert {call.request["seed"] for call in found.calls} == {1, 2, 3}
    assert all(call.request["temperature"] > 0 for call in found.calls)


def test_the_panels_reason_is_not_a_dissenters() -> None:
    def vote(log_odds: float, reason: str) -> Vote:
        return Vote("j", (LevelVerdict(log_odds, 0.0, quote="q" if log_odds > 0 else "", reason=reason),))

    votes = {"c": (vote(1.0, "it is there"), vote(-4.0, ""), vote(-2.0, "it is missing"))}
    levels, _ = count_votes(votes, quorum=2, details={})
    assert (levels["c"][0].quote, levels["c"][0].reason) == ("", "it is missing")
