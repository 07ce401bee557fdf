from __future__ import annotations

import asyncio
import gc
import math
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.call_record import CallRecord, InMemoryVerdictCache, Prices, VerdictCache
from vivavoce.graders.judge.capabilities import UNREACHED, Capabilities
from vivavoce.graders.judge.clients.cached_client import CachedJudgeClient, chat_request
from vivavoce.graders.judge.clients.client import Deadlines, JudgeClient
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.prompt_set import PromptSet
from vivavoce.rubrics import Rubric

from ..replies import IDENTITY, call_record, explained_reply, yes_with

SERVER = replace(UNREACHED, engine="vllm", version="0.32", constrained_probabilities=True)


class _Judge:
    """A cached client whose server replies from a list, and with its last entry from then on.

    None stands for HTTP 401, which is not retried.
    `release` lets requests go that `hold` keeps.
    """

    def __init__(
        self,
        rubric: Rubric,
        *replies: dict[str, Any] | None,
        cache: VerdictCache | None = None,
        form: PromptForm | None = None,
        sample: int = 0,
        prices: Prices | None = None,
        hold: bool = False,
    ) -> None:
        self.cache = cache or InMemoryVerdictCache()
        self.release = asyncio.Event()
        self.requests = 0
        self._replies = replies
        self._hold = hold
        self.prompt_set = PromptSet.from_rubric(rubric, form or PromptForm(), b"s")
        http = JudgeClient(["http://judge"], deadlines=Deadlines(30, 30), transport=httpx.MockTransport(self._respond))
        self.client = CachedJudgeClient(http, self.cache, IDENTITY, sample=sample, prices=prices or Prices())
        self.answer = self.prompt_set.delimit_answer("[1] INT8")
        self.calls = self.prompt_set.plan_calls(self.answer)
        self.keys = [self.client.build_key(call, self.answer, self.prompt_set.template) for call in self.calls]

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        reply = self._replies[min(self.requests, len(self._replies) - 1)]
        self.requests += 1
        if self._hold:
            await self.release.wait()
        return httpx.Response(401) if reply is None else httpx.Response(200, json=reply)

    async def ask(self, number: int = 0, *, capabilities: Capabilities = SERVER) -> tuple[CallRecord, bool]:
        return await self.client.ask(
            self.calls[number],
            self.keys[number],
            template=self.prompt_set.template,
            capabilities=capabilities,
            prefix_key="k",
        )

    def start(self, number: int = 0) -> asyncio.Task[tuple[CallRecord, bool]]:
        return asyncio.create_task(self.ask(number))

    async def wait_for_requests(self, count: int) -> None:
        while self.requests < count:
            await asyncio.sleep(0)


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def run_within_seconds() -> None:
        async with asyncio.timeout(10):
            await work()

    asyncio.run(run_within_seconds())


def _log_odds(record: CallRecord) -> float:
    return record.read_verdicts()[0].log_odds


# Single flight


def test_concurrent_requests_share_one_call(rubric: Rubric) -> None:
    async def work() -> None:
        judge = _Judge(rubric, yes_with(0.9), hold=True)
        tasks = [judge.start() for _ in range(5)]
        await judge.wait_for_requests(1)
        judge.release.set()
        results = await asyncio.gather(*tasks)
        assert judge.requests == 1
        assert [is_ours for _, is_ours in results] == [True, False, False, False, False]
        assert len({id(record) for record, _ in results}) == 1

    _run(work)


def test_different_calls_are_made_side_by_side(rubric: Rubric) -> None:
    async def work() -> None:
        judge = _Judge(rubric, yes_with(0.9), hold=True)
        tasks = [judge.start(number) for number in range(3)]
        await judge.wait_for_requests(3)
        judge.release.set()
        assert all(is_ours for _, is_ours in await asyncio.gather(*tasks))

    _run(work)


def test_the_stored_record_outranks_a_new_reply(rubric: Rubric) -> None:
    async def work() -> None:
        judge = _Judge(rubric, yes_with(0.9), yes_with(0.2))
        first, _ = await judge.ask()
        second, is_ours = await judge.ask()
        assert (judge.requests, is_ours) == (2, True)
        assert second == first
        assert _log_odds(second) == pytest.approx(math.log(9))

    _run(work)


# Failures


@pytest.mark.parametrize(("reply", "reason"), [(None, UnscoredReason.INFRASTRUCTURE), ({}, UnscoredReason.PARSE)])
def test_a_failure_is_shared_and_not_stored(
    rubric: Rubric, reply: dict[str, Any] | None, reason: UnscoredReason
) -> None:
    async def work() -> None:
        judge = _Judge(rubric, reply, yes_with(0.9))
        results = await asyncio.gather(*(judge.ask() for _ in range(3)), return_exceptions=True)
        assert judge.requests == 1
        assert [result.reason for result in results if isinstance(result, JudgeFailure)] == [reason] * 3
        assert await judge.client.load_records(judge.keys) == {}
        assert _log_odds((await judge.ask())[0]) > 0

    _run(work)


def test_an_error_of_the_cache_reaches_every_call(rubric: Rubric) -> None:
    class Broken(InMemoryVerdictCache):
        def put_many(self, calls: Mapping[str, CallRecord]) -> Mapping[str, CallRecord]:
            raise OSError("disk full")

    async def work() -> None:
        judge = _Judge(rubric, yes_with(0.9), cache=Broken())
        results = await asyncio.gather(*(judge.ask(number) for number in range(3)), return_exceptions=True)
        assert [str(result) for result in results] == ["disk full"] * 3

    _run(work)


# Cancellation


