"""Asking the judge about a batch of answers to one question.

For every level above the lowest the judge says how likely the answer reaches it. The same is asked
once of an answer that says nothing; the difference is what the answer itself earned, whatever the
judge's leaning on that criterion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from vivavoce.rubrics import Criterion, Rubric

from ..errors import JudgeFailure, UnscoredReason
from .capabilities import Capabilities, count_tokens, probe_capabilities, surely_fits
from .client import Deadlines, EngineIdentity, JudgeClient
from .prompt import (
    Call,
    FencedAnswer,
    Item,
    Message,
    PromptForm,
    PromptTemplate,
    ask_again_for_quote,
    fence,
    items_of,
    load_template,
    plan_calls,
    trusted_block,
    without_numbers,
)
from .record import CallRecord, Prices, VerdictCache, verdict_key
from .verdict import Verdict, lacks_evidence, read_usage, read_verdicts

_ANCHOR = "-"
_SAMPLE_TEMPERATURE = 0.7
# All labels are among the first few alternatives; a long reply need not carry twenty for each word.
_TOP_LOGPROBS = {"fast": 20, "explained": 8}


@dataclass(frozen=True)
class LevelVerdict:
    """How likely an answer reaches a level: the judge's log-odds, and those for an answer without content.

    An explained verdict has a `quote` and a `reason`. `call` and `prior_call` are the keys of the two
    calls' records, `position` the place of the verdict in them.
    """

    log_odds: float
    prior: float
    quote: str = ""
    reason: str = ""
    call: str = ""
    prior_call: str = ""
    position: int = 0


@dataclass(frozen=True)
class Vote:
    """One judge's word on one criterion: a verdict for each level above the lowest, or why it has none."""

    judge: str
    levels: tuple[LevelVerdict, ...]
    unscored_reason: UnscoredReason | None = None


@dataclass(frozen=True)
class AnswerVerdicts:
    """The judge's word on one answer.

    `levels[criterion_id]` has an entry for each level above the lowest; a criterion for which any
    call failed is in `failures` instead. `votes` has every judge's word, also where there is only one.
    """

    levels: Mapping[str, tuple[LevelVerdict, ...]]
    failures: Mapping[str, JudgeFailure]
    votes: Mapping[str, tuple[Vote, ...]] = field(default_factory=dict)
    calls: tuple[CallRecord, ...] = ()
    cached: int = 0
    defused: int = 0


