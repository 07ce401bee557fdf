"""The judge of a model server: verdicts on a batch of answers to one question.

For every level above the lowest, the judge says how probably the answer reaches it. The same is asked once about an
answer without content; the difference is what the answer itself earned, whatever the judge's bias on that criterion
(contextual calibration, Zhao et al. 2021).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from vivavoce.rubrics import Criterion, Rubric

from ..errors import JudgeFailure, UnscoredReason
from ..models.time_limit import TimeLimit, limits_of_batch
from ..types import EngineIdentity, LevelVerdict, Vote
from .budget import CallBudget, current_budget, within_budget
from .call_record import Prices, VerdictCache
from .capabilities import UNREACHED, Capabilities, probe_capabilities
from .clients.cached_client import CachedJudgeClient, chat_request, wrap_schema
from .clients.client import Deadlines, JudgeClient
from .prompt import Message, PromptForm, load_template
from .prompt_set import PromptSet
from .session import JudgedAnswer, JudgingSession, RecordedVerdict
from .types import AnswerVerdicts


class RubricJudge:
    """One model behind one or several OpenAI-compatible servers; use it as a context manager.

    `secret` is the key of the delimiters around answers. `sample` 0 decodes greedily, other numbers draw a reply with
    that seed. `concurrency` bounds the answers that are judged at the same time; None takes what suits the engine.
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
        self._cached_client: CachedJudgeClient | None = None
        self._slots: asyncio.Semaphore | None = None
        self._capabilities: Capabilities | None = None

    @property
    def form(self) -> str:
        """The form of its prompts; samples are marked, because their verdicts are drawn."""
        return f"{self.prompt_form}/sampled" if self._sample else str(self.prompt_form)

    def __enter__(self) -> Self:
        # One event loop for all batches keeps connections and circuits.
        self._portal = self._open.enter_context(start_blocking_portal())
        client = JudgeClient(self.urls, deadlines=self._deadlines, api_key=self._api_key, prices=self._prices)
        self._cached_client = CachedJudgeClient(
            client, self._cache, self.identity, sample=self._sample, prices=self._prices
        )
        self._open.callback(self._portal.call, self._cancel_batches)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._open.close()

    def prompt_hash(self, rubric: Rubric) -> str:
        """See Judge."""
        return load_template(rubric.question.language, self.prompt_form.mode).hash

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge; raises RuntimeError if the judge was never entered as a context manager."""
        if self._portal is None:
            raise RuntimeError("use the judge as a context manager")
        try:
            judging = partial(self._judge_as_task, answers, rubric, limits_of_batch(len(answers)), current_budget())
            return self._portal.call(judging)
        except (CancelledError, RuntimeError):
            if not self._closed:
                raise
            stopped = JudgeFailure(UnscoredReason.INFRASTRUCTURE, "the judge was stopped", unavailable=True)
            return self._fail_answers(stopped, answers, rubric)

    def requests_for(self, answers: Sequence[str], rubric: Rubric) -> list[list[dict[str, Any]]]:
        """The requests that `judge` would send with an empty cache, a list for each answer."""
        prompt_set = PromptSet.from_rubric(rubric, self.prompt_form, self._secret)
        return [
            [
                chat_request(call, model=self.identity.model, sample=self._sample)
                for call in prompt_set.plan_calls(prompt_set.delimit_answer(answer))
            ]
            for answer in answers
        ]

    def complete(self, messages: list[Message], *, schema: Mapping[str, Any], max_tokens: int) -> str:
        """The text of a greedy reply under a JSON schema, for prompts that ask for no verdict.

        Raises JudgeFailure if the judge does not answer or its reply exceeds `max_tokens`.
        """
        assert self._portal
        assert self._cached_client
        request = {
            "model": self.identity.model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": 0,
            "seed": 0,
            "response_format": wrap_schema(schema),
        }
        reply = self._portal.call(partial(self._cached_client.client.ask, request, prefix_key="complete")).reply
        try:
            choice = reply["choices"][0]
            finish, text = choice["finish_reason"], str(choice["message"]["content"])
        except (KeyError, IndexError, TypeError):
            raise JudgeFailure(UnscoredReason.PARSE, "the reply has no text") from None
        if finish == "length":
            raise JudgeFailure(UnscoredReason.TRUNCATED, "the reply did not end within its bound")
        return text

    def describe(self) -> Capabilities:
        """What the servers are and can do; raises JudgeFailure if none answers."""
        assert self._portal
        return self._portal.call(self._get_capabilities)

    async def _get_capabilities(self) -> Capabilities:
        """The capabilities of the first server that answers, asked once."""
        if self._capabilities is None:
            capabilities = await self._probe_servers()
            if capabilities.engine not in ("openai", self.identity.engine):
                raise JudgeFailure(
                    UnscoredReason.INFRASTRUCTURE,
                    f"the judge is {capabilities.engine}, not {self.identity.engine}: set VIVA_JUDGE_ENGINE",
                    unavailable=True,
                )
            self._capabilities = replace(capabilities, concurrency=self._concurrency or capabilities.concurrency)
        return self._capabilities

    async def _probe_servers(self) -> Capabilities:
        assert self._cached_client
        failure: JudgeFailure | None = None
        for url in self.urls:
            try:
                return await probe_capabilities(self._cached_client.client, url=url, model=self.identity.model)
            except JudgeFailure as error:
                failure = error
        assert failure
        raise failure

    async def _cancel_batches(self) -> None:
        """Cancel running batches, so that threads that wait for them return, and close all connections."""
        assert self._cached_client
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._cached_client.aclose()
        await self._cached_client.client.aclose()

    async def _judge_as_task(
        self,
        answers: Sequence[str],
        rubric: Rubric,
        limits: Sequence[TimeLimit],
        budget: CallBudget | None,
    ) -> list[AnswerVerdicts]:
        # A task copies its context, and so the budget.
        with within_budget(budget):
            task = asyncio.ensure_future(self._judge_batch(answers, rubric, limits))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    async def _judge_batch(
        self, answers: Sequence[str], rubric: Rubric, limits: Sequence[TimeLimit]
    ) -> list[AnswerVerdicts]:
        assert self._cached_client
        prompt_set = PromptSet.from_rubric(rubric, self.prompt_form, self._secret)
        try:
            capabilities = await self._get_capabilities()
            session = JudgingSession(self._cached_client, prompt_set, capabilities)
            # Shared: all batches together must not exceed the engine's concurrency.
            slots = self._slots = self._slots or asyncio.Semaphore(capabilities.concurrency)
        except JudgeFailure as failure:
            # Stored verdicts need no judge; other answers get this failure.
            session = JudgingSession(self._cached_client, prompt_set, UNREACHED, unavailable=failure)
            slots = asyncio.Semaphore(1)
        # First and alone: it warms the prefix that all share.
        async with slots:
            baseline = await session.ask_baseline()

        async def judge_answer(answer: str, limit: TimeLimit) -> JudgedAnswer:
            async with slots:
                return await session.ask(answer, limit)

        judged_answers = await asyncio.gather(*map(judge_answer, answers, limits))
        return [
            self._subtract_baseline(judged, baseline, rubric.criteria, unavailable=session.unavailable)
            for judged in judged_answers
        ]

    def _fail_answers(self, failure: JudgeFailure, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        judged = JudgedAnswer(failures={criterion.id: failure for criterion in rubric.criteria})
        return [self._subtract_baseline(judged, judged, rubric.criteria) for _ in answers]

    def _subtract_baseline(
        self,
        judged: JudgedAnswer,
        baseline: JudgedAnswer,
        criteria: Sequence[Criterion],
        *,
        unavailable: JudgeFailure | None = None,
    ) -> AnswerVerdicts:
        """The verdicts on an answer beside those on the content-free one; a failure of either fails a criterion."""
        levels: dict[str, tuple[LevelVerdict, ...]] = {}
        failures: dict[str, JudgeFailure] = {}
        votes: dict[str, tuple[Vote, ...]] = {}
        for criterion in criteria:
            failure = judged.failures.get(criterion.id) or baseline.failures.get(criterion.id)
            if failure:
                failures[criterion.id] = unavailable if unavailable and failure.reason.retryable else failure
                votes[criterion.id] = (Vote(self.identity.model, (), failure.reason),)
                continue
            levels[criterion.id] = tuple(
                _build_level_verdict(judged.found[criterion.id, index], baseline.found[criterion.id, index])
                for index in range(1, len(criterion.levels))
            )
            votes[criterion.id] = (Vote(self.identity.model, levels[criterion.id]),)
        return AnswerVerdicts(
            levels,
            failures,
            votes,
            tuple(judged.calls.values()),
            judged.cached,
            judged.escaped_markers,
            judged.seconds,
        )


def _build_level_verdict(verdict: RecordedVerdict, baseline: RecordedVerdict) -> LevelVerdict:
    return LevelVerdict(
        log_odds=verdict.verdict.log_odds,
        baseline_log_odds=baseline.verdict.log_odds,
        # A quote under a no is not evidence of anything.
        quote=verdict.verdict.quote if verdict.verdict.met else "",
        reason=verdict.verdict.reason,
        call=verdict.call,
        baseline_call=baseline.call,
        position=verdict.position,
        span=verdict.span,
    )
