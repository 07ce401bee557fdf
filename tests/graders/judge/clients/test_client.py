from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.clients import client as client_module
from vivavoce.graders.judge.clients.client import CIRCUIT_FAILURES, Answered, Deadlines, JudgeClient, probe
from vivavoce.graders.judge.prompt_set import PromptSet
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import Rubric

from ..conftest import OpenJudge

BODY = {"messages": [{"role": "user", "content": "hello"}]}
Respond = Callable[[httpx.Request], httpx.Response]


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


def _ask(
    respond: Respond, *urls: str, times: int = 1, call_seconds: float = 1.0, api_key: str | None = None
) -> list[Answered | BaseException]:
    """What a number of concurrent requests return or raise, with servers that a function stands in for."""

    async def ask_all() -> list[Answered | BaseException]:
        client = JudgeClient(
            urls or ["http://judge"],
            deadlines=Deadlines(1, call_seconds),
            api_key=api_key,
            transport=httpx.MockTransport(respond),
        )
        results = await asyncio.gather(
            *(client.ask(BODY, prefix_key="k") for _ in range(times)), return_exceptions=True
        )
        await client.aclose()
        return results

    return asyncio.run(ask_all())


def _ask_once(respond: Respond, *urls: str, **options: Any) -> Answered:
    (result,) = _ask(respond, *urls, **options)
    if isinstance(result, BaseException):
        raise result
    return result


def _get(respond: Respond) -> dict[str, Any] | None:
    async def get_props() -> dict[str, Any] | None:
        client = JudgeClient(["http://judge"], deadlines=Deadlines(1, 1), transport=httpx.MockTransport(respond))
        try:
            return await client.get("/props", url="http://judge/")
        finally:
            await client.aclose()

    return asyncio.run(get_props())


# Requests


def test_a_request_carries_key_prefix_and_body() -> None:
    def check(request: httpx.Request) -> httpx.Response:
        assert request.url == "http://judge/base/v1/chat/completions"
        assert request.headers["Authorization"] == "Bearer secret"
        assert request.headers["X-Prefix-Key"] == "k"
        assert json.loads(request.content) == BODY
        return httpx.Response(200, json={"ok": 1})

    answered = _ask_once(check, "http://judge/base/", api_key="secret")
    assert (answered.reply, answered.url) == ({"ok": 1}, "http://judge/base")
    assert 0 <= answered.seconds < 1


def test_without_a_key_nothing_is_authorized() -> None:
    def check(request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        return httpx.Response(200, json={})

    assert _ask_once(check).reply == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Yes.", "not JSON"),
        (b'{"choices": [', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b" " * (4 * 1024 * 1024 + 1), "longer than 4 MiB"),
    ],
)
def test_an_unreadable_reply_is_not_asked_for_again(content: bytes, words: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(200, content=content)

    asked = 0
    with pytest.raises(JudgeFailure, match=words) as error:
        _ask_once(respond)
    assert (error.value.reason, asked) == (UnscoredReason.PARSE, 1)


def test_a_reply_of_exactly_4_mib_is_read() -> None:
    content = b'{"a": 1}'.ljust(4 * 1024 * 1024)
    assert _ask_once(lambda request: httpx.Response(200, content=content)).reply == {"a": 1}


@pytest.mark.parametrize(("status", "reason"), [(404, "infrastructure"), (401, "infrastructure"), (422, "parse")])
def test_a_rejected_request_opens_no_circuit(status: int, reason: str) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(status, text="no")

    asked = 0
    results = _ask(refuse, times=8)
    assert {failure.reason for failure in results if isinstance(failure, JudgeFailure)} == {reason}
    assert asked == 8


# Several servers


def test_only_a_lost_servers_prefixes_move() -> None:
    three = JudgeClient(["http://a", "http://b", "http://c"], deadlines=Deadlines(1, 1))
    two = JudgeClient(["http://a", "http://c"], deadlines=Deadlines(1, 1))
    keys = [f"question-{number}" for number in range(300)]
    home = {key: three.in_order_for(key)[0] for key in keys}
    counts = [list(home.values()).count(url) for url in ("http://a", "http://b", "http://c")]
    assert min(counts) > 60
    for key in keys:
        if home[key] != "http://b":
            assert two.in_order_for(key)[0] == home[key]


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 500, 401, 404])
def test_another_server_answers_for_a_failed_one(failure: httpx.HTTPError | int) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        if len(hosts) == 1:
            if isinstance(failure, int):
                return httpx.Response(failure)
            raise failure
        return httpx.Response(200, json={})

    hosts: list[str] = []
    answered = _ask_once(respond, "http://a", "http://b", call_seconds=5)
    assert sorted(hosts) == ["a", "b"]
    assert answered.url == f"http://{hosts[1]}"


