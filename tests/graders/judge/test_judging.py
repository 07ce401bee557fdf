from __future__ import annotations

import json
import time

import pytest

from vivavoce.graders import UnscoredReason
from vivavoce.graders.judge.client import EngineIdentity, probe
from vivavoce.graders.judge.judging import InMemoryVerdictCache, RubricJudge
from vivavoce.graders.testing import StubJudgeServer
from vivavoce.rubrics import Rubric

CALLS_AN_ANSWER = 5


def _judge(url: str, *, cache: InMemoryVerdictCache | None = None, engine: str = "stub") -> RubricJudge:
    return RubricJudge(
        base_url=url,
        identity=EngineIdentity(engine=engine, model="stub", revision="1"),
        secret=b"s",
        cache=cache or InMemoryVerdictCache(),
        timeout_seconds=0.5,
    )


def test_verdicts_count_against_an_answer_without_content(rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    said, silent = _judge(stub_judge.url).judge(["INT8 weights", "something"], rubric)
    level = said.levels["lower"][0]
    assert level.log_odds > 0 > level.prior
    assert silent.levels["lower"][0].log_odds == silent.levels["lower"][0].prior
    assert [len(said.levels[criterion.id]) for criterion in rubric.criteria] == [1, 2, 1, 1]


def test_all_prompts_of_a_cohort_begin_with_the_same_bytes(rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    _judge(stub_judge.url).judge(["INT8", "INT4", "FP16"], rubric)
    assert len({prompt[0]["content"] for prompt in stub_judge.prompts}) == 1
    assert len(stub_judge.prompts) == 4 * CALLS_AN_ANSWER


def test_nothing_is_asked_twice(rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    cache = InMemoryVerdictCache()
    (first,) = _judge(stub_judge.url, cache=cache).judge(["INT8"], rubric)
    asked = len(stub_judge.prompts)
    (second,) = _judge(stub_judge.url, cache=cache).judge(["INT8"], rubric)
    assert len(stub_judge.prompts) == asked
    assert first.levels == second.levels
    assert (len(first.calls), second.calls, second.cached) == (CALLS_AN_ANSWER, (), CALLS_AN_ANSWER)


def test_the_embedded_engine_is_anchored_before_each_answer(rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    _judge(stub_judge.url, engine="llamacpp").judge(["INT8", "INT4"], rubric)
    anchors = [prompt for prompt in stub_judge.prompts if prompt[1]["content"] == "-"]
    assert len(anchors) == 1 + 3


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("http_500", UnscoredReason.INFRASTRUCTURE),
        ("drop", UnscoredReason.INFRASTRUCTURE),
        ("hang", UnscoredReason.TIMEOUT),
        ("half_json", UnscoredReason.PARSE),
    ],
)
def test_a_judge_that_misbehaves_gives_a_typed_failure_for_every_criterion(
    rubric: Rubric, stub_judge: StubJudgeServer, behaviour: str, reason: UnscoredReason
) -> None:
    stub_judge.behaviour = behaviour  # type: ignore[assignment]
    started = time.monotonic()
    for found in _judge(stub_judge.url).judge(["INT8"] * 20, rubric):
        assert found.levels == {}
        assert {failure.reason for failure in found.failures.values()} == {reason}
        assert set(found.failures) == {criterion.id for criterion in rubric.criteria}
    assert time.monotonic() - started < 20


def test_a_judge_that_is_not_there_is_infrastructure(rubric: Rubric) -> None:
    (found,) = _judge("http://127.0.0.1:9").judge(["INT8"], rubric)
    assert {failure.reason for failure in found.failures.values()} == {UnscoredReason.INFRASTRUCTURE}
    assert "no judge answers" in (probe("http://127.0.0.1:9") or "")


def test_a_failure_is_not_remembered(rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    cache = InMemoryVerdictCache()
    stub_judge.behaviour = "http_500"
    _judge(stub_judge.url, cache=cache).judge(["INT8"], rubric)
    stub_judge.behaviour = "answer"
    (found,) = _judge(stub_judge.url, cache=cache).judge(["INT8"], rubric)
    assert found.failures == {}


def test_the_prompt_holds_nothing_about_the_candidate_but_the_answer(
    rubric: Rubric, stub_judge: StubJudgeServer
) -> None:
    _judge(stub_judge.url).judge(["INT8"], rubric)
    sent = json.dumps(stub_judge.prompts)
    for reference in rubric.references:
        assert reference.text not in sent
