from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.call_record import InMemoryVerdictCache, Prices
from vivavoce.graders.judge.capabilities import UNREACHED
from vivavoce.graders.judge.clients.cached_client import CachedJudgeClient
from vivavoce.graders.judge.clients.client import Deadlines, JudgeClient
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.prompt_set import PromptSet
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.judge.session import JudgingSession
from vivavoce.rubrics import Rubric

from .replies import IDENTITY, json_reply

ITEMS = [("lower", 1), ("methods", 1), ("methods", 2), ("loss", 1), ("wrong", 1)]
CRITERIA = {"lower", "methods", "loss", "wrong"}
EXPLAINED = PromptForm("explained")
DOWN = JudgeFailure(UnscoredReason.TIMEOUT, "down")
T = TypeVar("T")
Run = Callable[..., Any]


@pytest.fixture
def run(rubric: Rubric, stub_judge: StubJudgeServer) -> Run:
    """Runs work with a new session at the stub; all of a test's sessions share their cache."""
    cache = InMemoryVerdictCache()

    def run_session(
        work: Callable[[JudgingSession], Awaitable[T]],
        *,
        form: PromptForm | None = None,
        unavailable: JudgeFailure | None = None,
        deadlines: Deadlines | None = None,
        **capabilities: Any,
    ) -> T:
        async def run_with_client() -> T:
            client = JudgeClient([stub_judge.url], deadlines=deadlines or Deadlines(10, 10))
            cached_client = CachedJudgeClient(client, cache, IDENTITY, sample=0, prices=Prices())
            prompt_set = PromptSet.from_rubric(rubric, form or PromptForm(), b"s")
            server = replace(UNREACHED, **capabilities)
            try:
                return await work(JudgingSession(cached_client, prompt_set, server, unavailable=unavailable))
            finally:
                await client.aclose()

        return asyncio.run(run_with_client())

    return run_session


def _asked(stub: StubJudgeServer) -> list[str]:
    return [prompt[-1]["content"] for prompt in stub.prompts]


# Verdicts


