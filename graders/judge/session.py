"""The judging of one batch of answers to a question, in the order that lets an engine reuse its prefix cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import JudgeFailure, UnscoredReason
from ..models.time_limit import TimeLimit
from .answer_delimiter import DelimitedAnswer
from .call_record import CallRecord
from .capabilities import Capabilities, count_tokens, surely_fits
from .clients.cached_client import CachedJudgeClient
from .prompt import Call, Message, ReplyForm, ask_again_for_quote, without_numbers
from .prompt_set import PromptSet
from .verdict import Verdict, locate_quote

_RESET_MESSAGE = "-"
# Enough for one token, also under load.
_PROBE_SECONDS = 15.0


@dataclass(frozen=True)
class RecordedVerdict:
    """A verdict with the key of its call, its position in the call, and the bounds of its quote in the answer."""

    verdict: Verdict
    call: str
    position: int
    span: tuple[int, int] | None = None

    def lacks_evidence(self, form: ReplyForm) -> bool:
        """Whether an explained verdict says yes without a quote that is in the answer."""
        return form.mode == "explained" and self.verdict.met and self.span is None


@dataclass
class JudgedAnswer:
    """The result for one answer.

    `found` has verdicts by criterion and level, `failures` are by criterion, `calls` has the calls that were made for
    this answer, by key; `cached` counts those that were not needed. `seconds` is the time it took.
    """

    found: dict[tuple[str, int], RecordedVerdict] = field(default_factory=dict)
    failures: dict[str, JudgeFailure] = field(default_factory=dict)
    calls: dict[str, CallRecord] = field(default_factory=dict)
    cached: int = 0
    escaped_markers: int = 0
    seconds: float = 0.0

    @property
    def retryable_failure(self) -> JudgeFailure | None:
        """A failure that a retry may fix, None if there is none."""
        return next((failure for failure in self.failures.values() if failure.reason.retryable), None)


class JudgingSession:
    """Judges a batch of answers to a question.

    Once the judge is `unavailable`, no more calls are sent: verdicts come from stored records only.
    """

    def __init__(
        self,
        cached_client: CachedJudgeClient,
        prompt_set: PromptSet,
        capabilities: Capabilities,
        *,
        unavailable: JudgeFailure | None = None,
    ) -> None:
        self.unavailable = _mark_unavailable(unavailable) if unavailable else None
        self._capabilities = capabilities
        self._cached_client = cached_client
        self._prompt_set = prompt_set
        self._prefix_key = prompt_set.prefix_key(cached_client.identity)
        self._is_first_reset = True
        self._probing = asyncio.Lock()

    async def ask_baseline(self) -> JudgedAnswer:
        """The verdicts on an answer without content; if they are missing, no other answer can be judged."""
        content_free = self._prompt_set.template["content-free"]
        judged = await self._judge_items(self._prompt_set.delimit_answer(content_free), TimeLimit(), is_baseline=True)
        if failure := judged.retryable_failure:
            self.unavailable = _mark_unavailable(failure)
        return judged

    async def ask(self, answer: str, limit: TimeLimit | None = None) -> JudgedAnswer:
        """The verdicts on an answer whose sentences are numbered; no call begins after its time is over."""
        started = time.monotonic()
        delimited = self._prompt_set.delimit_answer(answer)
        judged = await self._judge_items(delimited, limit or TimeLimit(), is_baseline=False)
        judged.seconds = time.monotonic() - started
        failure = judged.retryable_failure
        if failure and not self.unavailable:
            await self._probe_judge(failure)
        return judged

    async def _probe_judge(self, failure: JudgeFailure) -> None:
        """Mark the judge as unavailable unless it answers a short probe: then only this answer failed."""
        async with self._probing:
            if self.unavailable is None and not failure.unavailable:
                try:
                    async with asyncio.timeout(_PROBE_SECONDS):
                        await self._cached_client.probe([_user_message(_RESET_MESSAGE)], prefix_key=self._prefix_key)
                    return
                except (TimeoutError, JudgeFailure):
                    pass  # The first failure says more than the probe's.
            self.unavailable = self.unavailable or _mark_unavailable(failure)

    async def _judge_items(self, answer: DelimitedAnswer, limit: TimeLimit, *, is_baseline: bool) -> JudgedAnswer:
        """Every item, one call after another: the order decides what is in the engine's cache."""
        started = time.monotonic()
        calls = self._prompt_set.plan_calls(answer)
        text = without_numbers(answer.text)
        keys = [self._cached_client.build_key(call, answer, self._prompt_set.template) for call in calls]
        records = await self._cached_client.load_records(keys)
        judged = JudgedAnswer(escaped_markers=answer.escaped_markers)
        if any(key not in records for key in keys):
            try:
                await self._check_length(calls)
            except JudgeFailure as failure:
                judged.failures = {item.criterion: failure for item in self._prompt_set.items}
                return judged
            await self._reset_prefix_cache()
        for number, (call, key) in enumerate(zip(calls, keys, strict=True)):
            # One failed level fails its criterion: the rest needs no call.
            if all(item.criterion in judged.failures for item in call.items):
                continue
            try:
                if limit.is_over(time.monotonic() - started):
                    raise limit.failure
                verdicts = await self._get_verdicts(call, key, records, judged, text=text)
                if not is_baseline:
                    verdicts = await self._replace_unsupported(verdicts, call, answer, judged, text=text)
            except JudgeFailure as failure:
                # A judge that is silent now is not asked the rest.
                failed_calls = calls[number:] if failure.reason.retryable else [call]
                judged.failures.update({item.criterion: failure for failed in failed_calls for item in failed.items})
                continue
            _collect_verdicts(verdicts, call, judged, needs_evidence=not is_baseline)
        return judged

    async def _get_verdicts(
        self, call: Call, key: str, records: Mapping[str, CallRecord], judged: JudgedAnswer, *, text: str
    ) -> list[RecordedVerdict]:
        """The verdicts of a call, from its record or from the judge."""
        record = records.get(key)
        is_ours = False
        if record is None:
            if self.unavailable:
                raise self.unavailable
            record, is_ours = await self._cached_client.ask(
                call,
                key,
                template=self._prompt_set.template,
                capabilities=self._capabilities,
                prefix_key=self._prefix_key,
            )
        if is_ours:
            judged.calls[key] = record
        else:
            judged.cached += 1
        return [
            RecordedVerdict(verdict, key, position, locate_quote(verdict, answer=text))
            for position, verdict in enumerate(record.read_verdicts())
        ]

    async def _replace_unsupported(
        self, verdicts: list[RecordedVerdict], call: Call, answer: DelimitedAnswer, judged: JudgedAnswer, *, text: str
    ) -> list[RecordedVerdict]:
        """The verdicts; each yes without a quote from the answer is replaced by the judge's second reply."""
        if not any(verdict.lacks_evidence(call.reply) for verdict in verdicts):
            return verdicts
        again = ask_again_for_quote(self._prompt_set.template, call)
        key = self._cached_client.build_key(again, answer, self._prompt_set.template)
        records = await self._cached_client.load_records([key])
        second = await self._get_verdicts(again, key, records, judged, text=text)
        return [
            later if verdict.lacks_evidence(call.reply) else verdict
            for verdict, later in zip(verdicts, second, strict=True)
        ]

    async def _check_length(self, calls: Sequence[Call]) -> None:
        """Raise JudgeFailure if the longest prompt with its reply exceeds the judge's context."""
        limit = self._capabilities.context_tokens
        if limit is None:
            return
        longest = max(calls, key=lambda call: sum(len(message["content"]) for message in call.messages))
        if surely_fits(longest.messages, reply_tokens=longest.max_tokens, context_tokens=limit):
            return
        if not self._capabilities.counts_tokens:
            return
        if self.unavailable:
            raise self.unavailable
        tokens = await count_tokens(
            self._cached_client.client,
            self._capabilities,
            longest.messages,
            model=self._cached_client.identity.model,
            prefix_key=self._prefix_key,
        )
        if tokens is not None and tokens + longest.max_tokens > limit:
            raise JudgeFailure(
                UnscoredReason.TOO_LONG,
                f"the prompt has {tokens} tokens and its reply up to {longest.max_tokens}; "
                f"the judge takes {limit} in all",
            )

    async def _reset_prefix_cache(self) -> None:
        """Bring the embedded engine's prefix cache to exactly the end of the trusted block.

        That engine computes a token slightly differently with other tokens in its batch. After the reset, the batches
        of an answer, and so its verdicts, are the same whatever was asked before.
        """
        if not self._capabilities.needs_cache_reset or self.unavailable:
            return
        prefixes = [self._prompt_set.trusted]
        if self._is_first_reset:
            # At first the cache may hold anything.
            prefixes.insert(0, f"{self._prompt_set.template['instructions']}\n\n{_RESET_MESSAGE}")
            self._is_first_reset = False
        for prefix in prefixes:
            messages = [{"role": "system", "content": prefix}, _user_message(_RESET_MESSAGE)]
            try:
                await self._cached_client.probe(messages, prefix_key=self._prefix_key)
            except JudgeFailure:
                return  # The first real call reports the same failure.


def _collect_verdicts(
    verdicts: Sequence[RecordedVerdict], call: Call, judged: JudgedAnswer, *, needs_evidence: bool
) -> None:
    """Add verdicts to a result; one that still lacks evidence fails its criterion."""
    for item, verdict in zip(call.items, verdicts, strict=True):
        if needs_evidence and verdict.lacks_evidence(call.reply):
            judged.failures[item.criterion] = JudgeFailure(
                UnscoredReason.UNSUPPORTED_EVIDENCE,
                "the judge said yes, but its quote is not in the answer",
            )
        else:
            judged.found[item.criterion, item.level] = verdict


def _user_message(content: str) -> Message:
    return {"role": "user", "content": content}


def _mark_unavailable(failure: JudgeFailure) -> JudgeFailure:
    return JudgeFailure(failure.reason, failure.detail, unavailable=True)
