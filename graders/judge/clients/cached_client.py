"""A judge client with a cache: prompts with a stored reply are not sent again, and replies are stored before use."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from anyio import to_thread

from ...types import EngineIdentity
from ..answer_delimiter import DelimitedAnswer
from ..call_record import CallRecord, Prices, VerdictCache, verdict_key
from ..capabilities import Capabilities
from ..prompt import Call, Message, PromptTemplate
from ..verdict import read_usage, read_verdicts
from .client import JudgeClient

_SAMPLE_TEMPERATURE = 0.7
# Long replies carry this many alternatives for every token.
_TOP_LOGPROBS = {"fast": 20, "explained": 8}


def chat_request(call: Call, *, model: str, sample: int) -> dict[str, Any]:
    """The chat-completion request of a call; `sample` 0 decodes greedily, other numbers draw with that seed."""
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
        request["response_format"] = wrap_schema(call.schema)
    return request


def wrap_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The `response_format` that makes a server enforce a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}


class CachedJudgeClient:
    """A read-through cache in front of a judge client, shared by all sessions of a judge.

    Concurrent requests for the same key share one call (single flight). The cache decides: if another process stored
    a call first, its verdicts are returned and ours are dropped.
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
        self._in_flight: dict[str, asyncio.Task[CallRecord]] = {}
        self._writing = asyncio.Lock()
        self._unwritten: dict[str, CallRecord] = {}
        self._written: dict[str, CallRecord | Exception] = {}

    def build_key(self, call: Call, answer: DelimitedAnswer, template: PromptTemplate) -> str:
        """The cache key of a call."""
        return verdict_key(self.identity, template, self._build_request(call), nonce=answer.nonce)

    async def load_records(self, keys: Sequence[str]) -> dict[str, CallRecord]:
        """The records that exist, by key; missing keys are left out."""
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
        """The record of a call, and whether this request made the call; raises JudgeFailure.

        The record is stored before it is returned, so that a worker that crashes later need not ask again.
        """
        task = self._in_flight.get(key)
        is_ours = task is None
        if task is None:
            sending = self._send_and_store(
                call, key, template=template, capabilities=capabilities, prefix_key=prefix_key
            )
            task = self._in_flight[key] = asyncio.ensure_future(sending)
            task.add_done_callback(lambda done: self._remove_in_flight(key, done))
        # A cancelled request must not cancel the others' call.
        return await asyncio.shield(task), is_ours

    async def probe(self, messages: Sequence[Message], *, prefix_key: str) -> None:
        """Send a prompt with a reply of one token that is ignored; raises JudgeFailure."""
        request = {"model": self.identity.model, "messages": list(messages), "max_tokens": 1, "temperature": 0}
        await self.client.ask(request, prefix_key=prefix_key)

    async def aclose(self) -> None:
        """Cancel all calls in flight."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_and_store(
        self, call: Call, key: str, *, template: PromptTemplate, capabilities: Capabilities, prefix_key: str
    ) -> CallRecord:
        request = self._build_request(call)
        answered = await self.client.ask(request, prefix_key=prefix_key)
        form = call.reply.as_sent(
            constrained=capabilities.constrained_probabilities and call.schema is not None,
            sampled=self._sample > 0,
        )
        # Replies without verdicts are not stored.
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
        return await self._store_record(key, record)

    async def _store_record(self, key: str, record: CallRecord) -> CallRecord:
        """Store a record and return the one that the cache has now.

        Records that arrive during a write are written together by the next one.
        """
        self._unwritten[key] = record
        async with self._writing:
            if key in self._unwritten:
                batch, self._unwritten = self._unwritten, {}
                try:
                    self._written.update(await to_thread.run_sync(self._cache.put_many, batch))
                except Exception as error:  # noqa: BLE001  each of the calls raises it below
                    self._written.update(dict.fromkeys(batch, error))
        stored = self._written.pop(key)
        if isinstance(stored, Exception):
            raise stored
        return stored

    def _build_request(self, call: Call) -> dict[str, Any]:
        return chat_request(call, model=self.identity.model, sample=self._sample)

    def _remove_in_flight(self, key: str, task: asyncio.Task[CallRecord]) -> None:
        del self._in_flight[key]
        if not task.cancelled():
            task.exception()  # Retrieved, or asyncio logs it if all waiters left.
