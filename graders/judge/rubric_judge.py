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
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from vivavoce.rubrics import Criterion, Rubric

from ..errors import JudgeFailure, UnscoredReason
from ..types import EngineIdentity, LevelVerdict, Vote
from .cached_client import CallDesk, chat_request, json_schema
from .call_record import Prices, VerdictCache
from .capabilities import UNREACHED, Capabilities, probe_capabilities
from .client import Deadlines, JudgeClient
from .prompt import Message, PromptForm, load_template
from .session import Asked, Found, Paper, Sitting
from .types import AnswerVerdicts


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
        self._desk: CallDesk | None = None
        self._room: asyncio.Semaphore | None = None
        self._capabilities: Capabilities | None = None

    @property
    def form(self) -> str:
        """See Judge; a sample is no greedy reply."""
        return f"{self.prompt_form}/sampled" if self._sample else str(self.prompt_form)

    def __enter__(self) -> Self:
        # One event loop for the judge's whole life, so that connections and circuits outlive a batch.
        self._portal = self._open.enter_context(start_blocking_portal())
        client = JudgeClient(self.urls, deadlines=self._deadlines, api_key=self._api_key)
        self._desk = CallDesk(client, self._cache, self.identity, sample=self._sample, prices=self._prices)
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
            return self._nobody(
                JudgeFailure(UnscoredReason.INFRASTRUCTURE, "the judge was stopped", away=True), answers, rubric
            )

    def requests_for(self, answers: Sequence[str], rubric: Rubric) -> list[list[dict[str, Any]]]:
        """The requests that `judge` would send, an answer at a time, were nothing cached."""
        paper = Paper.of(rubric, self.prompt_form, self._secret)
        return [
            [
                chat_request(call, model=self.identity.model, sample=self._sample)
                for call in paper.calls(paper.fence(answer))
            ]
            for answer in answers
        ]

    def complete(self, messages: list[Message], *, schema: Mapping[str, Any], max_tokens: int) -> str:
        """The text of a greedy reply under a JSON schema, for work that is no verdict.

        Raises JudgeFailure when the judge does not answer or its reply does not end.
        """
        assert self._portal
        assert self._desk
        request = {
            "model": self.identity.model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": 0,
            "seed": 0,
            "response_format": json_schema(schema),
        }
        reply = self._portal.call(partial(self._desk.client.ask, request, prefix_key="complete")).reply
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
            assert self._desk
            failure: JudgeFailure | None = None
            for url in self.urls:
                try:
                    found = await probe_capabilities(self._desk.client, url=url, model=self.identity.model)
                except JudgeFailure as error:
                    failure = error
                    continue
                if found.engine not in ("openai", self.identity.engine):
                    raise JudgeFailure(
                        UnscoredReason.INFRASTRUCTURE,
                        f"the judge is {found.engine}, not {self.identity.engine}: set VIVA_JUDGE_ENGINE",
                        away=True,
                    )
                self._capabilities = replace(found, concurrency=self._concurrency or found.concurrency)
                break
            else:
                assert failure
                raise failure
        return self._capabilities

    async def _stop(self) -> None:
        """Whoever waits for a verdict now hears that there will be none."""
        assert self._desk
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._desk.aclose()
        await self._desk.client.aclose()

    async def _judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        task = asyncio.ensure_future(self._judge_batch(answers, rubric))
        self._running.add(task)
        try:
            return await task
        finally:
            self._running.discard(task)

    async def _judge_batch(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        assert self._desk
        paper = Paper.of(rubric, self.prompt_form, self._secret)
        try:
            capabilities = await self.capabilities()
            sitting = Sitting(self._desk, paper, capabilities)
            room = self._room = self._room or asyncio.Semaphore(capabilities.concurrency)
        except JudgeFailure as failure:
            # What is on record needs no judge; the rest hears that there is none.
            sitting = Sitting(self._desk, paper, UNREACHED, away=failure)
            room = asyncio.Semaphore(1)
        # The content-free answer goes first and alone: it warms the prefix that all others share.
        async with room:
            prior = await sitting.ask_prior()

        async def one(answer: str) -> Asked:
            async with room:
                return await sitting.ask(answer)

        asked = await asyncio.gather(*(one(answer) for answer in answers))
        return [self._against_prior(found, prior, rubric.criteria, away=sitting.away) for found in asked]

    def _nobody(self, failure: JudgeFailure, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        asked = Asked(failures={criterion.id: failure for criterion in rubric.criteria})
        return [self._against_prior(asked, asked, rubric.criteria) for _ in answers]

    def _against_prior(
        self, asked: Asked, prior: Asked, criteria: Sequence[Criterion], *, away: JudgeFailure | None = None
    ) -> AnswerVerdicts:
        levels: dict[str, tuple[LevelVerdict, ...]] = {}
        failures: dict[str, JudgeFailure] = {}
        votes: dict[str, tuple[Vote, ...]] = {}
        for criterion in criteria:
            failure = asked.failures.get(criterion.id) or prior.failures.get(criterion.id)
            if failure:
                failures[criterion.id] = away if away and failure.reason.retryable else failure
                votes[criterion.id] = (Vote(self.identity.model, (), failure.reason),)
                continue
            levels[criterion.id] = tuple(
                _level(asked.found[criterion.id, index], prior.found[criterion.id, index])
                for index in range(1, len(criterion.levels))
            )
            votes[criterion.id] = (Vote(self.identity.model, levels[criterion.id]),)
        return AnswerVerdicts(levels, failures, votes, tuple(asked.calls.values()), asked.cached, asked.defused)


def _level(said: Found, prior: Found) -> LevelVerdict:
    return LevelVerdict(
        log_odds=said.verdict.log_odds,
        prior=prior.verdict.log_odds,
        quote=said.verdict.quote if said.verdict.met else "",
        reason=said.verdict.reason,
        call=said.call,
        prior_call=prior.call,
        position=said.position,
        span=said.span,
    )
