"""How engines differ: one table, filled by asking the server at hand.

Every other module asks this table and never an engine's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import JudgeFailure, UnscoredReason
from .client import JudgeClient, NotThere
from .prompt import Message

# Requests in flight where the engine batches by itself.
_BATCHING_CONCURRENCY = 16
# Chat templates put a few tokens around each message.
_TEMPLATE_TOKENS = 64


@dataclass(frozen=True)
class Capabilities:
    """What a judge server is and can do.

    `engine` is vllm, llamacpp or openai (any other server of the protocol); `context_tokens` is None
    when it does not tell; `concurrency` is the number of prompts to keep in flight; `needs_cache_reset`
    says that a prompt's last digits depend on what was asked before it, unless its prefix is fetched
    anew; `constrained_probabilities` that probabilities in a JSON reply are over what the schema
    allows, not over all words (seen with vLLM 0.32 and xgrammar; llama.cpp reports them unmasked).
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
"""What is known of a server that was never reached: nothing is sent to it."""


async def probe_capabilities(client: JudgeClient, *, url: str, model: str) -> Capabilities:
    """Ask a server what it is; raises JudgeFailure when it does not answer or serves another model."""
    try:
        return await _probe(client, url=url, model=model)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JudgeFailure(
            UnscoredReason.INFRASTRUCTURE,
            f"what the judge says of itself cannot be read ({type(error).__name__})",
            unavailable=True,
        ) from None


async def _probe(client: JudgeClient, *, url: str, model: str) -> Capabilities:
    properties = await client.get("/props", url=url)
    if properties and "total_slots" in properties:
        slots = int(properties["total_slots"])
        settings = properties.get("default_generation_settings") or {}
        return Capabilities(
            engine="llamacpp",
            version=str(properties.get("build_info", "unknown")),
            context_tokens=int(settings["n_ctx"]) if settings.get("n_ctx") else None,
            concurrency=slots,
            counts_tokens=True,
            needs_cache_reset=slots == 1,
            constrained_probabilities=False,
        )
    models = await client.get("/v1/models", url=url) or {}
    served = {str(found.get("id")): found for found in models.get("data", []) if isinstance(found, dict)}
    if served and model not in served:
        raise JudgeFailure(
            UnscoredReason.INFRASTRUCTURE,
            f"the judge serves {', '.join(list(served)[:3])}, not '{model}': set VIVA_JUDGE_MODEL",
            unavailable=True,
        )
    version = await client.get("/version", url=url) or {}
    length = served.get(model, {}).get("max_model_len")
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


async def count_tokens(
    client: JudgeClient,
    capabilities: Capabilities,
    messages: tuple[Message, ...],
    *,
    model: str,
    prefix_key: str,
) -> int | None:
    """Tokens of a prompt by the model's own tokenizer, None when the server does not count; raises JudgeFailure."""
    try:
        return await _count(client, capabilities, messages, model=model, prefix_key=prefix_key)
    except NotThere:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise JudgeFailure(
            UnscoredReason.PARSE, f"the judge's count of tokens cannot be read ({type(error).__name__})"
        ) from None


async def _count(
    client: JudgeClient,
    capabilities: Capabilities,
    messages: tuple[Message, ...],
    *,
    model: str,
    prefix_key: str,
) -> int:
    if capabilities.engine == "vllm":
        body = {"model": model, "messages": list(messages)}
        return int((await client.post("/tokenize", body, prefix_key=prefix_key)).reply["count"])
    rendered = await client.post("/apply-template", {"messages": list(messages)}, prefix_key=prefix_key)
    text: dict[str, object] = {"content": rendered.reply["prompt"], "add_special": True, "parse_special": True}
    return len((await client.post("/tokenize", text, prefix_key=prefix_key)).reply["tokens"])


def surely_fits(messages: tuple[Message, ...], *, reply_tokens: int, context_tokens: int) -> bool:
    """Whether a prompt fits whatever the tokenizer: no token of a byte-level vocabulary is less than a byte."""
    size = sum(len(message["content"].encode()) + _TEMPLATE_TOKENS for message in messages)
    return size + reply_tokens <= context_tokens
