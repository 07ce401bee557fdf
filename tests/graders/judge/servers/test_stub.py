from __future__ import annotations

import io
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from vivavoce.graders.judge.servers import stub
from vivavoce.graders.judge.servers.stub import BEHAVIOURS, Behaviour, Engine, StubJudgeServer

BODY = {"messages": [{"role": "user", "content": "INT8"}]}
PATH = "/v1/chat/completions"


@pytest.fixture
def http(stub_judge: StubJudgeServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stub_judge.url, trust_env=False, timeout=5) as client:
        yield client


def _post_raw(server: StubJudgeServer) -> socket.socket:
    """A connection on which a prompt was sent."""
    content = json.dumps(BODY).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: judge\r\nContent-Length: {len(content)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    connection.sendall(head.encode() + content)
    return connection


def _read_until_closed(connection: socket.socket) -> bytes:
    received = b""
    with connection:
        while piece := connection.recv(65536):
            received += piece
    return received


# Replies


def test_yes_depends_on_the_word_in_the_answer(http: httpx.Client) -> None:
    for content, token in [("INT8 >>> x", "Yes"), ("x >>> INT8", "No"), ("回答 INT8", "是"), ("回答", "否")]:
        body = {"messages": [{"role": "user", "content": content}]}
        choice = http.post(PATH, json=body).json()["choices"][0]
        assert choice["message"]["content"] == token
        assert choice["logprobs"]["content"][0]["token"] == token


def test_requests_are_recorded(stub_judge: StubJudgeServer, http: httpx.Client) -> None:
    stub_judge.behave("answer", "half_json")
    for _ in range(2):
        http.post(PATH, json=BODY, headers={"X-Prefix-Key": "k"})
    http.post("/tokenize", json={"content": "a b"})
    assert stub_judge.prompts == [BODY["messages"]] * 2
    assert stub_judge.answered == [BODY["messages"]]
    assert stub_judge.paths == [PATH, PATH, "/tokenize"]
    assert stub_judge.prefix_keys == ["k", "k", ""]


def test_a_given_text_replaces_verdicts(stub_judge: StubJudgeServer, http: httpx.Client) -> None:
    stub_judge.says = "{}"
    body = {**BODY, "response_format": {"json_schema": {"schema": {"properties": {}}}}}
    choice = http.post(PATH, json=body).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("{}", "stop")


def test_tokens_are_words(http: httpx.Client) -> None:
    messages = [{"role": "system", "content": "a b"}, {"role": "user", "content": "c"}]
    assert http.post("/tokenize", json={"messages": messages}).json() == {"count": 3}
    rendered = http.post("/apply-template", json={"messages": messages}).json()
    assert len(http.post("/tokenize", json={"content": rendered["prompt"]}).json()["tokens"]) == 3


# Engines


@pytest.mark.parametrize(
    ("engine", "paths"),
    [
        ("openai", {"/health"}),
        ("llamacpp", {"/health", "/props", "/metrics"}),
        ("vllm", {"/health", "/version", "/v1/models", "/metrics"}),
    ],
)
def test_each_engine_describes_itself(engine: Engine, paths: set[str]) -> None:
    every = {"/health", "/props", "/version", "/v1/models", "/metrics", "/nothing"}
    with StubJudgeServer(engine=engine) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        statuses = {path: client.get(path).status_code for path in every}
    assert statuses == {path: 200 if path in paths else 404 for path in every}


# Misbehaviour


def test_behaviours_take_turns(stub_judge: StubJudgeServer, http: httpx.Client) -> None:
    stub_judge.behave("http_500", "answer", "busy")
    assert [http.post(PATH, json=BODY).status_code for _ in range(4)] == [500, 200, 503, 500]


def test_a_word_has_its_own_behaviour(stub_judge: StubJudgeServer, http: httpx.Client) -> None:
    stub_judge.behave_on("POISON", "http_500")
    poisoned = {"messages": [{"role": "user", "content": "POISON"}]}
    assert [http.post(PATH, json=body).status_code for body in (poisoned, BODY, poisoned)] == [500, 200, 500]


def test_a_busy_server_says_when_to_come_back(stub_judge: StubJudgeServer, http: httpx.Client) -> None:
    stub_judge.behave("busy")
    reply = http.post(PATH, json=BODY)
    assert (reply.status_code, reply.headers["Retry-After"], reply.content) == (503, "0.05", b"")


@pytest.mark.parametrize(("behaviour", "content"), [("not_json", b"Yes."), ("json_array", b"[1]")])
def test_a_reply_may_be_no_object(
    stub_judge: StubJudgeServer, http: httpx.Client, behaviour: Behaviour, content: bytes
) -> None:
    stub_judge.behave(behaviour)
    assert http.post(PATH, json=BODY).content == content


def test_half_a_reply_is_sent_as_a_whole_one(stub_judge: StubJudgeServer, http: httpx.Client) -> None:
    stub_judge.behave("half_json")
    whole = json.dumps(stub_judge.reply_to(BODY)).encode()
    assert http.post(PATH, json=BODY).content == whole[: len(whole) // 2]


def test_a_dropped_connection_brings_no_byte(stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("drop")
    assert _read_until_closed(_post_raw(stub_judge)) == b""


def test_a_connection_dropped_in_mid_body_brings_half(stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("drop_mid_body")
    whole = json.dumps(stub_judge.reply_to(BODY, "drop_mid_body")).encode()
    head, _, body = _read_until_closed(_post_raw(stub_judge)).partition(b"\r\n\r\n")
    assert f"content-length: {len(whole)}".encode() in head.lower()
    assert body == whole[: len(whole) // 2]


@pytest.mark.parametrize(("behaviour", "least"), [("slow_drip", 1), ("endless_whitespace", 3_000_000)])
def test_an_endless_reply_comes_piece_by_piece(stub_judge: StubJudgeServer, behaviour: Behaviour, least: int) -> None:
    stub_judge.behave(behaviour)
    with _post_raw(stub_judge) as connection:
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < least:
            received += connection.recv(1_000_000)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-length: 1000000000" in head.lower()
    assert body.strip() == b""


def test_a_hung_server_sends_nothing(stub_judge: StubJudgeServer, http: httpx.Client) -> None:
    stub_judge.behave("hang")
    with pytest.raises(httpx.ReadTimeout):
        http.post(PATH, json=BODY, timeout=0.05)
    stub_judge.behave("answer")
    assert http.post(PATH, json=BODY).status_code == 200


# Starting and stopping


@pytest.mark.parametrize("behaviour", ["answer", "hang", "slow_drip", "endless_whitespace"])
def test_stopping_is_fast_whatever_it_does(behaviour: Behaviour) -> None:
    threads = threading.active_count()
    with StubJudgeServer(delay_seconds=30 if behaviour == "answer" else 0) as server:
        server.behave(behaviour)
        busy, idle = _post_raw(server), socket.create_connection(("127.0.0.1", server.port))
        while not server.prompts:
            time.sleep(0.001)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert threading.active_count() == threads
    busy.close()
    with idle:
        idle.settimeout(5)
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_port_can_be_used_again() -> None:
    with StubJudgeServer() as first:
        assert httpx.get(f"{first.url}/health", trust_env=False).status_code == 200
    with StubJudgeServer(port=first.port) as second:
        assert second.url == first.url
        assert httpx.get(f"{second.url}/health", trust_env=False).status_code == 200


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), StubJudgeServer() as server:
        server.behave(*BEHAVIOURS)
        for behaviour in BEHAVIOURS:
            with _post_raw(server) as connection:
                if behaviour != "hang":
                    connection.recv(1)
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_the_command_serves_until_its_input_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Input(io.StringIO):
        """Asks the server once before it ends."""

        def read(self, *_: Any) -> str:
            port = json.loads(capsys.readouterr().out)["port"]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                statuses.append(client.get("/props").status_code)
                statuses.extend(client.post(PATH, json=BODY).status_code for _ in range(2))
            return ""

    statuses: list[int] = []
    arguments = ["stub", "--engine", "llamacpp", "--behaviour", "http_500", "--behaviour", "answer"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(sys, "stdin", Input())
    stub.main()
    assert statuses == [200, 500, 200]