@pytest.mark.parametrize(("servers", "tries"), [(1, 3), (2, 3), (4, 4)])
def test_every_server_is_tried_and_three_times_at_least(servers: int, tries: int) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        raise httpx.ConnectError("refused")

    hosts: list[str] = []
    with pytest.raises(JudgeFailure) as error:
        _ask_once(respond, *(f"http://{number}" for number in range(servers)), call_seconds=30)
    assert error.value.unavailable
    assert len(hosts) == tries
    assert len(set(hosts)) == servers


def test_no_retry_is_started_past_the_deadline() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(503, headers={"Retry-After": "5"})

    asked = 0
    with pytest.raises(JudgeFailure, match="busy"):
        _ask_once(respond, call_seconds=4)
    assert asked == 1


@pytest.mark.processes
def test_a_killed_server_fails_no_answer(rubric: Rubric, open_judge: OpenJudge) -> None:
    with _stub_process() as (first, first_url), _stub_process() as (second, second_url):
        judge = open_judge(first_url, second_url, deadlines=Deadlines(5, 20))
        prefix_key = PromptSet.from_rubric(rubric, judge.prompt_form, b"").prefix_key(judge.identity)
        home = JudgeClient([first_url, second_url], deadlines=Deadlines(1, 1)).in_order_for(prefix_key)[0]
        victim = first if home == first_url else second
        killer = threading.Timer(0.4, lambda: os.kill(victim.pid, signal.SIGKILL))
        killer.start()
        judged = judge.judge([f"[1] INT8 answer {number}" for number in range(200)], rubric)
        killer.join()
        assert victim.wait(timeout=5) == -signal.SIGKILL
    assert sum(bool(verdicts.failures) for verdicts in judged) == 0
    assert all(verdicts.levels["lower"][0].log_odds > 0 for verdicts in judged)


def test_a_hung_server_hands_over_to_another(stub_judge: StubJudgeServer) -> None:
    with StubJudgeServer() as well:
        stub_judge.behave("hang")

        async def ask_twenty() -> set[str]:
            client = JudgeClient([stub_judge.url, well.url], deadlines=Deadlines(0.2, 5))
            answers = [await client.ask(BODY, prefix_key=f"k{number}") for number in range(20)]
            await client.aclose()
            return {answered.url for answered in answers}

        assert asyncio.run(ask_twenty()) == {well.url}
        assert len(stub_judge.prompts) <= CIRCUIT_FAILURES


# Circuits and deadlines


