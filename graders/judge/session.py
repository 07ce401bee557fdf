"""The work on one batch of answers to a question, in the order that lets an engine reuse what it computed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vivavoce.rubrics import Rubric

from ..errors import JudgeFailure, UnscoredReason
from ..types import EngineIdentity
from .cached_client import CallDesk
from .call_record import CallRecord, verdict_key
from .capabilities import Capabilities, count_tokens, surely_fits
from .prompt import (
    Call,
    FencedAnswer,
    Item,
    PromptForm,
    PromptTemplate,
    ReplyForm,
    ask_again_for_quote,
    fence,
    items_of,
    load_template,
    plan_calls,
    trusted_block,
    without_numbers,
)
from .verdict import Verdict, locate_quote

_ANCHOR = "-"
# A server that is well says one token to one word within this time, also when others keep it busy.
_CANARY_SECONDS = 15.0


@dataclass(frozen=True)
class Paper:
    """What is asked about every answer to a question."""

    template: PromptTemplate
    form: PromptForm
    trusted: str
    items: tuple[Item, ...]
    secret: bytes

    @classmethod
    def of(cls, rubric: Rubric, form: PromptForm, secret: bytes) -> Paper:
        """The paper of a rubric; `secret` keys the fence around answers."""
        template = load_template(rubric.question.language, form.mode)
        return cls(template, form, trusted_block(template, rubric, form), items_of(rubric.criteria), secret)

    def fence(self, answer: str) -> FencedAnswer:
        """An answer that cannot leave its place in the prompt."""
        return fence(answer, context=self.trusted, secret=self.secret)

    def calls(self, answer: FencedAnswer) -> list[Call]:
        """The prompts about an answer, in the order to send them."""
        return plan_calls(self.template, self.form, trusted=self.trusted, answer=answer, items=self.items)

    def prefix_key(self, identity: EngineIdentity) -> str:
        """What tells servers and proxies which prompts begin alike."""
        return verdict_key(identity, self.template, {"trusted": self.trusted}, nonce="-")[:16]


@dataclass(frozen=True)
class Found:
    """A verdict, with the key of its call's record, its place there, and where in the answer its quote stands."""

    verdict: Verdict
    call: str
    position: int
    span: tuple[int, int] | None = None

    def lacks_evidence(self, form: ReplyForm) -> bool:
        """Whether an explained verdict says yes without a quote that stands in the answer."""
        return form.mode == "explained" and self.verdict.met and self.span is None


@dataclass
class Asked:
    """What came of one answer, by (criterion, level), and the calls that were made for it."""

    found: dict[tuple[str, int], Found] = field(default_factory=dict)
    failures: dict[str, JudgeFailure] = field(default_factory=dict)
    calls: dict[str, CallRecord] = field(default_factory=dict)
    cached: int = 0
    defused: int = 0

    @property
    def lacks_reply(self) -> JudgeFailure | None:
        """A failure that waiting may mend, if there is one."""
        return next((failure for failure in self.failures.values() if failure.reason.retryable), None)


