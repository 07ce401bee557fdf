from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx
import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.capabilities import UNREACHED, Capabilities, count_tokens, probe_capabilities, surely_fits
from vivavoce.graders.judge.clients.client import Deadlines, JudgeClient

URL = "http://judge"
MESSAGES = ({"role": "system", "content": "a b"}, {"role": "user", "content": "c"})
LLAMACPP = {"total_slots": 1, "build_info": "b1", "default_generation_settings": {"n_ctx": 4096}}
VLLM = replace(UNREACHED, engine="vllm", counts_tokens=True)
T = TypeVar("T")


class _Server:
    """Answers paths with documents or, for numbers, with that status; keeps what it was asked."""

    def __init__(self, **documents: Any) -> None:
        self._documents = {"/" + name.replace("_", "/").replace("//", "-"): value for name, value in documents.items()}
        self.requests: list[tuple[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.requests.append((path, json.loads(request.content) if request.content else None))
        document = self._documents.get(path, 404)
        if isinstance(document, int):
            return httpx.Response(document)
        return httpx.Response(200, json=document)

    def run(self, work: Callable[[JudgeClient], Awaitable[T]]) -> T:
        async def run_with_client() -> T:
            client = JudgeClient([URL], deadlines=Deadlines(5, 5), transport=httpx.MockTransport(self))
            try:
                return await work(client)
            finally:
                await client.aclose()

        return asyncio.run(run_with_client())


def _probe(**documents: Any) -> Capabilities:
    return _Server(**documents).run(lambda client: probe_capabilities(client, url=URL, model="m"))


def _count(server: _Server, capabilities: Capabilities) -> int | None:
    return server.run(lambda client: count_tokens(client, capabilities, MESSAGES, model="m", prefix_key="k"))


# What servers are


def test_llamacpp_is_known_by_its_slots() -> None:
    assert _probe(props=LLAMACPP) == Capabilities(
        engine="llamacpp",
        version="b1",
        context_tokens=4096,
        concurrency=1,
        counts_tokens=True,
        needs_cache_reset=True,
        constrained_probabilities=False,
    )


def test_several_slots_work_at_once_without_a_reset() -> None:
    capabilities = _probe(props={"total_slots": 4})
    assert (capabilities.concurrency, capabilities.needs_cache_reset) == (4, False)
    assert (capabilities.context_tokens, capabilities.version) == (None, "unknown")


def test_vllm_is_known_by_version_and_length() -> None:
    assert _probe(
        v1_models={"data": [{"id": "m", "max_model_len": 2048}]}, version={"version": "0.32"}
    ) == Capabilities(
        engine="vllm",
        version="0.32",
        context_tokens=2048,
        concurrency=16,
        counts_tokens=True,
        needs_cache_reset=False,
        constrained_probabilities=True,
    )


@pytest.mark.parametrize(
    ("documents", "context_tokens"),
    [
        ({}, None),
        ({"v1_models": {"data": [{"id": "m"}]}, "version": {"version": "1"}}, None),
        ({"v1_models": {"data": [{"id": "m", "max_model_len": 512}]}}, 512),
        ({"props": {"other": 1}, "v1_models": {"data": ["m", {"id": "m"}]}}, None),
        ({"v1_models": {}}, None),
    ],
    ids=["nothing", "no length", "no version", "odd entries", "no models"],
)
def test_any_other_server_counts_no_tokens(documents: dict[str, Any], context_tokens: int | None) -> None:
    capabilities = _probe(**documents)
    assert (capabilities.engine, capabilities.counts_tokens) == ("openai", False)
    assert not capabilities.constrained_probabilities
    assert capabilities.context_tokens == context_tokens


def test_another_model_is_refused_and_three_are_named() -> None:
    served = [{"id": name} for name in ("a", "b", "c", "d")]
    with pytest.raises(JudgeFailure, match="serves a, b, c, not 'm': set VIVA_JUDGE_MODEL") as error:
        _probe(v1_models={"data": served})
    assert error.value.unavailable


@pytest.mark.parametrize(
    "documents",
    [
        {"props": {"total_slots": "many"}},
        {"props": {"total_slots": None}},
        {"props": {**LLAMACPP, "default_generation_settings": [1]}},
        {"v1_models": {"data": None}},
        {"v1_models": {"data": [{"id": "m", "max_model_len": "long"}]}},
    ],
)
def test_unreadable_descriptions_are_failures(documents: dict[str, Any]) -> None:
    with pytest.raises(JudgeFailure, match="cannot be read") as error:
        _probe(**documents)
    assert (error.value.reason, error.value.unavailable) == (UnscoredReason.INFRASTRUCTURE, True)


@pytest.mark.parametrize(("status", "message"), [(500, "HTTP 500"), (503, "HTTP 503"), (401, "API_KEY")])
def test_a_server_that_fails_is_unavailable(status: int, message: str) -> None:
    with pytest.raises(JudgeFailure, match=message) as error:
        _probe(props=status)
    assert error.value.unavailable


# Counting of tokens


def test_vllm_counts_whole_messages() -> None:
    server = _Server(tokenize={"count": 7})
    assert _count(server, VLLM) == 7
    assert server.requests == [("/tokenize", {"model": "m", "messages": list(MESSAGES)})]


def test_llamacpp_applies_its_template_first() -> None:
    server = _Server(apply__template={"prompt": "<s>a b c"}, tokenize={"tokens": [1, 2, 3, 4]})
    assert _count(server, replace(VLLM, engine="llamacpp")) == 4
    assert server.requests == [
        ("/apply-template", {"messages": list(MESSAGES)}),
        ("/tokenize", {"content": "<s>a b c", "add_special": True, "parse_special": True}),
    ]


@pytest.mark.parametrize("engine", ["vllm", "llamacpp"])
def test_a_server_without_a_tokenizer_counts_nothing(engine: str) -> None:
    assert _count(_Server(), replace(VLLM, engine=engine)) is None


@pytest.mark.parametrize("document", [{}, {"count": None}, {"count": "many"}])
def test_an_unreadable_count_is_a_parse_failure(document: Any) -> None:
    with pytest.raises(JudgeFailure, match="count of tokens cannot be read") as error:
        _count(_Server(tokenize=document), VLLM)
    assert error.value.reason is UnscoredReason.PARSE


@pytest.mark.parametrize(("context_tokens", "fits"), [(137, True), (136, False)])
def test_a_prompt_surely_fits_by_its_bytes(context_tokens: int, fits: bool) -> None:
    # Twice 64 tokens of the chat template, 4 bytes of text, 5 tokens of reply.
    assert surely_fits(MESSAGES, reply_tokens=5, context_tokens=context_tokens) is fits


def test_chinese_characters_count_three_bytes() -> None:
    messages = ({"role": "user", "content": "量化"},)
    assert surely_fits(messages, reply_tokens=0, context_tokens=70)
    assert not surely_fits(messages, reply_tokens=0, context_tokens=69)
