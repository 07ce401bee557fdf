from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge import client as client_module
from vivavoce.graders.judge.client import CIRCUIT_FAILURES, Deadlines, JudgeClient
from vivavoce.graders.judge.prompt_set import PromptSet
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import Rubric

from .conftest import OpenJudge

BODY = {"messages": [{"role": "user", "content": "hello"}]}


@contextmanager
def _stub_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vivavoce.graders.judge.servers.stub", "--delay-seconds", "0.02"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    port = json.loads(process.stdout.readline())["port"]
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def test_a_prefix_stays_with_its_server_and_only_a_lost_servers_prefixes_move() -> None:
    three = JudgeClient(["http://a", "http://b", "http://c"], deadlines=Deadlines(1, 1))
    two = JudgeClient(["http://a", "http://c"], deadlines=Deadlines(1, 1))
    keys = [f"question-{number}" for number in range(300)]
    home = {key: three.in_order_for(key)[0] for key in keys}
    counts = [list(home.values()).count(url) for url in ("http://a", "http://b", "http://c")]
    assert min(counts) > 60
    for key in keys:
        if home[key] != "http://b":
            assert two.in_order_for(key)[0] == home[key]


@pytest.mark.processes
def test_killing_one_of_two_servers_in_mid_cohort_fails_no_answer(rubric: Rubric, open_judge: OpenJudge) -> None:
    with _stub_process() as (first, first_url), _stub_process() as (second, second_url):
        judge = open_judge(first_url, second_url, deadlines=Deadlines(5, 20))
        prefix_key = PromptSet.from_rubric(rubric, judge.prompt_form, b"").prefix_key(judge.identity)
        home = JudgeClient([first_url, second_url], deadlines=Deadlines(1, 1)).in_order_for(prefix_key)[0]
        victim = first if home == first_url else second
        killer = threading.Timer(0.4, lambda: os.kill(victim.pid, signal.SIGKILL))
        killer.start()
        found = judge.judge([f"[1] INT8 answer {number}" for number in range(200)], rubric)
        killer.join()
        assert victim.wait(timeout=5) == -signal.SIGKILL
    assert sum(bool(verdicts.failures) for verdicts in found) == 0
    assert all(verdicts.levels["lower"][0].log_odds > 0 for verdicts in found)


def test_a_hung_judge_costs_no_more_than_the_deadline_and_opens_its_circuit(stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("hang")

    async def ask_often() -> tuple[float, float]:
        client = JudgeClient([stub_judge.url], deadlines=Deadlines(0.2, 0.5))
        started = time.monotonic()
        for _ in range(CIRCUIT_FAILURES):
            with pytest.raises(JudgeFailure) as error:
                await client.ask(BODY, prefix_key="k")
            assert error.value.reason is UnscoredReason.TIMEOUT
        slow = time.monotonic() - started
        asked = len(stub_judge.prompts)
        started = time.monotonic()
        with pytest.raises(JudgeFailure, match="not called for now"):
            await client.ask(BODY, prefix_key="k")
        assert len(stub_judge.prompts) == asked == CIRCUIT_FAILURES
        await client.aclose()
        return slow, time.monotonic() - started

    slow, fast = asyncio.run(ask_often())
    assert slow < CIRCUIT_FAILURES * 0.5
    assert fast < 1.5


def test_the_circuit_closes_again_soon_after_recovery(stub_judge: StubJudgeServer) -> None:
    assert client_module.CIRCUIT_SECONDS < 30

    async def fail_then_recover() -> None:
        client = JudgeClient([stub_judge.url], deadlines=Deadlines(1, 1), circuit_seconds=0.3)
        stub_judge.behave("http_500")
        for _ in range(3):
            with pytest.raises(JudgeFailure):
                await client.ask(BODY, prefix_key="k")
        stub_judge.behave("answer")
        await asyncio.sleep(0.4)
        for _ in range(3):
            await client.ask(BODY, prefix_key="k")
        await client.aclose()

    asyncio.run(fail_then_recover())


def test_after_its_rest_one_request_alone_tries_a_server_again(stub_judge: StubJudgeServer) -> None:
    async def ask() -> list[object]:
        client = JudgeClient([stub_judge.url], deadlines=Deadlines(0.3, 0.3), circuit_seconds=0.2)
        stub_judge.behave("http_500")
        for _ in range(3):
            with pytest.raises(JudgeFailure):
                await client.ask(BODY, prefix_key="k")
        await asyncio.sleep(0.3)
        stub_judge.behave("hang")
        asked = len(stub_judge.prompts)
        found = await asyncio.gather(*(client.ask(BODY, prefix_key="k") for _ in range(10)), return_exceptions=True)
        assert len(stub_judge.prompts) == asked + 1
        await client.aclose()
        return list(found)

    failures = asyncio.run(ask())
    assert all(isinstance(failure, JudgeFailure) for failure in failures)
    assert sum("HTTP 500" in str(failure) for failure in failures) == 9


@pytest.mark.parametrize(("status", "reason"), [(404, "infrastructure"), (401, "infrastructure"), (422, "parse")])
def test_a_server_that_does_not_take_our_request_is_asked_once_and_not_called_sick(status: int, reason: str) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(status, text="no")

    async def ask() -> set[str]:
        client = JudgeClient(["http://judge"], deadlines=Deadlines(1, 1), transport=httpx.MockTransport(refuse))
        found = await asyncio.gather(*(client.ask(BODY, prefix_key="k") for _ in range(8)), return_exceptions=True)
        await client.aclose()
        return {failure.reason for failure in found if isinstance(failure, JudgeFailure)}

    asked = 0
    assert asyncio.run(ask()) == {reason}
    assert asked == 8


def test_a_hung_server_hands_over_to_another(stub_judge: StubJudgeServer) -> None:
    with StubJudgeServer() as well:
        stub_judge.behave("hang")

        async def ask() -> set[str]:
            client = JudgeClient([stub_judge.url, well.url], deadlines=Deadlines(0.2, 5))
            answered = [await client.ask(BODY, prefix_key=f"k{number}") for number in range(20)]
            await client.aclose()
            return {one.url for one in answered}

        assert asyncio.run(ask()) == {well.url}
        assert len(stub_judge.prompts) <= CIRCUIT_FAILURES


@pytest.mark.processes
def test_a_storm_of_503_is_waited_out(stub_judge: StubJudgeServer) -> None:
    stub_judge.behave(*["busy"] * 8, "answer")

    async def ask() -> None:
        client = JudgeClient([stub_judge.url], deadlines=Deadlines(5, 60))
        await client.ask(BODY, prefix_key="k")
        await client.aclose()

    asyncio.run(ask())
    assert len(stub_judge.prompts) == 9


def test_requests_carry_the_key_of_their_prefix(rubric: Rubric, open_judge: OpenJudge) -> None:
    with StubJudgeServer() as server:
        judge = open_judge(server.url)
        judge.judge(["INT8", "INT4"], rubric)
        assert set(server.prefix_keys) == {
            PromptSet.from_rubric(rubric, judge.prompt_form, b"").prefix_key(judge.identity)
        }
