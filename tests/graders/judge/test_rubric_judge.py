from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.call_record import CallRecord, InMemoryVerdictCache, Prices
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.prompt import PromptForm, load_template
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.stub import Behaviour, Engine, StubJudgeServer
from vivavoce.graders.judge.voting import JudgePanel
from vivavoce.graders.models.time_limit import TimeLimit, share_limits
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Rubric

from .conftest import OpenJudge

CALLS_AN_ANSWER = 5
EXPLAINED = PromptForm(mode="explained")
NOWHERE = "http://127.0.0.1:9"


# Verdicts


def test_verdicts_have_the_baseline_beside_them(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    full, empty = open_judge(stub_judge.url).judge(["INT8 weights", "something"], rubric)
    level = full.levels["lower"][0]
    assert level.log_odds > 0 > level.baseline_log_odds
    assert empty.levels["lower"][0].log_odds == empty.levels["lower"][0].baseline_log_odds
    assert [len(full.levels[criterion.id]) for criterion in rubric.criteria] == [1, 2, 1, 1]


def test_no_call_begins_after_the_time_of_an_answer(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    judge = open_judge(stub_judge.url)
    with share_limits([TimeLimit(60.0), TimeLimit(0.0)]):
        judged, late = judge.judge(["INT8", "INT4"], rubric)
    assert not judged.failures
    assert judged.seconds
    assert {failure.reason for failure in late.failures.values()} == {UnscoredReason.TOO_LONG}
    assert (late.levels, late.calls) == ({}, ())


def test_a_panel_shares_the_time_with_its_judges(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    panel = JudgePanel([open_judge(stub_judge.url), open_judge(stub_judge.url)], quorum=1)
    with share_limits([TimeLimit(0.0)]):
        (late,) = panel.judge(["INT8"], rubric)
    assert {failure.reason for failure in late.failures.values()} == {UnscoredReason.TOO_LONG}


def test_the_only_vote_is_the_judges(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    (verdicts,) = open_judge(stub_judge.url).judge(["INT8"], rubric)
    assert {name: votes[0].verdicts for name, votes in verdicts.votes.items()} == verdicts.levels
    assert {vote.judge for votes in verdicts.votes.values() for vote in votes} == {"stub"}


@pytest.mark.parametrize("context", ["brief", "full"])
def test_all_prompts_of_a_batch_share_their_prefix(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, context: str
) -> None:
    form = PromptForm(context=context)  # type: ignore[arg-type]
    open_judge(stub_judge.url, form=form).judge(["INT8", "INT4", "FP16"], rubric)
    assert len({prompt[0]["content"] for prompt in stub_judge.prompts}) == 1
    assert len(stub_judge.prompts) == 4 * CALLS_AN_ANSWER


@pytest.mark.parametrize("mode", ["fast", "explained"])
def test_a_whole_rubric_is_judged_in_one_call(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, mode: str
) -> None:
    form = PromptForm(mode=mode, scope="rubric")  # type: ignore[arg-type]
    (verdicts,) = open_judge(stub_judge.url, form=form).judge(["[1] INT8"], rubric)
    assert verdicts.failures == {}
    assert len(stub_judge.prompts) == 2
    assert [len(levels) for levels in verdicts.levels.values()] == [1, 2, 1, 1]
    positions = [level.position for levels in verdicts.levels.values() for level in levels]
    assert positions == [0, 1, 2, 3, 4]


def test_an_explained_verdict_has_quote_and_reason(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    yes, no = open_judge(stub_judge.url, form=EXPLAINED).judge(["[1] It uses INT8 weights.", "[1] No."], rubric)
    level = yes.levels["lower"][0]
    assert (level.quote, level.reason, level.span) == ("INT8", "Because.", (8, 12))
    assert level.log_odds > 0
    assert (no.levels["lower"][0].quote, no.levels["lower"][0].span) == ("", None)


def test_an_invented_quote_is_unsupported_after_two_tries(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.behave("invented_quote")
    (verdicts,) = open_judge(stub_judge.url, form=EXPLAINED).judge(["[1] INT8"], rubric)
    assert verdicts.levels == {}
    assert {failure.reason for failure in verdicts.failures.values()} == {UnscoredReason.UNSUPPORTED_EVIDENCE}
    baseline, once, again = CALLS_AN_ANSWER, 4, 4
    assert len(stub_judge.prompts) == baseline + once + again


def test_a_quote_from_the_second_reply_counts(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    judge = open_judge(stub_judge.url, form=EXPLAINED)
    judge.judge(["[1] nothing"], rubric)
    stub_judge.behave("invented_quote", "answer")
    (verdicts,) = judge.judge(["[1] INT8"], rubric)
    assert verdicts.failures == {}
    assert all(level.quote == "INT8" for levels in verdicts.levels.values() for level in levels)


def test_brief_prompts_have_nothing_of_the_key(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    open_judge(stub_judge.url).judge(["INT8"], rubric)
    sent = json.dumps(stub_judge.prompts, ensure_ascii=False)
    for text in [*(reference.text for reference in rubric.references), *(p.text for p in rubric.expected_points)]:
        assert text not in sent


# The cache


def test_nothing_is_asked_twice(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    cache = InMemoryVerdictCache()
    (first,) = open_judge(stub_judge.url, cache=cache).judge(["INT8"], rubric)
    asked = len(stub_judge.prompts)
    (second,) = open_judge(stub_judge.url, cache=cache, secret=b"another").judge(["INT8"], rubric)
    assert len(stub_judge.prompts) == asked
    assert first.levels == second.levels
    assert (len(first.calls), second.calls, second.cached) == (CALLS_AN_ANSWER, (), CALLS_AN_ANSWER)


def test_whatever_could_change_a_verdict_asks_anew(
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


def test_equal_answers_of_a_batch_share_their_calls(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    judged = open_judge(stub_judge.url).judge(["[1] INT8"] * 6, rubric)
    assert len(stub_judge.prompts) == 2 * CALLS_AN_ANSWER
    assert len({verdicts.levels["lower"] for verdicts in judged}) == 1
    assert sum(len(verdicts.calls) for verdicts in judged) == CALLS_AN_ANSWER


def test_a_failure_is_not_cached(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    judge = open_judge(stub_judge.url)
    stub_judge.behave("half_json")
    judge.judge(["INT8"], rubric)
    stub_judge.behave("answer")
    (verdicts,) = judge.judge(["INT8"], rubric)
    assert verdicts.failures == {}


def test_a_record_of_another_process_counts(rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    class Late(InMemoryVerdictCache):
        """A cache into which another process writes right before we do."""

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
        (verdicts,) = judge.judge(["[1] nothing of the kind"], rubric)
    assert verdicts.levels["lower"][0].log_odds > 0


def test_recorded_verdicts_need_no_judge(rubric: Rubric, open_judge: OpenJudge) -> None:
    cache = InMemoryVerdictCache()
    with StubJudgeServer() as server:
        (before,) = open_judge(server.url, cache=cache).judge(["[1] INT8"], rubric)
    recorded, other = open_judge(server.url, cache=cache).judge(["[1] INT8", "[1] INT4"], rubric)
    assert recorded.levels == before.levels
    assert recorded.failures == {}
    assert {failure.unavailable for failure in other.failures.values()} == {True}


def test_a_call_keeps_its_cost(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    judge = open_judge(stub_judge.url, prices=Prices(prompt=1_000_000, completion=2_000_000))
    (verdicts,) = judge.judge(["INT8"], rubric)
    call = verdicts.calls[0]
    assert call.cost == pytest.approx(call.usage.tokens_in + 2 * call.usage.tokens_out)
    assert call.request["messages"] in stub_judge.prompts
    assert call.read_verdicts()[0].log_odds == verdicts.levels["lower"][0].log_odds


def test_announced_requests_are_the_ones_sent(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    judge = open_judge(stub_judge.url)
    content_free = load_template("en")["content-free"]
    announced = judge.requests_for([content_free, "[1] INT8"], rubric)
    assert [len(requests) for requests in announced] == [CALLS_AN_ANSWER] * 2
    judge.judge(["[1] INT8"], rubric)
    assert [request["messages"] for requests in announced for request in requests] == stub_judge.prompts


# Engines


@pytest.mark.parametrize(("engine", "resets"), [("llamacpp", 1 + 3), ("openai", 0), ("vllm", 0)])
def test_the_prefix_cache_is_reset_where_needed(
    rubric: Rubric, open_judge: OpenJudge, engine: Engine, resets: int
) -> None:
    with StubJudgeServer(engine=engine) as server:
        open_judge(server.url, engine=engine).judge(["INT8", "INT4"], rubric)
        assert sum(prompt[1]["content"] == "-" for prompt in server.prompts) == resets


def test_another_engine_or_model_is_refused(rubric: Rubric, open_judge: OpenJudge) -> None:
    with StubJudgeServer(engine="llamacpp") as server:
        (verdicts,) = open_judge(server.url, engine="vllm").judge(["INT8"], rubric)
        assert "the judge is llamacpp, not vllm: set VIVA_JUDGE_ENGINE" in str(verdicts.failures["lower"])
    with StubJudgeServer(engine="vllm") as server:
        judge = open_judge(server.url, engine="vllm")
        judge.identity = judge.identity.__class__("vllm", "another", "1")
        (verdicts,) = judge.judge(["INT8"], rubric)
        assert "serves stub, not 'another'" in str(verdicts.failures["lower"])


@pytest.mark.parametrize("engine", ["vllm", "llamacpp"])
def test_a_prompt_that_does_not_fit_is_not_sent(rubric: Rubric, open_judge: OpenJudge, engine: Engine) -> None:
    with StubJudgeServer(engine=engine, context_tokens=600) as server:
        long, short = open_judge(server.url, engine=engine).judge(["word " * 700, "INT8"], rubric)
        assert {failure.reason for failure in long.failures.values()} == {UnscoredReason.TOO_LONG}
        assert "takes 600" in long.failures["lower"].detail
        assert short.failures == {}
        assert not any("word word" in prompt[-1]["content"] for prompt in server.prompts)
        assert "/tokenize" in server.paths


def test_the_first_server_that_answers_is_described(open_judge: OpenJudge) -> None:
    with StubJudgeServer(engine="llamacpp") as server:
        capabilities = open_judge(NOWHERE, server.url, engine="llamacpp", concurrency=3).describe()
    assert (capabilities.engine, capabilities.version, capabilities.concurrency) == ("llamacpp", "stub", 3)


def test_without_a_server_there_is_nothing_to_describe(open_judge: OpenJudge) -> None:
    with pytest.raises(JudgeFailure, match="ConnectError"):
        open_judge(NOWHERE).describe()


@pytest.mark.parametrize(
    ("sample", "form"), [(0, "fast/criterion/brief/zero-shot"), (4, "fast/criterion/brief/zero-shot/sampled")]
)
def test_samples_are_marked_in_the_form(open_judge: OpenJudge, sample: int, form: str) -> None:
    assert open_judge(NOWHERE, sample=sample).form == form


def test_the_prompt_hash_is_the_templates(rubric: Rubric, open_judge: OpenJudge) -> None:
    chinese = rubric.model_copy(update={"question": rubric.question.model_copy(update={"language": "zh"})})
    judge = open_judge(NOWHERE, form=EXPLAINED)
    assert judge.prompt_hash(rubric) == load_template("en", "explained").hash
    assert judge.prompt_hash(chinese) == load_template("zh", "explained").hash


# Failures


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
def test_each_misbehaviour_is_a_typed_failure_in_time(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, behaviour: Behaviour, reason: UnscoredReason
) -> None:
    stub_judge.behave(behaviour)
    started = time.monotonic()
    # A flood takes its time; no other behaviour here does.
    deadlines = Deadlines(5, 5) if behaviour == "endless_whitespace" else Deadlines(0.5, 1.0)
    for verdicts in open_judge(stub_judge.url, deadlines=deadlines).judge(["INT8"] * 4, rubric):
        assert verdicts.levels == {}
        assert {failure.reason for failure in verdicts.failures.values()} == {reason}
        assert set(verdicts.failures) == {criterion.id for criterion in rubric.criteria}
    assert time.monotonic() - started < 5


def test_a_reply_that_does_not_end_is_truncated(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.behave("truncated")
    (verdicts,) = open_judge(stub_judge.url, form=EXPLAINED).judge(["[1] INT8"], rubric)
    assert {failure.reason for failure in verdicts.failures.values()} == {UnscoredReason.TRUNCATED}


def test_a_missing_judge_is_infrastructure(rubric: Rubric, open_judge: OpenJudge) -> None:
    (verdicts,) = open_judge(NOWHERE).judge(["INT8"], rubric)
    assert {failure.reason for failure in verdicts.failures.values()} == {UnscoredReason.INFRASTRUCTURE}
    assert {vote.unscored_reason for votes in verdicts.votes.values() for vote in votes} == {"infrastructure"}


def test_a_failed_baseline_fails_every_answer(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.behave_on(load_template("en")["content-free"], "half_json")
    (verdicts,) = open_judge(stub_judge.url).judge(["INT8"], rubric)
    assert verdicts.levels == {}
    assert {(failure.reason, failure.unavailable) for failure in verdicts.failures.values()} == {("parse", False)}


def test_a_failing_answer_is_told_from_an_unavailable_judge(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    judge = open_judge(stub_judge.url, deadlines=Deadlines(0.3, 0.3))
    judge.judge(["[1] INT8"], rubric)
    stub_judge.behave_on("POISON", "hang")
    (verdicts,) = judge.judge(["[1] POISON"], rubric)
    assert {(failure.reason, failure.unavailable) for failure in verdicts.failures.values()} == {("timeout", False)}
    stub_judge.behave("hang")
    (verdicts,) = judge.judge(["[1] POISON again"], rubric)
    assert {(failure.reason, failure.unavailable) for failure in verdicts.failures.values()} == {("timeout", True)}


# Opening and closing


def test_closing_frees_threads_that_wait(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    stub_judge.behave("hang")
    judge = open_judge(stub_judge.url, deadlines=Deadlines(30, 30))
    reasons: list[UnscoredReason] = []

    def wait() -> None:
        (verdicts,) = judge.judge(["INT8"], rubric)
        reasons.extend(failure.reason for failure in verdicts.failures.values())

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not stub_judge.prompts:
        time.sleep(0.01)
    judge.__exit__(None, None, None)
    waiting.join(timeout=5)
    assert set(reasons) == {UnscoredReason.INFRASTRUCTURE}
    (late,) = judge.judge(["INT8"], rubric)
    assert {(failure.detail, failure.unavailable) for failure in late.failures.values()} == {
        ("the judge was stopped", True)
    }


def test_a_judge_must_be_opened_first(rubric: Rubric) -> None:
    judge = RubricJudge(
        base_urls=[NOWHERE],
        identity=EngineIdentity("stub", "stub", "1"),
        secret=b"",
        cache=InMemoryVerdictCache(),
        deadlines=Deadlines(1, 1),
    )
    with pytest.raises(RuntimeError, match="context manager"):
        judge.judge(["INT8"], rubric)


# Other prompts


def test_a_completion_is_the_text_under_a_schema(stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    stub_judge.says = '{"a": 1}'
    messages = [{"role": "user", "content": "List."}]
    text = open_judge(stub_judge.url).complete(messages, schema={"properties": {}}, max_tokens=9)
    assert text == '{"a": 1}'
    assert stub_judge.prompts == [messages]
    assert stub_judge.prefix_keys == ["complete"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("truncated", UnscoredReason.TRUNCATED), ("json_array", UnscoredReason.PARSE), ("hang", UnscoredReason.TIMEOUT)],
)
def test_a_completion_fails_with_a_reason(
    stub_judge: StubJudgeServer, open_judge: OpenJudge, behaviour: Behaviour, reason: UnscoredReason
) -> None:
    stub_judge.behave(behaviour)
    judge = open_judge(stub_judge.url, deadlines=Deadlines(0.3, 1))
    with pytest.raises(JudgeFailure) as error:
        judge.complete([{"role": "user", "content": "-"}], schema={"properties": {}}, max_tokens=9)
    assert error.value.reason is reason
