"""The work on one batch of answers to a question, in the order that lets an engine reuse what it computed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vivavoce.rubrics import Rubric

from ..errors import JudgeFailure, UnscoredReason
from ..types import EngineIdentity
from .cached_client import CachedJudgeClient
from .call_record import CallRecord, verdict_key
from .capabilities import Capabilities, count_tokens, surely_fits
from .prompt import (
    Call,
    DelimitedAnswer,
    Item,
    PromptForm,
    PromptTemplate,
    ReplyForm,
    ask_again_for_quote,
    delimit_answer,
    items_of,
    load_template,
    plan_calls,
    trusted_block,
    without_numbers,
)
from .verdict import Verdict, locate_quote

_RESET_MESSAGE = "-"
# A server that is well says one token to one word within this time, also when others keep it busy.
_PROBE_SECONDS = 15.0


@dataclass(frozen=True)
class PromptSet:
    """What is asked about every answer to a question."""

    template: PromptTemplate
    form: PromptForm
    trusted: str
    items: tuple[Item, ...]
    secret: bytes

    @classmethod
    def from_rubric(cls, rubric: Rubric, form: PromptForm, secret: bytes) -> PromptSet:
        """The paper of a rubric; `secret` keys the fence around answers."""
        template = load_template(rubric.question.language, form.mode)
        return cls(template, form, trusted_block(template, rubric, form), items_of(rubric.criteria), secret)

    def delimit_answer(self, answer: str) -> DelimitedAnswer:
        """An answer that cannot leave its place in the prompt."""
        return delimit_answer(answer, context=self.trusted, secret=self.secret)

    def calls(self, answer: DelimitedAnswer) -> list[Call]:
        """The prompts about an answer, in the order to send them."""
        return plan_calls(self.template, self.form, trusted=self.trusted, answer=answer, items=self.items)

    def prefix_key(self, identity: EngineIdentity) -> str:
        """What tells servers and proxies which prompts begin alike."""
        return verdict_key(identity, self.template, {"trusted": self.trusted}, nonce="-")[:16]


@dataclass(frozen=True)
class RecordedVerdict:
    """A verdict, with the key of its call's record, its place there, and where in the answer its quote stands."""

    verdict: Verdict
    call: str
    position: int
    span: tuple[int, int] | None = None

    def lacks_evidence(self, form: ReplyForm) -> bool:
        """Whether an explained verdict says yes without a quote that stands in the answer."""
        return form.mode == "explained" and self.verdict.met and self.span is None


@dataclass
class JudgedAnswer:
    """What came of one answer, by (criterion, level), and the calls that were made for it."""

    found: dict[tuple[str, int], RecordedVerdict] = field(default_factory=dict)
    failures: dict[str, JudgeFailure] = field(default_factory=dict)
    calls: dict[str, CallRecord] = field(default_factory=dict)
    cached: int = 0
    escaped_markers: int = 0

    @property
    def lacks_reply(self) -> JudgeFailure | None:
        """A failure that waiting may mend, if there is one."""
        return next((failure for failure in self.failures.values() if failure.reason.retryable), None)


