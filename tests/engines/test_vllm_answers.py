"""What we rely on in vLLM itself: probabilities, a prefix that is kept, and tokens that are counted."""

from __future__ import annotations

import math
from typing import Any

import httpx
import pytest

from .conftest import VllmServer

pytestmark = [pytest.mark.judge, pytest.mark.timeout(900)]

QUESTION = "Is quantization a way to make a language model smaller? Answer with Yes or No."


def _post(server: VllmServer, path: str, prompt: str, **more: Any) -> dict[str, Any]:
    body = {"model": server.model, "messages": [{"role": "user", "content": prompt}], **more}
    response = httpx.post(f"{server.url}{path}", json=body, timeout=120, trust_env=False)
    assert response.status_code == 200, response.text
    return response.json()


def _complete(server: VllmServer, prompt: str) -> dict[str, Any]:
    return _post(server, "/v1/chat/completions", prompt, max_tokens=1, temperature=0, logprobs=True, top_logprobs=20)


def test_a_reply_has_the_probabilities_of_its_token(vllm_server: VllmServer) -> None:
    (choice,) = _complete(vllm_server, QUESTION)["choices"]
    (position,) = choice["logprobs"]["content"]
    likely = {entry["token"]: math.exp(entry["logprob"]) for entry in position["top_logprobs"]}
    assert len(position["top_logprobs"]) == 20
    assert position["token"] == max(likely, key=likely.__getitem__)
    assert 0.9 < likely["Yes"] + likely["No"] <= sum(likely.values()) <= 1.0001


def test_a_prompt_asked_again_is_read_from_the_cache(vllm_server: VllmServer) -> None:
    prompt = f"{'Weights are kept in fewer bits, so there is less to read. ' * 12}{QUESTION}"
    first, second = (_complete(vllm_server, prompt) for _ in range(2))
    assert first["usage"]["prompt_tokens"] > 64
    # The server keeps whole blocks of 32 tokens, and computes the last token anew.
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] >= first["usage"]["prompt_tokens"] - 33


def test_a_prompt_is_counted_as_it_will_be_read(vllm_server: VllmServer) -> None:
    counted = _post(vllm_server, "/tokenize", QUESTION)
    assert counted["max_model_len"] == 8192
    assert counted["count"] == _complete(vllm_server, QUESTION)["usage"]["prompt_tokens"]
    text = httpx.post(
        f"{vllm_server.url}/detokenize",
        json={"model": vllm_server.model, "tokens": counted["tokens"]},
        timeout=120,
        trust_env=False,
    ).json()["prompt"]
    assert text.endswith(f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n")
