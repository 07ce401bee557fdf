from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from vivavoce.graders import UnscoredReason
from vivavoce.graders.judge.call_record import CallRecord, InMemoryVerdictCache, Prices
from vivavoce.graders.judge.client import Deadlines, probe
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.stub import Behaviour, Engine, StubJudgeServer
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Rubric

from .conftest import OpenJudge

CALLS_AN_ANSWER = 5
EXPLAINED = PromptForm(mode="explained")


def test_verdicts_count_against_an_answer_without_content(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    said, silent = open_judge(stub_judge.url).judge(["INT8 weights", "something"], rubric)
    level = said.levels["lower"][0]
    assert level.log_odds > 0 > level.baseline_log_odds
    assert silent.levels["lower"][0].log_odds == silent.levels["lower"][0].baseline_log_odds
    assert [len(said.levels[criterion.id]) for criterion in rubric.criteria] == [1, 2, 1, 1]


@pytest.mark.parametrize("context", ["brief", "full"])
def test_all_prompts_of_a_cohort_begin_with_the_same_bytes(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, context: str
) -> None:
    form = PromptForm(context=context)  # type: ignore[arg-type]
    open_judge(stub_judge.url, form=form).judge(["INT8", "INT4", "FP16"], rubric)
    assert len({prompt[0]["content"] for prompt in stub_judge.prompts}) == 1
    assert len(stub_judge.prompts) == 4 * CALLS_AN_ANSWER


def test_nothing_is_asked_twice(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    cache = InMemoryVerdictCache()
    (first,) = open_judge(stub_judge.url, cache=cache).judge(["INT8"], rubric)
    asked = len(stub_judge.prompts)
    (second,) = open_judge(stub_judge.url, cache=cache, secret=b"another").judge(["INT8"], rubric)
    assert len(stub_judge.prompts) == asked
    assert first.levels == second.levels
    assert (len(first.calls), second.calls, second.cached) == (CALLS_AN_ANSWER, (), CALLS_AN_ANSWER)


def test_what_could_change_a_verdict_asks_anew(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    cache = InMemoryVerdictCache()
    open_judge(stub_judge.url, cache=cache).judge(["INT8"], rubric)
    for form in (PromptForm(context="full"), PromptForm(scope="rubric"), EXPLAINED):
        asked = len(stub_judge.prompts)
        open_judge(stub_judge.url, cache=cache, form=form).judge(["INT8"], rubric)
        assert len(stub_judge.prompts) > asked
    asked = len(stub_judge.prompts)
    open_judge(stub_judge.url, cache=cache, form=EXPLAINED, sample=1).judge(["INT8"], rubric)
    assert len(stub_judge.prompts) == asked + 2 * CALLS_AN_ANSWER


@pytest.mark.parametrize("mode", ["fast", "explained"])
def test_a_whole_rubric_is_judged_in_one_call(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, mode: str
) -> None:
    form = PromptForm(mode=mode, scope="rubric")  # type: ignore[arg-type]
    (found,) = open_judge(stub_judge.url, form=form).judge(["[1] INT8"], rubric)
    assert found.failures == {}
    assert len(stub_judge.prompts) == 2
    assert [len(levels) for levels in found.levels.values()] == [1, 2, 1, 1]
    positions = [level.position for levels in found.levels.values() for level in levels]
    assert positions == [0, 1, 2, 3, 4]


def test_an_explained_verdict_has_its_quote_and_reason(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    (said,) = open_judge(stub_judge.url, form=EXPLAINED).judge(["[1] It uses INT8 weights."], rubric)
    level = said.levels["lower"][0]
    assert (level.quote, level.reason) == ("INT8", "Because.")
    assert level.log_odds > 0


def test_a_yes_whose_quote_nobody_said_is_asked_once_more_then_unsupported(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.behave("invented_quote")
    (found,) = open_judge(stub_judge.url, form=EXPLAINED).judge(["[1] INT8"], rubric)
    assert found.levels == {}
    assert {failure.reason for failure in found.failures.values()} == {UnscoredReason.UNSUPPORTED_EVIDENCE}
    baseline_log_odds, once, again = CALLS_AN_ANSWER, 4, 4
    assert len(stub_judge.prompts) == baseline_log_odds + once + again


def test_a_quote_that_is_found_on_asking_again_counts(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    judge = open_judge(stub_judge.url, form=EXPLAINED)
    judge.judge(["[1] nothing"], rubric)
    stub_judge.behave("invented_quote", "answer")
    (found,) = judge.judge(["[1] INT8"], rubric)
    assert found.failures == {}
    assert all(level.quote == "INT8" for levels in found.levels.values() for level in levels)


@pytest.mark.parametrize(("engine", "anchors"), [("llamacpp", 1 + 3), ("openai", 0), ("vllm", 0)])
def test_an_engine_that_needs_it_is_anchored_before_each_answer(
    rubric: Rubric, open_judge: OpenJudge, engine: Engine, anchors: int
) -> None:
    with StubJudgeServer(engine=engine) as server:
        open_judge(server.url, engine=engine).judge(["INT8", "INT4"], rubric)
        assert sum(prompt[1]["content"] == "-" for prompt in server.prompts) == anchors


def test_a_server_of_another_kind_or_model_is_not_taken_for_ours(rubric: Rubric, open_judge: OpenJudge) -> None:
    with StubJudgeServer(engine="llamacpp") as server:
        (found,) = open_judge(server.url, engine="vllm").judge(["INT8"], rubric)
        assert "VIVA_JUDGE_ENGINE" in str(found.failures["lower"])
    with StubJudgeServer(engine="vllm") as server:
        judge = open_judge(server.url, engine="vllm")
        judge.identity = judge.identity.__class__("vllm", "another", "1")
        (found,) = judge.judge(["INT8"], rubric)
        assert "serves stub, not 'another'" in str(found.failures["lower"])


@pytest.mark.parametrize("engine", ["vllm", "llamacpp"])
def test_a_prompt_that_does_not_fit_is_counted_and_not_sent(
    rubric: Rubric, open_judge: OpenJudge, engine: Engine
) -> None:
    with StubJudgeServer(engine=engine, context_tokens=600) as server:
        long, short = open_judge(server.url, engine=engine).judge(["word " * 700, "INT8"], rubric)
        assert {failure.reason for failure in long.failures.values()} == {UnscoredReason.TOO_LONG}
        assert "takes 600" in long.failures["lower"].detail
        assert short.failures == {}
        assert not any("word word" in prompt[-1]["content"] for prompt in server.prompts)
        assert "/tokenize" in server.paths


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("http_500", UnscoredReason.INFRASTRUCTURE),
        ("busy", UnscoredReason.INFRASTRUCTURE),
        ("drop", UnscoredReason.INFRASTRUCTURE),
        ("drop_mid_body", UnscoredReason.INFRASTRUCTURE),
        ("hang", UnscoredReason.TIMEOUT),
        ("slow_drip", UnscoredReason.TIMEOUT),
        ("endless_whitespace", UnscoredReason.PARSE),
        ("half_json", UnscoredReason.PARSE),
        ("nan", UnscoredReason.PARSE),
        ("eleven_of_ten", UnscoredReason.REFUSED),
        ("another_language", UnscoredReason.REFUSED),
    ],
)
def test_a_judge_that_misbehaves_gives_a_typed_failure_for_every_criterion_in_time(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, behaviour: Behaviour, reason: UnscoredReason
) -> None:
    stub_judge.behave(behaviour)
    started = time.monotonic()
    # A flood takes its time to be one; nothing else here waits.
    deadlines = Deadlines(5, 5) if behaviour == "endless_whitespace" else Deadlines(0.5, 1.0)
    for found in open_judge(stub_judge.url, deadlines=deadlines).judge(["INT8"] * 4, rubric):
        assert found.levels == {}
        assert {failure.reason for failure in found.failures.values()} == {reason}
        assert set(found.failures) == {criterion.id for criterion in rubric.criteria}
    assert time.monotonic() - started < 5


def test_a_reply_that_does_not_end_is_truncated(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.behave("truncated")
    (found,) = open_judge(stub_judge.url, form=EXPLAINED).judge(["[1] INT8"], rubric)
    assert {failure.reason for failure in found.failures.values()} == {UnscoredReason.TRUNCATED}


def test_a_judge_that_is_not_there_is_infrastructure(rubric: Rubric, open_judge: OpenJudge) -> None:
    (found,) = open_judge("http://127.0.0.1:9").judge(["INT8"], rubric)
    assert {failure.reason for failure in found.failures.values()} == {UnscoredReason.INFRASTRUCTURE}
    assert "no judge answers" in (probe("http://127.0.0.1:9") or "")


def test_a_failure_is_not_remembered(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    judge = open_judge(stub_judge.url)
    stub_judge.behave("half_json")
    judge.judge(["INT8"], rubric)
    stub_judge.behave("answer")
    (found,) = judge.judge(["INT8"], rubric)
    assert found.failures == {}


def test_closing_the_judge_frees_whoever_waits_for_it(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.behave("hang")
    judge = open_judge(stub_judge.url, deadlines=Deadlines(30, 30))
    heard: list[UnscoredReason] = []

    def wait() -> None:
        (found,) = judge.judge(["INT8"], rubric)
        heard.extend(failure.reason for failure in found.failures.values())

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not stub_judge.prompts:
        time.sleep(0.01)
    judge.__exit__(None, None, None)
    waiting.join(timeout=5)
    assert set(heard) == {UnscoredReason.INFRASTRUCTURE}
    (late,) = judge.judge(["INT8"], rubric)
    assert {failure.reason for failure in late.failures.values()} == {UnscoredReason.INFRASTRUCTURE}


def test_a_call_keeps_what_it_cost(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    judge = open_judge(stub_judge.url, prices=Prices(prompt=1_000_000, completion=2_000_000))
    (found,) = judge.judge(["INT8"], rubric)
    call = found.calls[0]
    assert call.cost == pytest.approx(call.usage.tokens_in + 2 * call.usage.tokens_out)
    assert call.request["messages"] in stub_judge.prompts
    assert call.read_verdicts()[0].log_odds == found.levels["lower"][0].log_odds


def test_the_brief_prompt_holds_nothing_of_the_key_and_the_full_one_all_of_it(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    open_judge(stub_judge.url).judge(["INT8"], rubric)
    sent = json.dumps(stub_judge.prompts, ensure_ascii=False)
    for reference in rubric.references:
        assert reference.text not in sent
    stub_judge.prompts.clear()
    open_judge(stub_judge.url, form=PromptForm(context="full")).judge(["INT8"], rubric)
    trusted = stub_judge.prompts[0][0]["content"]
    assert max((reference.text for reference in rubric.references), key=len) in trusted
    for point in rubric.expected_points:
        assert point.text in trusted
    for criterion in rubric.criteria:
        assert criterion.levels[-1].description in trusted
        assert criterion.grader_notes in trusted


def test_who_asks_the_same_at_the_same_time_waits_for_one_call(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    judge = open_judge(stub_judge.url)
    found = judge.judge(["[1] INT8"] * 6, rubric)
    assert len(stub_judge.prompts) == 2 * CALLS_AN_ANSWER
    assert len({verdicts.levels["lower"] for verdicts in found}) == 1
    assert sum(len(verdicts.calls) for verdicts in found) == CALLS_AN_ANSWER


def test_a_verdict_that_another_process_kept_first_is_the_one_that_counts(
    rubric: Rubric, stub_judge: StubJudgeServer
) -> None:
    class Late(InMemoryVerdictCache):
        """A cache in which somebody else's calls turn up between our look and our word."""

        def put_many(self, calls: Mapping[str, CallRecord]) -> Mapping[str, CallRecord]:
            other = stub_judge.reply_to({**next(iter(calls.values())).request, "messages": [{"content": "INT8"}]})
            super().put_many({key: replace(call, reply=other) for key, call in calls.items()})
            return super().put_many(calls)

    with RubricJudge(
        base_urls=[stub_judge.url],
        identity=EngineIdentity("stub", "stub", "1"),
        secret=b"s",
        cache=Late(),
        deadlines=Deadlines(5, 10),
    ) as judge:
        (found,) = judge.judge(["[1] nothing of the kind"], rubric)
    assert found.levels["lower"][0].log_odds > 0


def test_a_lone_answer_without_a_reply_is_told_from_a_judge_that_is_away(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    judge = open_judge(stub_judge.url, deadlines=Deadlines(0.3, 0.3))
    judge.judge(["[1] INT8"], rubric)
    stub_judge.behave_on("POISON", "hang")
    (found,) = judge.judge(["[1] POISON"], rubric)
    assert {(failure.reason, failure.unavailable) for failure in found.failures.values()} == {("timeout", False)}
    stub_judge.behave("hang")
    (found,) = judge.judge(["[1] POISON again"], rubric)
    assert {(failure.reason, failure.unavailable) for failure in found.failures.values()} == {("timeout", True)}


def test_what_is_on_record_needs_no_judge(rubric: Rubric, open_judge: OpenJudge) -> None:
    cache = InMemoryVerdictCache()
    with StubJudgeServer() as server:
        (before,) = open_judge(server.url, cache=cache).judge(["[1] INT8"], rubric)
    known, unknown = open_judge(server.url, cache=cache).judge(["[1] INT8", "[1] INT4"], rubric)
    assert known.levels == before.levels
    assert known.failures == {}
    assert {failure.unavailable for failure in unknown.failures.values()} == {True}