class Judge(Protocol):
    """Anything that judges a batch of answers to one question."""

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model and revision, for the report."""

    @property
    def form(self) -> str:
        """How it is asked, in one word, for the report."""

    @property
    def urls(self) -> Sequence[str]:
        """Where its servers are."""

    @property
    def quorum(self) -> int:
        """Votes that a criterion needs."""

    def prompt_hash(self, rubric: Rubric) -> str:
        """SHA-256 of the prompt files that a rubric is judged with."""

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """One entry an answer, in order; answers come with their sentences numbered."""


class RubricJudge:
    """One model behind one or several OpenAI-compatible servers; use it as a context manager.

    `secret` keys the fence around answers. `sample` 0 decodes greedily; other numbers draw a reply
    with that seed. `concurrency` None takes what suits the engine.
    """

    quorum = 1

    def __init__(
        self,
        *,
        base_urls: Sequence[str],
        identity: EngineIdentity,
        secret: bytes,
        cache: VerdictCache,
        deadlines: Deadlines,
        form: PromptForm | None = None,
        sample: int = 0,
        prices: Prices | None = None,
        api_key: str | None = None,
        concurrency: int | None = None,
    ) -> None:
        self.identity = identity
        self.urls = tuple(base_urls)
        self.prompt_form = form or PromptForm()
        self._secret = secret
        self._cache = cache
        self._deadlines = deadlines
        self._sample = sample
        self._prices = prices or Prices()
        self._api_key = api_key
        self._concurrency = concurrency
        self._open = ExitStack()
        self._closed = False
        self._running: set[asyncio.Task[list[AnswerVerdicts]]] = set()
        self._portal: BlockingPortal | None = None
        self._client: JudgeClient | None = None
        self._capabilities: Capabilities | None = None

    @property
    def form(self) -> str:
        """See Judge."""
        return str(self.prompt_form)

    def __enter__(self) -> Self:
        # One event loop for the judge's whole life, so that connections and circuits outlive a batch.
        self._portal = self._open.enter_context(start_blocking_portal())
        self._client = JudgeClient(self.urls, deadlines=self._deadlines, api_key=self._api_key)
        self._open.callback(self._portal.call, self._stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        self._open.close()

    def prompt_hash(self, rubric: Rubric) -> str:
        """See Judge."""
        return load_template(rubric.question.language, self.prompt_form.mode).hash

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge; a call that fails is reported for its criterion and never raised."""
        if self._portal is None:
            raise RuntimeError("use the judge as a context manager")
        try:
            return self._portal.call(self._judge, answers, rubric)
        except (CancelledError, RuntimeError):
            if not self._closed:
                raise
            return self._nobody(JudgeFailure(UnscoredReason.INFRASTRUCTURE, "the judge was stopped"), answers, rubric)

    def requests_for(self, answers: Sequence[str], rubric: Rubric) -> list[list[dict[str, Any]]]:
        """The requests that `judge` would send, an answer at a time, were nothing cached."""
        paper = _Paper.of(rubric, self.prompt_form, self._secret)
        return [[self._request(call) for call in paper.calls(paper.fence(answer))] for answer in answers]

    def complete(self, messages: list[Message], *, schema: Mapping[str, Any], max_tokens: int) -> str:
        """The text of a greedy reply under a JSON schema, for work that is no verdict.

        Raises JudgeFailure when the judge does not answer or its reply does not end.
        """
        assert self._portal
        assert self._client
        request = {
            "model": self.identity.model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": 0,
            "seed": 0,
            "response_format": _json_schema(schema),
        }
        reply = self._portal.call(partial(self._client.ask, request, prefix_key="complete")).reply
        try:
            choice = reply["choices"][0]
            finish, text = choice["finish_reason"], str(choice["message"]["content"])
        except (KeyError, IndexError, TypeError):
            raise JudgeFailure(UnscoredReason.PARSE, "the reply has no text") from None
        if finish == "length":
            raise JudgeFailure(UnscoredReason.TRUNCATED, "the reply did not end within its bound")
        return text

    def describe(self) -> Capabilities:
        """What the servers are and can do; raises JudgeFailure when none answers."""
        assert self._portal
        return self._portal.call(self.capabilities)

    async def capabilities(self) -> Capabilities:
        """What the servers can do, asked of the first that answers; raises JudgeFailure."""
        if self._capabilities is None:
            assert self._client
            failure: JudgeFailure | None = None
            for url in self.urls:
                try:
                    found = await probe_capabilities(self._client, url=url, model=self.identity.model)
                except JudgeFailure as error:
                    failure = error
                    continue
                if found.engine not in ("openai", self.identity.engine):
                    raise JudgeFailure(
                        UnscoredReason.INFRASTRUCTURE,
                        f"the judge is {found.engine}, not {self.identity.engine}: set VIVA_JUDGE_ENGINE",
                    )
                self._capabilities = found
                break
            else:
                assert failure
                raise failure
        return self._capabilities

    async def _stop(self) -> None:
        """Whoever waits for a verdict now hears that there will be none."""
        assert self._client
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._client.aclose()

    async def _judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        task = asyncio.ensure_future(self._judge_batch(answers, rubric))
        self._running.add(task)
        try:
            return await task
        finally:
            self._running.discard(task)

    async def _judge_batch(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        paper = _Paper.of(rubric, self.prompt_form, self._secret)
        try:
            sitting = _Sitting(self, paper, await self.capabilities())
        except JudgeFailure as failure:
            return self._nobody(failure, answers, rubric)
        # The content-free answer goes first and alone: it warms the prefix that all others share.
        prior = await sitting.ask_all(paper.fence(paper.template["content-free"]), is_prior=True)
        room = asyncio.Semaphore(self._concurrency or sitting.capabilities.concurrency)

        async def one(answer: str) -> _Asked:
            async with room:
                return await sitting.ask_all(paper.fence(answer))

        asked = await asyncio.gather(*(one(answer) for answer in answers))
        return [self._against_prior(found, prior, rubric.criteria) for found in asked]

    def _nobody(self, failure: JudgeFailure, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        asked = _Asked({}, {criterion.id: failure for criterion in rubric.criteria})
        return [self._against_prior(asked, asked, rubric.criteria) for _ in answers]

    def _request(self, call: Call) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.identity.model,
            "messages": list(call.messages),
            "max_tokens": call.max_tokens,
            "temperature": _SAMPLE_TEMPERATURE if self._sample else 0,
            "seed": self._sample,
            "logprobs": True,
            "top_logprobs": _TOP_LOGPROBS[call.reply.mode],
        }
        if call.schema:
            request["response_format"] = _json_schema(call.schema)
        return request

    def _against_prior(self, asked: _Asked, prior: _Asked, criteria: Sequence[Criterion]) -> AnswerVerdicts:
        levels: dict[str, tuple[LevelVerdict, ...]] = {}
        failures: dict[str, JudgeFailure] = {}
        votes: dict[str, tuple[Vote, ...]] = {}
        for criterion in criteria:
            failure = asked.failures.get(criterion.id) or prior.failures.get(criterion.id)
            if failure:
                failures[criterion.id] = failure
                votes[criterion.id] = (Vote(self.identity.model, (), failure.reason),)
                continue
            levels[criterion.id] = tuple(
                _level(asked.found[criterion.id, index], prior.found[criterion.id, index])
                for index in range(1, len(criterion.levels))
            )
            votes[criterion.id] = (Vote(self.identity.model, levels[criterion.id]),)
        return AnswerVerdicts(levels, failures, votes, asked.calls, asked.cached, asked.defused)


@dataclass(frozen=True)
class _Paper:
    """What is asked about every answer to a question."""

    template: PromptTemplate
    form: PromptForm
    trusted: str
    items: tuple[Item, ...]
    secret: bytes

    @classmethod
    def of(cls, rubric: Rubric, form: PromptForm, secret: bytes) -> _Paper:
        template = load_template(rubric.question.language, form.mode)
        return cls(template, form, trusted_block(template, rubric, form), items_of(rubric.criteria), secret)

    def fence(self, answer: str) -> FencedAnswer:
        return fence(answer, context=self.trusted, secret=self.secret)

    def calls(self, answer: FencedAnswer) -> list[Call]:
        return plan_calls(self.template, self.form, trusted=self.trusted, answer=answer, items=self.items)


@dataclass(frozen=True)
class _Found:
    """A verdict, with the key of its call's record and its place there."""

    verdict: Verdict
    call: str
    position: int


@dataclass(frozen=True)
class _Asked:
    """What came of one answer, by (criterion, level)."""

    found: Mapping[tuple[str, int], _Found]
    failures: Mapping[str, JudgeFailure]
    calls: tuple[CallRecord, ...] = ()
    cached: int = 0
    defused: int = 0


class _Sitting:
    """The work on one batch. A judge that is out of reach ends it: whoever comes later asks no more."""

    def __init__(self, judge: RubricJudge, paper: _Paper, capabilities: Capabilities) -> None:
        assert judge._client
        self.capabilities = capabilities
        self._judge = judge
        self._client = judge._client
        self._paper = paper
        self._prefix_key = _prefix_key(judge.identity, paper)
        self._out_of_reach: JudgeFailure | None = None
        self._at_start = True

    async def ask_all(self, answer: FencedAnswer, *, is_prior: bool = False) -> _Asked:
        """Every item, in order, so that equal work is done in an equal way."""
        calls = self._paper.calls(answer)
        keys = [self._key(call, answer) for call in calls]
        known = dict(self._judge._cache.get_many(keys))
        cached = sum(key in known for key in keys)
        fresh: dict[str, CallRecord] = {}
        found: dict[tuple[str, int], _Found] = {}
        failures: dict[str, JudgeFailure] = {}
        if any(key not in known for key in keys):
            if too_long := await self._too_long(calls):
                failures = {item.criterion: too_long for item in self._paper.items}
            else:
                await self._anchor()
        for call, key in zip(calls, keys, strict=True):
            if all(item.criterion in failures for item in call.items):
                continue
            try:
                verdicts = await self._verdicts(call, key, known, fresh)
                placed = [_Found(verdict, key, place) for place, verdict in enumerate(verdicts)]
                if not is_prior:
                    placed = await self._with_evidence(placed, call, answer, known, fresh)
            except JudgeFailure as failure:
                failures.update({item.criterion: failure for item in call.items})
                continue
            for item, one in zip(call.items, placed, strict=True):
                if not is_prior and lacks_evidence(one.verdict, call.reply, answer=without_numbers(answer.text)):
                    failures[item.criterion] = JudgeFailure(
                        UnscoredReason.UNSUPPORTED_EVIDENCE,
                        "the judge said yes, but what it quotes is not in the answer",
                    )
                else:
                    found[item.criterion, item.level] = one
        self._judge._cache.put_many(fresh)
        return _Asked(found, failures, tuple(fresh.values()), cached, answer.defused)

    async def _verdicts(
        self, call: Call, key: str, known: dict[str, CallRecord], fresh: dict[str, CallRecord]
    ) -> tuple[Verdict, ...]:
        if key in known:
            return known[key].verdicts()
        if self._out_of_reach:
            raise self._out_of_reach
        request = self._judge._request(call)
        try:
            answered = await self._client.ask(request, prefix_key=self._prefix_key)
        except JudgeFailure as failure:
            if failure.reason.retryable:
                self._out_of_reach = failure
            raise
        constrained = self.capabilities.constrained_probabilities and call.schema is not None
        form = replace(call.reply, constrained=constrained)
        verdicts = read_verdicts(answered.reply, form)
        usage = read_usage(answered.reply)
        known[key] = fresh[key] = CallRecord(
            request=request,
            reply=answered.reply,
            form=form,
            identity=self._judge.identity,
            engine_version=self.capabilities.version,
            prompt_name=self._paper.template.name,
            prompt_hash=self._paper.template.hash,
            usage=usage,
            seconds=answered.seconds,
            cost=self._judge._prices.of(usage),
        )
        return verdicts

    async def _with_evidence(
        self,
        placed: list[_Found],
        call: Call,
        answer: FencedAnswer,
        known: dict[str, CallRecord],
        fresh: dict[str, CallRecord],
    ) -> list[_Found]:
        """The verdicts; one that says yes without a quote from the answer is asked for once more."""
        said = without_numbers(answer.text)
        if not any(lacks_evidence(one.verdict, call.reply, answer=said) for one in placed):
            return placed
        again = ask_again_for_quote(self._paper.template, call)
        key = self._key(again, answer)
        known.update(self._judge._cache.get_many([key]))
        second = await self._verdicts(again, key, known, fresh)
        return [
            _Found(verdict, key, place) if lacks_evidence(one.verdict, call.reply, answer=said) else one
            for place, (one, verdict) in enumerate(zip(placed, second, strict=True))
        ]

    async def _too_long(self, calls: Sequence[Call]) -> JudgeFailure | None:
        """Why the longest of the prompts does not fit; None when all do, or when only the server can tell."""
        room = self.capabilities.context_tokens
        if room is None:
            return None
        longest = max(calls, key=lambda call: sum(len(message["content"]) for message in call.messages))
        if surely_fits(longest.messages, reply_tokens=longest.max_tokens, context_tokens=room):
            return None
        if not self.capabilities.counts_tokens:
            return None
        try:
            tokens = await count_tokens(
                self._client,
                self.capabilities,
                longest.messages,
                model=self._judge.identity.model,
                prefix_key=self._prefix_key,
            )
        except JudgeFailure as failure:
            return failure
        if tokens + longest.max_tokens <= room:
            return None
        return JudgeFailure(
            UnscoredReason.TOO_LONG,
            f"the prompt has {tokens} tokens and its reply up to {longest.max_tokens}; the judge takes {room} in all",
        )

    async def _anchor(self) -> None:
        """Bring the embedded engine's cache to exactly the end of the trusted block.

        That engine computes a token slightly differently with other neighbours in its batch. From
        here on the batches of an answer are the same whatever was asked before, and so are its verdicts.
        """
        if not self.capabilities.needs_anchor or self._out_of_reach:
            return
        prefixes = [self._paper.trusted]
        if self._at_start:
            prefixes.insert(0, f"{self._paper.template['instructions']}\n\n{_ANCHOR}")
            self._at_start = False
        for prefix in prefixes:
            request = {
                "model": self._judge.identity.model,
                "messages": [{"role": "system", "content": prefix}, {"role": "user", "content": _ANCHOR}],
                "max_tokens": 1,
                "temperature": 0,
            }
            try:
                await self._client.ask(request, prefix_key=self._prefix_key)
            except JudgeFailure:
                return  # The first real call meets the same failure and reports it.

    def _key(self, call: Call, answer: FencedAnswer) -> str:
        request = self._judge._request(call)
        return verdict_key(self._judge.identity, self._paper.template, request, nonce=answer.nonce)


def _json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}


def _prefix_key(identity: EngineIdentity, paper: _Paper) -> str:
    """What tells servers and proxies which prompts begin alike."""
    return verdict_key(identity, paper.template, {"trusted": paper.trusted}, nonce="-")[:16]


def _level(said: _Found, prior: _Found) -> LevelVerdict:
    return LevelVerdict(
        log_odds=said.verdict.log_odds,
        prior=prior.verdict.log_odds,
        quote=said.verdict.quote if said.verdict.met else "",
        reason=said.verdict.reason,
        call=said.call,
        prior_call=prior.call,
        position=said.position,
    )
