"""What a judge server can do, found out by asking the server.

All differences between engines are in `Capabilities`; other modules never check an engine's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import JudgeFailure, UnscoredReason
from .call_record import TEMPLATE_TOKENS
from .clients.client import JudgeClient
from .clients.client_failures import NotFound
from .prompt import Message

# Requests in flight for engines that batch by themselves.
_BATCHING_CONCURRENCY = 16
# Raised by replies with missing fields or other types.
_UNREADABLE = (KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Capabilities:
    """What a judge server is and can do.

    `engine` is vllm, llamacpp or openai (any other server of the protocol). `context_tokens` bounds prompt and reply
    together and is None if the server does not report it. `concurrency` is the number of prompts to keep in flight.
    `needs_cache_reset` means that the last digits of a prompt's probabilities depend on earlier prompts, unless the
    prefix cache is reset. `constrained_probabilities` means that probabilities in a JSON reply are over what the
    schema allows, not over all tokens (observed with vLLM 0.32 and xgrammar; llama.cpp reports them unmasked).
    """

    engine: str
    version: str
    context_tokens: int | None
    concurrency: int
    counts_tokens: bool
    needs_cache_reset: bool
    constrained_probabilities: bool


UNREACHED = Capabilities(
    engine="unknown",
    version="unknown",
    context_tokens=None,
    concurrency=1,
    counts_tokens=False,
    needs_cache_reset=False,
    constrained_probabilities=False,
)
"""Stands for a server that was never reached; nothing is sent to it."""


async def probe_capabilities(client: JudgeClient, *, url: str, model: str) -> Capabilities:
    """The capabilities of a server; raises JudgeFailure if it cannot be reached or serves another model."""
    try:
        properties = await client.get("/props", url=url)
        if properties and "total_slots" in properties:
            return _describe_llamacpp(properties)
        return await _probe_openai_server(client, url=url, model=model)
    except (*_UNREADABLE, AttributeError) as error:
        raise JudgeFailure(
            UnscoredReason.INFRASTRUCTURE,
            f"the judge's description of itself cannot be read ({type(error).__name__})",
            unavailable=True,
        ) from None


async def count_tokens(
    client: JudgeClient,
    capabilities: Capabilities,
    messages: tuple[Message, ...],
    *,
    model: str,
    prefix_key: str,
) -> int | None:
    """Tokens of a prompt by the model's own tokenizer, None if the server does not count; raises JudgeFailure."""
    try:
        if capabilities.engine == "vllm":
            body = {"model": model, "messages": list(messages)}
            return int((await client.post("/tokenize", body, prefix_key=prefix_key)).reply["count"])
        # llama.cpp tokenizes text only: its chat template is applied first.
        rendered = await client.post("/apply-template", {"messages": list(messages)}, prefix_key=prefix_key)
        text: dict[str, Any] = {"content": rendered.reply["prompt"], "add_special": True, "parse_special": True}
        return len((await client.post("/tokenize", text, prefix_key=prefix_key)).reply["tokens"])
    except NotFound:
        return None
    except _UNREADABLE as error:
        raise JudgeFailure(
            UnscoredReason.PARSE, f"the judge's count of tokens cannot be read ({type(error).__name__})"
        ) from None


def surely_fits(messages: tuple[Message, ...], *, reply_tokens: int, context_tokens: int) -> bool:
    """Whether a prompt fits with any tokenizer: no token of a byte-level vocabulary is shorter than a byte."""
    size = sum(len(message["content"].encode()) + TEMPLATE_TOKENS for message in messages)
    return size + reply_tokens <= context_tokens


def _describe_llamacpp(properties: dict[str, Any]) -> Capabilities:
    slots = int(properties["total_slots"])
    settings = properties.get("default_generation_settings") or {}
    return Capabilities(
        engine="llamacpp",
        version=str(properties.get("build_info", "unknown")),
        context_tokens=int(settings["n_ctx"]) if settings.get("n_ctx") else None,
        concurrency=slots,
        counts_tokens=True,
        # With several slots no reset would make runs equal.
        needs_cache_reset=slots == 1,
        constrained_probabilities=False,
    )


async def _probe_openai_server(client: JudgeClient, *, url: str, model: str) -> Capabilities:
    models = await client.get("/v1/models", url=url) or {}
    served = {str(entry.get("id")): entry for entry in models.get("data", []) if isinstance(entry, dict)}
    if served and model not in served:
        raise JudgeFailure(
            UnscoredReason.INFRASTRUCTURE,
            f"the judge serves {', '.join(list(served)[:3])}, not '{model}': set VIVA_JUDGE_MODEL",
            unavailable=True,
        )
    version = await client.get("/version", url=url) or {}
    length = served.get(model, {}).get("max_model_len")
    # Only vLLM reports both.
    is_vllm = "version" in version and length is not None
    return Capabilities(
        engine="vllm" if is_vllm else "openai",
        version=str(version.get("version", "unknown")),
        context_tokens=int(length) if length is not None else None,
        concurrency=_BATCHING_CONCURRENCY,
        counts_tokens=is_vllm,
        needs_cache_reset=False,
        constrained_probabilities=is_vllm,
    )