class JudgingSession:
    """Asks about answers until `unavailable` says that the judge answers nobody; then it asks no more."""

    def __init__(
        self,
        desk: CachedJudgeClient,
        prompt_set: PromptSet,
        capabilities: Capabilities,
        *,
        unavailable: JudgeFailure | None = None,
    ) -> None:
        self.unavailable = _mark_unavailable(unavailable) if unavailable else None
        self._capabilities = capabilities
        self._cached_client = desk
        self._prompt_set = prompt_set
        self._prefix_key = prompt_set.prefix_key(desk.identity)
        self._at_start = True
        self._probing = asyncio.Lock()

    async def ask_baseline(self) -> JudgedAnswer:
        """Every item about an answer without content; without it no answer can be judged."""
        judged = await self._ask_all(
            self._prompt_set.delimit_answer(self._prompt_set.template["content-free"]), is_baseline=True
        )
        if failure := judged.lacks_reply:
            self.unavailable = _mark_unavailable(failure)
        return judged

    async def ask(self, answer: str) -> JudgedAnswer:
        """Every item about an answer."""
        judged = await self._ask_all(self._prompt_set.delimit_answer(answer), is_baseline=False)
        failure = judged.lacks_reply
        if failure and not self.unavailable:
            await self._probe_judge(failure)
        return judged

    async def _probe_judge(self, failure: JudgeFailure) -> None:
        """Find out whether the judge left one answer alone, or whether it answers nobody."""
        async with self._probing:
            if self.unavailable is None and not failure.unavailable:
                try:
                    async with asyncio.timeout(_PROBE_SECONDS):
                        await self._cached_client.probe(
                            [{"role": "user", "content": _RESET_MESSAGE}], prefix_key=self._prefix_key
                        )
                    return
                except (TimeoutError, JudgeFailure):
                    pass
            self.unavailable = self.unavailable or _mark_unavailable(failure)

    async def _ask_all(self, answer: DelimitedAnswer, *, is_baseline: bool) -> JudgedAnswer:
        """Every item, in order, so that equal work is done in an equal way."""
        calls = self._prompt_set.calls(answer)
        said = without_numbers(answer.text)
        keys = [self._cached_client.key(call, answer, self._prompt_set.template) for call in calls]
        known = await self._cached_client.known(keys)
        judged = JudgedAnswer(escaped_markers=answer.escaped_markers)
        if any(key not in known for key in keys):
            try:
                await self._check_length(calls)
            except JudgeFailure as failure:
                judged.failures = {item.criterion: failure for item in self._prompt_set.items}
                return judged
            await self._reset_prefix_cache()
        for number, (call, key) in enumerate(zip(calls, keys, strict=True)):
            if all(item.criterion in judged.failures for item in call.items):
                continue
            try:
                placed = await self._verdicts(call, key, known, judged, said=said)
                if not is_baseline:
                    placed = await self._with_evidence(placed, call, answer, judged, said=said)
            except JudgeFailure as failure:
                # Who does not answer now is asked no more about this answer.
                missed = calls[number:] if failure.reason.retryable else [call]
                judged.failures.update({item.criterion: failure for one in missed for item in one.items})
                if failure.reason.retryable:
                    break
                continue
            for item, one in zip(call.items, placed, strict=True):
                if not is_baseline and one.lacks_evidence(call.reply):
                    judged.failures[item.criterion] = JudgeFailure(
                        UnscoredReason.UNSUPPORTED_EVIDENCE,
                        "the judge said yes, but what it quotes is not in the answer",
                    )
                else:
                    judged.found[item.criterion, item.level] = one
        return judged

    async def _verdicts(
        self, call: Call, key: str, known: Mapping[str, CallRecord], judged: JudgedAnswer, *, said: str
    ) -> list[RecordedVerdict]:
        record = known.get(key)
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
            RecordedVerdict(verdict, key, place, locate_quote(verdict, answer=said))
            for place, verdict in enumerate(record.verdicts())
        ]

    async def _with_evidence(
        self, placed: list[RecordedVerdict], call: Call, answer: DelimitedAnswer, judged: JudgedAnswer, *, said: str
    ) -> list[RecordedVerdict]:
        """The verdicts; one that says yes without a quote from the answer is asked for once more."""
        if not any(one.lacks_evidence(call.reply) for one in placed):
            return placed
        again = ask_again_for_quote(self._prompt_set.template, call)
        key = self._cached_client.key(again, answer, self._prompt_set.template)
        second = await self._verdicts(again, key, await self._cached_client.known([key]), judged, said=said)
        return [later if one.lacks_evidence(call.reply) else one for one, later in zip(placed, second, strict=True)]

    async def _check_length(self, calls: Sequence[Call]) -> None:
        """Raise JudgeFailure when the longest of the prompts does not fit; only the server may be able to tell."""
        room = self._capabilities.context_tokens
        if room is None:
            return
        longest = max(calls, key=lambda call: sum(len(message["content"]) for message in call.messages))
        if surely_fits(longest.messages, reply_tokens=longest.max_tokens, context_tokens=room):
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
        if tokens is not None and tokens + longest.max_tokens > room:
            raise JudgeFailure(
                UnscoredReason.TOO_LONG,
                f"the prompt has {tokens} tokens and its reply up to {longest.max_tokens}; "
                f"the judge takes {room} in all",
            )

    async def _reset_prefix_cache(self) -> None:
        """Bring the embedded engine's cache to exactly the end of the trusted block.

        That engine computes a token slightly differently with other neighbours in its batch. From
        here on the batches of an answer are the same whatever was asked before, and so are its verdicts.
        """
        if not self._capabilities.needs_cache_reset or self.unavailable:
            return
        prefixes = [self._prompt_set.trusted]
        if self._at_start:
            prefixes.insert(0, f"{self._prompt_set.template['instructions']}\n\n{_RESET_MESSAGE}")
            self._at_start = False
        for prefix in prefixes:
            messages = [{"role": "system", "content": prefix}, {"role": "user", "content": _RESET_MESSAGE}]
            try:
                await self._cached_client.probe(messages, prefix_key=self._prefix_key)
            except JudgeFailure:
                return  # The first real call meets the same failure and reports it.


def _mark_unavailable(failure: JudgeFailure) -> JudgeFailure:
    return JudgeFailure(failure.reason, failure.detail, unavailable=True)