class Sitting:
    """Asks about answers until `away` says that the judge answers nobody; then it asks no more."""

    def __init__(
        self, desk: CallDesk, paper: Paper, capabilities: Capabilities, *, away: JudgeFailure | None = None
    ) -> None:
        self.away = _for_everybody(away) if away else None
        self._capabilities = capabilities
        self._desk = desk
        self._paper = paper
        self._prefix_key = paper.prefix_key(desk.identity)
        self._at_start = True
        self._doubting = asyncio.Lock()

    async def ask_prior(self) -> Asked:
        """Every item about an answer without content; without it no answer can be judged."""
        asked = await self._ask_all(self._paper.fence(self._paper.template["content-free"]), is_prior=True)
        if failure := asked.lacks_reply:
            self.away = _for_everybody(failure)
        return asked

    async def ask(self, answer: str) -> Asked:
        """Every item about an answer."""
        asked = await self._ask_all(self._paper.fence(answer), is_prior=False)
        failure = asked.lacks_reply
        if failure and not self.away:
            await self._doubt(failure)
        return asked

    async def _doubt(self, failure: JudgeFailure) -> None:
        """Find out whether the judge left one answer alone, or whether it answers nobody."""
        async with self._doubting:
            if self.away is None and not failure.away:
                try:
                    async with asyncio.timeout(_CANARY_SECONDS):
                        await self._desk.probe([{"role": "user", "content": _ANCHOR}], prefix_key=self._prefix_key)
                    return
                except (TimeoutError, JudgeFailure):
                    pass
            self.away = self.away or _for_everybody(failure)

    async def _ask_all(self, answer: FencedAnswer, *, is_prior: bool) -> Asked:
        """Every item, in order, so that equal work is done in an equal way."""
        calls = self._paper.calls(answer)
        said = without_numbers(answer.text)
        keys = [self._desk.key(call, answer, self._paper.template) for call in calls]
        known = await self._desk.known(keys)
        asked = Asked(defused=answer.defused)
        if any(key not in known for key in keys):
            try:
                await self._check_length(calls)
            except JudgeFailure as failure:
                asked.failures = {item.criterion: failure for item in self._paper.items}
                return asked
            await self._anchor()
        for number, (call, key) in enumerate(zip(calls, keys, strict=True)):
            if all(item.criterion in asked.failures for item in call.items):
                continue
            try:
                placed = await self._verdicts(call, key, known, asked, said=said)
                if not is_prior:
                    placed = await self._with_evidence(placed, call, answer, asked, said=said)
            except JudgeFailure as failure:
                # Who does not answer now is asked no more about this answer.
                missed = calls[number:] if failure.reason.retryable else [call]
                asked.failures.update({item.criterion: failure for one in missed for item in one.items})
                if failure.reason.retryable:
                    break
                continue
            for item, one in zip(call.items, placed, strict=True):
                if not is_prior and one.lacks_evidence(call.reply):
                    asked.failures[item.criterion] = JudgeFailure(
                        UnscoredReason.UNSUPPORTED_EVIDENCE,
                        "the judge said yes, but what it quotes is not in the answer",
                    )
                else:
                    asked.found[item.criterion, item.level] = one
        return asked

    async def _verdicts(
        self, call: Call, key: str, known: Mapping[str, CallRecord], asked: Asked, *, said: str
    ) -> list[Found]:
        record = known.get(key)
        is_ours = False
        if record is None:
            if self.away:
                raise self.away
            record, is_ours = await self._desk.ask(
                call,
                key,
                template=self._paper.template,
                capabilities=self._capabilities,
                prefix_key=self._prefix_key,
            )
        if is_ours:
            asked.calls[key] = record
        else:
            asked.cached += 1
        return [
            Found(verdict, key, place, locate_quote(verdict, answer=said))
            for place, verdict in enumerate(record.verdicts())
        ]

    async def _with_evidence(
        self, placed: list[Found], call: Call, answer: FencedAnswer, asked: Asked, *, said: str
    ) -> list[Found]:
        """The verdicts; one that says yes without a quote from the answer is asked for once more."""
        if not any(one.lacks_evidence(call.reply) for one in placed):
            return placed
        again = ask_again_for_quote(self._paper.template, call)
        key = self._desk.key(again, answer, self._paper.template)
        second = await self._verdicts(again, key, await self._desk.known([key]), asked, said=said)
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
        if self.away:
            raise self.away
        tokens = await count_tokens(
            self._desk.client,
            self._capabilities,
            longest.messages,
            model=self._desk.identity.model,
            prefix_key=self._prefix_key,
        )
        if tokens is not None and tokens + longest.max_tokens > room:
            raise JudgeFailure(
                UnscoredReason.TOO_LONG,
                f"the prompt has {tokens} tokens and its reply up to {longest.max_tokens}; "
                f"the judge takes {room} in all",
            )

    async def _anchor(self) -> None:
        """Bring the embedded engine's cache to exactly the end of the trusted block.

        That engine computes a token slightly differently with other neighbours in its batch. From
        here on the batches of an answer are the same whatever was asked before, and so are its verdicts.
        """
        if not self._capabilities.needs_anchor or self.away:
            return
        prefixes = [self._paper.trusted]
        if self._at_start:
            prefixes.insert(0, f"{self._paper.template['instructions']}\n\n{_ANCHOR}")
            self._at_start = False
        for prefix in prefixes:
            messages = [{"role": "system", "content": prefix}, {"role": "user", "content": _ANCHOR}]
            try:
                await self._desk.probe(messages, prefix_key=self._prefix_key)
            except JudgeFailure:
                return  # The first real call meets the same failure and reports it.


def _for_everybody(failure: JudgeFailure) -> JudgeFailure:
    return JudgeFailure(failure.reason, failure.detail, away=True)