def test_a_hung_judge_costs_its_deadline_and_opens_its_circuit(stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("hang")

    async def ask_often() -> tuple[float, float]:
        client = JudgeClient([stub_judge.url], deadlines=Deadlines(0.1, 0.5))
        started = time.monotonic()
        for _ in range(CIRCUIT_FAILURES):
            with pytest.raises(JudgeFailure) as error:
                await client.ask(BODY, prefix_key="k")
            assert error.value.reason is UnscoredReason.TIMEOUT
        slow = time.monotonic() - started
        asked = len(stub_judge.prompts)
        started = time.monotonic()
        with pytest.raises(JudgeFailure, match="not called for now; last failure: the judge did not answer within"):
            await client.ask(BODY, prefix_key="k")
        assert len(stub_judge.prompts) == asked == CIRCUIT_FAILURES
        await client.aclose()
        return slow, time.monotonic() - started

    slow, fast = asyncio.run(ask_often())
    assert slow < CIRCUIT_FAILURES * 0.5
    assert fast < 1.5


def test_a_failure_names_no_password() -> None:
    async def ask_often() -> str:
        client = JudgeClient(["http://judge:TOPSECRET@127.0.0.1:9"], deadlines=Deadlines(0.2, 0.2))
        for _ in range(CIRCUIT_FAILURES + 1):
            with pytest.raises(JudgeFailure) as error:
                await client.ask(BODY, prefix_key="k")
        await client.aclose()
        return str(error.value)

    assert asyncio.run(ask_often()).startswith("infrastructure: the judge at http://127.0.0.1:9 failed")


def test_the_circuit_closes_soon_after_recovery(stub_judge: StubJudgeServer) -> None:
    assert client_module.CIRCUIT_SECONDS < 30

    async def fail_then_recover() -> None:
        client = JudgeClient([stub_judge.url], deadlines=Deadlines(1, 1), circuit_seconds=0.1)
        stub_judge.behave("http_500")
        for _ in range(3):
            with pytest.raises(JudgeFailure):
                await client.ask(BODY, prefix_key="k")
        stub_judge.behave("answer")
        await asyncio.sleep(0.15)
        for _ in range(3):
            await client.ask(BODY, prefix_key="k")
        await client.aclose()

    asyncio.run(fail_then_recover())


def test_one_request_alone_tests_for_recovery(stub_judge: StubJudgeServer) -> None:
    async def ask_ten() -> list[object]:
        client = JudgeClient([stub_judge.url], deadlines=Deadlines(0.3, 0.3), circuit_seconds=0.1)
        stub_judge.behave("http_500")
        for _ in range(3):
            with pytest.raises(JudgeFailure):
                await client.ask(BODY, prefix_key="k")
        await asyncio.sleep(0.15)
        stub_judge.behave("hang")
        asked = len(stub_judge.prompts)
        results = await asyncio.gather(*(client.ask(BODY, prefix_key="k") for _ in range(10)), return_exceptions=True)
        assert len(stub_judge.prompts) == asked + 1
        await client.aclose()
        return list(results)

    failures = asyncio.run(ask_ten())
    assert all(isinstance(failure, JudgeFailure) for failure in failures)
    assert sum("HTTP 500" in str(failure) for failure in failures) == 9


@pytest.mark.processes
def test_a_busy_server_is_waited_for(stub_judge: StubJudgeServer) -> None:
    stub_judge.behave(*["busy"] * 8, "answer")

    async def ask_once() -> None:
        client = JudgeClient([stub_judge.url], deadlines=Deadlines(5, 60))
        await client.ask(BODY, prefix_key="k")
        await client.aclose()

    asyncio.run(ask_once())
    assert len(stub_judge.prompts) == 9


def test_requests_carry_the_key_of_their_prefix(rubric: Rubric, open_judge: OpenJudge) -> None:
    with StubJudgeServer() as server:
        judge = open_judge(server.url)
        judge.judge(["INT8", "INT4"], rubric)
        prompt_set = PromptSet.from_rubric(rubric, judge.prompt_form, b"")
        assert set(server.prefix_keys) == {prompt_set.prefix_key(judge.identity)}


# Descriptions and health


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(404),
        httpx.Response(405, json={"a": 1}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json=None),
    ],
)
def test_a_path_without_an_object_has_nothing(response: httpx.Response) -> None:
    assert _get(lambda request: response) is None


def test_an_object_at_a_path_is_returned() -> None:
    assert _get(lambda request: httpx.Response(200, json={"path": request.url.path})) == {"path": "/props"}


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_path_that_fails_is_an_unavailable_judge(status: int) -> None:
    with pytest.raises(JudgeFailure) as error:
        _get(lambda request: httpx.Response(status))
    assert (error.value.reason, error.value.unavailable) == (UnscoredReason.INFRASTRUCTURE, True)


def test_a_refused_connection_is_an_unavailable_judge() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(JudgeFailure, match=r"cannot be reached \(ConnectError\)") as error:
        _get(refuse)
    assert error.value.unavailable


def test_a_health_probe_is_none_or_a_problem(stub_judge: StubJudgeServer) -> None:
    assert probe(f"{stub_judge.url}/") is None
    assert probe(f"{stub_judge.url}/nothing") == f"the judge at {stub_judge.url}/nothing is not ready (HTTP 404)"
    assert probe("http://127.0.0.1:9") == "no judge answers at http://127.0.0.1:9 (ConnectError)"


@pytest.mark.parametrize("url", ["http://judge:port", "http://[::1", "http://a\x00b"])
def test_an_address_that_is_no_url_is_a_problem(url: str) -> None:
    assert probe(url) == f"{url} is no address of a judge: write it as http://host:port"