def test_a_cancelled_request_leaves_the_call_to_others(rubric: Rubric) -> None:
    async def work() -> None:
        judge = _Judge(rubric, yes_with(0.9), hold=True)
        first, second = judge.start(), judge.start()
        await judge.wait_for_requests(1)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        judge.release.set()
        record, is_ours = await second
        assert (judge.requests, is_ours) == (1, False)
        assert _log_odds(record) > 0

    _run(work)


def test_an_abandoned_call_is_still_stored(rubric: Rubric) -> None:
    async def work() -> None:
        judge = _Judge(rubric, yes_with(0.9), hold=True)
        only = judge.start()
        await judge.wait_for_requests(1)
        only.cancel()
        with suppress(asyncio.CancelledError):
            await only
        judge.release.set()
        while not await judge.client.load_records(judge.keys):
            await asyncio.sleep(0)

    _run(work)


def test_an_abandoned_failure_is_silent(rubric: Rubric) -> None:
    async def work() -> None:
        complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
        judge = _Judge(rubric, None, hold=True)
        only = judge.start()
        await judge.wait_for_requests(1)
        only.cancel()
        judge.release.set()
        while len(asyncio.all_tasks()) > 1:  # The call's own task still runs.
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # For its callbacks.
        del only  # Its traceback refers to the call.
        gc.collect()
        assert complaints == []

    _run(work)


def test_closing_cancels_calls_in_flight(rubric: Rubric) -> None:
    async def work() -> None:
        judge = _Judge(rubric, yes_with(0.9), hold=True)
        tasks = [judge.start(number) for number in range(2)]
        await judge.wait_for_requests(2)
        await judge.client.aclose()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2
        assert await judge.client.load_records(judge.keys) == {}

    _run(work)


# Storing


def test_records_that_arrive_during_a_write_are_written_together(rubric: Rubric) -> None:
    class Slow(InMemoryVerdictCache):
        """Blocks its first write until it is released."""

        def put_many(self, calls: Mapping[str, CallRecord]) -> Mapping[str, CallRecord]:
            sizes.append(len(calls))
            assert writable.wait(timeout=10)
            return super().put_many(calls)

    sizes: list[int] = []
    writable = threading.Event()

    async def work() -> None:
        judge = _Judge(rubric, yes_with(0.9), cache=Slow())
        tasks = [judge.start(0)]
        while not sizes:
            await asyncio.sleep(0)
        tasks += [judge.start(number) for number in range(1, 5)]
        await judge.wait_for_requests(5)
        for _ in range(50):  # Until the replies are read.
            await asyncio.sleep(0)
        writable.set()
        await asyncio.gather(*tasks)
        assert sizes[0] == 1
        assert sum(sizes) == 5
        assert len(sizes) <= 3

    _run(work)


def test_records_are_loaded_by_key(rubric: Rubric) -> None:
    class Counting(InMemoryVerdictCache):
        def get_many(self, keys: Sequence[str]) -> Mapping[str, CallRecord]:
            looked_up.append(list(keys))
            return super().get_many(keys)

    looked_up: list[list[str]] = []
    record = call_record(yes_with(0.9))

    async def work() -> None:
        cache = Counting()
        cache.put_many({"a": record})
        assert await _Judge(rubric, cache=cache).client.load_records(["a", "b"]) == {"a": record}
        assert looked_up == [["a", "b"]]

    _run(work)


@pytest.mark.parametrize("sample", [0, 2])
def test_a_record_says_how_it_was_made(rubric: Rubric, sample: int) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}}
    reply = {**explained_reply("INT8"), "usage": usage}

    async def work() -> None:
        prices = Prices(prompt=1e6, cached=1e3, completion=10e6)
        judge = _Judge(rubric, reply, form=PromptForm("explained"), sample=sample, prices=prices)
        record, _ = await judge.ask()
        assert record.request == chat_request(judge.calls[0], model="model", sample=sample)
        assert record.reply == reply
        assert (record.identity, record.engine_version) == (IDENTITY, "0.32")
        assert record.prompt_name == "explained.en"
        assert record.prompt_hash == judge.prompt_set.template.hash
        assert record.cost == pytest.approx(2 + 8e-3 + 40)
        assert (record.form.constrained, record.form.sampled) == (True, sample > 0)

    _run(work)


def test_one_token_is_never_constrained(rubric: Rubric) -> None:
    async def work() -> None:
        record, _ = await _Judge(rubric, yes_with(0.9)).ask()
        assert not record.form.constrained

    _run(work)


def test_a_probe_is_one_token_and_not_stored(rubric: Rubric) -> None:
    async def work() -> None:
        judge = _Judge(rubric, {})
        await judge.client.probe([{"role": "user", "content": "-"}], prefix_key="k")
        assert judge.requests == 1
        assert judge.cache == InMemoryVerdictCache()

    _run(work)


# Requests


@pytest.mark.parametrize(
    ("form", "sample", "expected"),
    [
        (PromptForm(), 0, {"max_tokens": 1, "temperature": 0, "seed": 0, "top_logprobs": 20}),
        (PromptForm("explained"), 0, {"max_tokens": 252, "temperature": 0, "seed": 0, "top_logprobs": 8}),
        (PromptForm("explained"), 7, {"max_tokens": 252, "temperature": 0.7, "seed": 7, "top_logprobs": 8}),
    ],
)
def test_a_request_says_how_to_decode(rubric: Rubric, form: PromptForm, sample: int, expected: dict[str, Any]) -> None:
    prompt_set = PromptSet.from_rubric(rubric, form, b"s")
    call = prompt_set.plan_calls(prompt_set.delimit_answer("[1] INT8"))[0]
    request = chat_request(call, model="m", sample=sample)
    schema = request.pop("response_format", None)
    assert request == {"model": "m", "messages": list(call.messages), "logprobs": True, **expected}
    if form.is_one_token:
        assert schema is None
    else:
        assert schema == {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": call.schema, "strict": True},
        }
