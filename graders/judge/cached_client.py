"""One prompt, one answer of the judge: from the record, from whoever asks the same just now, or from a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from anyio import to_thread

from ..types import EngineIdentity
from .call_record import CallRecord, Prices, VerdictCache, verdict_key
from .capabilities import Capabilities
from .client import JudgeClient
from .prompt import Call, DelimitedAnswer, Message, PromptTemplate
from .verdict import read_usage, read_verdicts

_SAMPLE_TEMPERATURE = 0.7
# All labels are among the first few alternatives; a long reply need not carry twenty for each word.
_TOP_LOGPROBS = {"fast": 20, "explained": 8}


def chat_request(call: Call, *, model: str, sample: int) -> dict[str, Any]:
    """The chat completion that a call asks for; `sample` 0 decodes greedily, others draw with that seed."""
    request: dict[str, Any] = {
        "model": model,
        "messages": list(call.messages),
        "max_tokens": call.max_tokens,
        "temperature": _SAMPLE_TEMPERATURE if sample else 0,
        "seed": sample,
        "logprobs": True,
        "top_logprobs": _TOP_LOGPROBS[call.reply.mode],
    }
    if call.schema:
        request["response_format"] = json_schema(call.schema)
    return request


def json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The `response_format` that holds a reply to a schema."""
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}


class CachedJudgeClient:
    """Where all sittings of a judge bring their prompts, so that none is paid for twice.

    Whoever asks what another is waiting for waits with it. What counts is what the record holds: when
    another process was faster, its verdict is used and ours forgotten.
    """

    def __init__(
        self,
        client: JudgeClient,
        cache: VerdictCache,
        identity: EngineIdentity,
        *,
        sample: int,
        prices: Prices,
    ) -> None:
        self.client = client
        self.identity = identity
        self._cache = cache
        self._sample = sample
        self._prices = prices
        self._asking: dict[str, asyncio.Task[CallRecord]] = {}
        self._keeping = asyncio.Lock()
        self._unkept: dict[str, CallRecord] = {}
        self._kept: dict[str, CallRecord | Exception] = {}

    def key(self, call: Call, answer: DelimitedAnswer, template: PromptTemplate) -> str:
        """What a call is remembered by."""
        return verdict_key(self.identity, template, self._request(call), nonce=answer.nonce)

    async def known(self, keys: Sequence[str]) -> dict[str, CallRecord]:
        """Those of the keys that are on record."""
        return dict(await to_thread.run_sync(self._cache.get_many, keys))

    async def ask(
        self,
        call: Call,
        key: str,
        *,
        template: PromptTemplate,
        capabilities: Capabilities,
        prefix_key: str,
    ) -> tuple[CallRecord, bool]:
        """The record of a call, and whether it was made for this asker; raises JudgeFailure.

        It is kept before it is returned: a worker that ends now leaves nothing to be asked again.
        """
        task = self._asking.get(key)
        is_ours = task is None
        if task is None:
            asked = self._ask(call, key, template=template, capabilities=capabilities, prefix_key=prefix_key)
            task = self._asking[key] = asyncio.ensure_future(asked)
            task.add_done_callback(lambda done: self._forget(key, done))
        # Whoever is cancelled leaves the call to those who wait with it.
        return await asyncio.shield(task), is_ours

    async def probe(self, messages: Sequence[Message], *, prefix_key: str) -> None:
        """A call for the sake of the call: its one token means nothing; raises JudgeFailure."""
        request = {"model": self.identity.model, "messages": list(messages), "max_tokens": 1, "temperature": 0}
        await self.client.ask(request, prefix_key=prefix_key)

    async def aclose(self) -> None:
        """End the calls that are being made."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(
        self, call: Call, key: str, *, template: PromptTemplate, capabilities: Capabilities, prefix_key: str
    ) -> CallRecord:
        request = self._request(call)
        answered = await self.client.ask(request, prefix_key=prefix_key)
        form = call.reply.sent(
            constrained=capabilities.constrained_probabilities and call.schema is not None,
            sampled=self._sample > 0,
        )
        read_verdicts(answered.reply, form)
        usage = read_usage(answered.reply)
        record = CallRecord(
            request=request,
            reply=answered.reply,
            form=form,
            identity=self.identity,
            engine_version=capabilities.version,
            prompt_name=template.name,
            prompt_hash=template.hash,
            usage=usage,
            seconds=answered.seconds,
            cost=self._prices.cost_of(usage),
        )
        return await self._keep(key, record)

    async def _keep(self, key: str, record: CallRecord) -> CallRecord:
        """What is on record now; calls that return while another write is under way are written together."""
        self._unkept[key] = record
        async with self._keeping:
            if key in self._unkept:
                batch, self._unkept = self._unkept, {}
                try:
                    self._kept.update(await to_thread.run_sync(self._cache.put_many, batch))
                except Exception as error:  # noqa: BLE001  each of the calls raises it below
                    self._kept.update(dict.fromkeys(batch, error))
        kept = self._kept.pop(key)
        if isinstance(kept, Exception):
            raise kept
        return kept

    def _request(self, call: Call) -> dict[str, Any]:
        return chat_request(call, model=self.identity.model, sample=self._sample)

    def _forget(self, key: str, task: asyncio.Task[CallRecord]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # Read, so that nobody is told of it when all who waited were cancelled.