def test_every_item_is_asked_in_order(run: Run, rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    judged = run(lambda session: session.ask("[1] INT8"))
    assert list(judged.found) == ITEMS
    assert all(verdict.verdict.met for verdict in judged.found.values())
    assert (len(judged.calls), judged.cached, judged.failures) == (5, 0, {})
    levels = {
        (criterion.id, n): level.description
        for criterion in rubric.criteria
        for n, level in enumerate(criterion.levels)
    }
    assert all(levels[item] in asked for item, asked in zip(ITEMS, _asked(stub_judge), strict=True))


def test_a_whole_rubric_is_one_call_with_positions(run: Run, stub_judge: StubJudgeServer) -> None:
    judged = run(lambda session: session.ask("[1] INT8"), form=PromptForm(scope="rubric"))
    assert [(item, verdict.position) for item, verdict in judged.found.items()] == list(
        zip(ITEMS, range(5), strict=True)
    )
    assert len({verdict.call for verdict in judged.found.values()}) == len(stub_judge.prompts) == 1


def test_the_baseline_has_no_content(run: Run, stub_judge: StubJudgeServer) -> None:
    judged = run(lambda session: session.ask_baseline())
    assert not any(verdict.verdict.met for verdict in judged.found.values())
    assert all("I do not know." in asked for asked in _asked(stub_judge))


def test_recorded_calls_are_not_asked_again(run: Run, stub_judge: StubJudgeServer) -> None:
    first = run(lambda session: session.ask("[1] INT8"))
    second = run(lambda session: session.ask("[1] INT8"))
    assert second.found == first.found
    assert (second.calls, second.cached) == ({}, 5)
    assert len(stub_judge.prompts) == 5


def test_markers_in_an_answer_are_counted(run: Run) -> None:
    assert run(lambda session: session.ask("[1] >>> INT8 <|im_end|>")).escaped_markers == 3


# Failures


def test_an_unreadable_reply_fails_its_criterion_only(run: Run, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("answer", "half_json", "answer")
    judged = run(lambda session: session.ask("[1] INT8"))
    assert {name: failure.reason for name, failure in judged.failures.items()} == {"methods": UnscoredReason.PARSE}
    assert list(judged.found) == [("lower", 1), ("loss", 1), ("wrong", 1)]
    assert len(stub_judge.prompts) == 4  # The second level of the failed criterion needs no call.


def test_a_judge_that_fails_is_not_asked_the_rest(run: Run, rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave_on(rubric.criteria[2].levels[1].description, "http_500")

    async def work(session: JudgingSession) -> tuple[Any, JudgeFailure | None]:
        return await session.ask("[1] INT8"), session.unavailable

    judged, unavailable = run(work)
    assert list(judged.found) == ITEMS[:3]
    assert {name: failure.reason for name, failure in judged.failures.items()} == {
        "loss": UnscoredReason.INFRASTRUCTURE,
        "wrong": UnscoredReason.INFRASTRUCTURE,
    }
    # After three tries the probe was answered: only this prompt fails.
    assert _asked(stub_judge)[6:] == ["-"]
    assert unavailable is None


def test_a_judge_that_fails_its_probe_is_unavailable(run: Run, stub_judge: StubJudgeServer) -> None:
    async def work(session: JudgingSession) -> tuple[Any, Any, JudgeFailure | None]:
        stub_judge.behave("http_500")
        first = await session.ask("[1] INT8")
        stub_judge.behave("answer")
        asked = len(stub_judge.prompts)
        second = await session.ask("[1] INT4")
        assert len(stub_judge.prompts) == asked
        return first, second, session.unavailable

    first, second, unavailable = run(work)
    assert unavailable
    assert unavailable.unavailable
    assert "HTTP 500" in unavailable.detail
    assert set(first.failures) == set(second.failures) == CRITERIA
    assert {failure.unavailable for failure in second.failures.values()} == {True}


def test_a_refused_connection_needs_no_probe(run: Run, stub_judge: StubJudgeServer) -> None:
    async def work(session: JudgingSession) -> JudgeFailure | None:
        stub_judge.__exit__(None, None, None)
        await session.ask("[1] INT8")
        return session.unavailable

    unavailable = run(work)
    assert unavailable
    assert "ConnectError" in unavailable.detail


def test_answers_that_fail_together_share_one_probe(run: Run, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("hang")

    async def work(session: JudgingSession) -> JudgeFailure | None:
        await asyncio.gather(*(session.ask(f"[1] INT{number}") for number in range(3)))
        return session.unavailable

    assert run(work, deadlines=Deadlines(0.1, 1))
    assert _asked(stub_judge).count("-") == 1


def test_a_failed_baseline_makes_the_judge_unavailable(run: Run, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("http_500")

    async def work(session: JudgingSession) -> JudgeFailure | None:
        await session.ask_baseline()
        return session.unavailable

    unavailable = run(work)
    assert unavailable
    assert unavailable.unavailable
    assert len(set(_asked(stub_judge))) == 1


def test_an_unreadable_baseline_does_not(run: Run, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("half_json")

    async def work(session: JudgingSession) -> tuple[Any, JudgeFailure | None]:
        return await session.ask_baseline(), session.unavailable

    baseline, unavailable = run(work)
    assert set(baseline.failures) == CRITERIA
    assert unavailable is None


def test_an_unavailable_judge_leaves_recorded_verdicts(run: Run, stub_judge: StubJudgeServer) -> None:
    run(lambda session: session.ask("[1] INT8"))

    async def work(session: JudgingSession) -> tuple[Any, Any]:
        return await session.ask("[1] INT8"), await session.ask("[1] INT4")

    recorded, other = run(work, unavailable=DOWN)
    assert (len(recorded.found), recorded.failures) == (5, {})
    assert other.found == {}
    assert {(failure.detail, failure.unavailable) for failure in other.failures.values()} == {("down", True)}
    assert len(stub_judge.prompts) == 5


# Quotes


def test_a_quote_has_its_place_in_the_answer(run: Run) -> None:
    judged = run(lambda session: session.ask("[1] It stores weights.\n[2] As INT8 values."), form=EXPLAINED)
    text = "It stores weights. As INT8 values."
    assert {text[slice(*verdict.span)] for verdict in judged.found.values()} == {"INT8"}


def test_an_invented_quote_is_asked_for_once_more(run: Run, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("invented_quote", "answer")
    judged = run(lambda session: session.ask("[1] INT8"), form=EXPLAINED)
    assert judged.failures == {}
    assert len(judged.calls) == len(stub_judge.prompts) == 10
    # Verdicts refer to the second call: replay must find the same quote.
    assert [verdict.call for verdict in judged.found.values()] == list(judged.calls)[1::2]


def test_two_invented_quotes_fail_the_criterion(run: Run, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("invented_quote", "invented_quote", "answer", "answer", "answer", "answer")
    judged = run(lambda session: session.ask("[1] INT8"), form=EXPLAINED)
    assert {name: failure.reason for name, failure in judged.failures.items()} == {
        "lower": UnscoredReason.UNSUPPORTED_EVIDENCE
    }
    assert list(judged.found) == ITEMS[1:]


def _explained_whole(quotes: list[str], reason: str) -> dict[str, Any]:
    pieces: list[str | tuple[str, float]] = []
    for number, quote in enumerate(quotes, start=1):
        evidence = json.dumps({"sentences": [1], "quote": quote, "reason": reason})[:-1]
        start = "{" if number == 1 else '"}, '
        pieces += [f'{start}"{number}": {evidence}, "verdict": "', ("Yes", 0.9)]
    return json_reply(*pieces, '"}}')


def test_a_second_reply_replaces_unsupported_verdicts_only(run: Run, stub_judge: StubJudgeServer) -> None:
    replies = iter(
        [
            _explained_whole(["INT8", "made up", "INT8", "INT8", "INT8"], "first"),
            _explained_whole(["INT8"] * 5, "second"),
        ]
    )
    stub_judge.reply_to = lambda body, behaviour: next(replies)  # type: ignore[method-assign]
    judged = run(lambda session: session.ask("[1] INT8"), form=PromptForm("explained", "rubric"))
    assert [verdict.verdict.reason for verdict in judged.found.values()] == ["first", "second", *["first"] * 3]
    assert len({verdict.call for verdict in judged.found.values()}) == 2


def test_a_no_needs_no_quote(run: Run, stub_judge: StubJudgeServer) -> None:
    judged = run(lambda session: session.ask("[1] Something else."), form=EXPLAINED)
    assert len(judged.found) == len(stub_judge.prompts) == 5
    assert {verdict.span for verdict in judged.found.values()} == {None}


def test_a_baselines_quotes_are_not_checked(run: Run, stub_judge: StubJudgeServer) -> None:
    stub_judge.yes_when = "I do not know"
    stub_judge.behave("invented_quote")
    judged = run(lambda session: session.ask_baseline(), form=EXPLAINED)
    assert len(judged.found) == len(stub_judge.prompts) == 5


# Lengths


@pytest.mark.parametrize("engine", ["vllm", "llamacpp"])
def test_a_prompt_that_is_too_long_is_not_sent(run: Run, stub_judge: StubJudgeServer, engine: str) -> None:
    judged = run(lambda session: session.ask("[1] INT8"), engine=engine, context_tokens=10, counts_tokens=True)
    assert {failure.reason for failure in judged.failures.values()} == {UnscoredReason.TOO_LONG}
    assert set(judged.failures) == CRITERIA
    assert "reply up to 1; the judge takes 10 in all" in judged.failures["lower"].detail
    assert stub_judge.prompts == []


def test_the_longest_prompt_must_fit(run: Run, rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    prompt_set = PromptSet.from_rubric(rubric, PromptForm(), b"s")
    calls = prompt_set.plan_calls(prompt_set.delimit_answer("[1] INT8"))
    # The stub counts words; one token more is the reply.
    words = [sum(len(message["content"].split()) for message in call.messages) for call in calls]
    limits = {"engine": "vllm", "counts_tokens": True}
    judged = run(lambda session: session.ask("[1] INT8"), context_tokens=max(words), **limits)
    assert judged.failures["wrong"].reason is UnscoredReason.TOO_LONG
    assert run(lambda session: session.ask("[1] INT8"), context_tokens=max(words) + 1, **limits).failures == {}


@pytest.mark.parametrize(
    "capabilities",
    [
        {"context_tokens": None, "counts_tokens": True},
        {"context_tokens": 10, "counts_tokens": False},
        {"context_tokens": 10**5, "counts_tokens": True},
    ],
    ids=["no limit", "no tokenizer", "surely fits"],
)
def test_tokens_are_counted_only_if_needed(run: Run, stub_judge: StubJudgeServer, capabilities: dict[str, Any]) -> None:
    judged = run(lambda session: session.ask("[1] INT8"), **capabilities)
    assert judged.failures == {}
    assert "/tokenize" not in stub_judge.paths


def test_an_unavailable_judge_counts_no_tokens(run: Run, stub_judge: StubJudgeServer) -> None:
    judged = run(
        lambda session: session.ask("[1] INT8"), unavailable=DOWN, engine="vllm", context_tokens=10, counts_tokens=True
    )
    assert {failure.detail for failure in judged.failures.values()} == {"down"}
    assert stub_judge.paths == []


# The prefix cache


def test_the_prefix_cache_is_reset_before_each_answer(run: Run, rubric: Rubric, stub_judge: StubJudgeServer) -> None:
    async def work(session: JudgingSession) -> None:
        await session.ask("[1] INT8")
        await session.ask("[1] INT4")
        await session.ask("[1] INT8")

    run(work, needs_cache_reset=True)
    resets = [index for index, asked in enumerate(_asked(stub_judge)) if asked == "-"]
    # Twice at the start, then once; nothing is reset for recorded verdicts.
    assert resets == [0, 1, 7]
    assert rubric.question.text not in stub_judge.prompts[0][0]["content"]
    trusted = stub_judge.prompts[2][0]["content"]
    assert [stub_judge.prompts[index][0]["content"] for index in (1, 7)] == [trusted, trusted]


def test_a_failed_reset_does_not_stop_an_answer(run: Run, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave(*["http_500"] * 3, *["answer"] * 5)
    judged = run(lambda session: session.ask("[1] INT8"), needs_cache_reset=True)
    assert judged.failures == {}
    assert [asked == "-" for asked in _asked(stub_judge)] == [True] * 3 + [False] * 5
