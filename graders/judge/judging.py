"""Asking the judge about a batch of answers to one question, one criterion at a time.

For every level above the lowest the judge says how likely the answer reaches it. The same is asked
once of an answer that says nothing; the difference is what the answer itself earned, whatever the
judge's leaning on that criterion.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vivavoce.rubrics import Criterion, Rubric

from ..errors import JudgeFailure
from .client import EngineIdentity, JudgeClient
from .prompt import FencedAnswer, Message, PromptTemplate, fence, load_template, messages, trusted_block
from .verdict import Verdict, read_verdict

_ANCHOR = "-"
# Answers in flight at once, by engine. The embedded engine has one slot: more would only evict each
# other's prefix. Others batch by themselves.
_CONCURRENCY = {"llamacpp": 1}
_DEFAULT_CONCURRENCY = 16


class VerdictCache(Protocol):
    """Where verdicts are kept, by a key that holds everything that decides them."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, Verdict]:
        """Those of the keys that are known."""

    def put_many(self, verdicts: Mapping[str, Verdict]) -> None:
        """Keep verdicts; a key that is there already keeps the verdict it has."""


@dataclass
class InMemoryVerdictCache:
    """A cache for one process."""

    _verdicts: dict[str, Verdict] = field(default_factory=dict)

    def get_many(self, keys: Sequence[str]) -> Mapping[str, Verdict]:
        """See VerdictCache."""
        return {key: self._verdicts[key] for key in keys if key in self._verdicts}

    def put_many(self, verdicts: Mapping[str, Verdict]) -> None:
        """See VerdictCache."""
        for key, verdict in verdicts.items():
            self._verdicts.setdefault(key, verdict)


@dataclass(frozen=True)
class LevelVerdict:
    """How likely an answer reaches a level: the judge's log-odds, and those for an answer without content."""

    log_odds: float
    prior: float


@dataclass(frozen=True)
class AnswerVerdicts:
    """The judge's word on one answer.

    `levels[criterion_id]` has an entry for each level above the lowest; a criterion for which any
    call failed is in `failures` instead.
    """

    levels: Mapping[str, tuple[LevelVerdict, ...]]
    failures: Mapping[str, JudgeFailure]
    calls: tuple[Verdict, ...]
    cached: int
    defused: int


class Judge(Protocol):
    """Anything that judges a batch of answers to one question."""

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model and revision, for the report."""

    @property
    def url(self) -> str:
        """Where its server is."""

    def prompt_hash(self, rubric: Rubric) -> str:
        """SHA-256 of the prompt file that a rubric is judged with."""

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """One entry an answer, in order."""


class RubricJudge:
    """The judge behind an OpenAI-compatible server.

    `secret` keys the fence around answers; `timeout_seconds` bounds one call.
    """

    def __init__(
        self,
        *,
        base_url: str,
        identity: EngineIdentity,
        secret: bytes,
        cache: VerdictCache,
        timeout_seconds: float,
        api_key: str | None = None,
    ) -> None:
        self.identity = identity
        self.url = base_url
        self._secret = secret
        self._cache = cache
        self._timeout_seconds = timeout_seconds
        self._api_key = api_key

    def prompt_hash(self, rubric: Rubric) -> str:
        """See Judge."""
        return load_template(rubric.question.language).hash

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge; a call that fails is reported for its criterion and never raised."""
        return asyncio.run(self._judge(answers, rubric))

    async def _judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        template = load_template(rubric.question.language)
        trusted = trusted_block(template, question=rubric.question.text)
        room = asyncio.Semaphore(_CONCURRENCY.get(self.identity.engine, _DEFAULT_CONCURRENCY))
        async with JudgeClient(
            self.url,
            model=self.identity.model,
            timeout_seconds=self._timeout_seconds,
            api_key=self._api_key,
        ) as client:
            asker = _Asker(client, self._cache, self.identity, template, trusted, rubric.criteria)

            async def one(answer: str) -> _Asked:
                async with room:
                    return await asker.ask_all(fence(answer, context=trusted, secret=self._secret))

            # The content-free answer goes first and alone: it warms the prefix that all others share.
            await asker.anchor(f"{template.system}\n\n{_ANCHOR}")
            prior = await one(template.content_free_answer)
            if any(failure.reason.retryable for failure in prior.failures.values()):
                # Nobody is there. One answer's worth of waiting is enough to know it.
                return [_against_prior(prior, prior, rubric.criteria) for _ in answers]
            asked = await asyncio.gather(*(one(answer) for answer in answers))
        return [_against_prior(one_answer, prior, rubric.criteria) for one_answer in asked]


@dataclass(frozen=True)
class _Asked:
    """Verdicts on one answer by (criterion, level index)."""

    verdicts: Mapping[tuple[str, int], Verdict]
    failures: Mapping[str, JudgeFailure]
    calls: tuple[Verdict, ...]
    cached: int
    defused: int


@dataclass(frozen=True)
class _Asker:
    client: JudgeClient
    cache: VerdictCache
    identity: EngineIdentity
    template: PromptTemplate
    trusted: str
    criteria: Sequence[Criterion]

    async def ask_all(self, answer: FencedAnswer) -> _Asked:
        """Every level of every criterion, in order, so that equal work is done in an equal way."""
        questions = [
            (criterion.id, index, level.description)
            for criterion in self.criteria
            for index, level in enumerate(criterion.levels)
            if index > 0
        ]
        keys = {(name, index): self._key(answer, text) for name, index, text in questions}
        known = self.cache.get_many(list(keys.values()))
        verdicts: dict[tuple[str, int], Verdict] = {}
        failures: dict[str, JudgeFailure] = {}
        fresh: dict[str, Verdict] = {}
        if len(known) < len(set(keys.values())):
            await self.anchor(self.trusted)
        for name, index, text in questions:
            key = keys[name, index]
            if key in known:
                verdicts[name, index] = known[key]
                continue
            if name in failures:
                continue
            prompt = messages(self.template, trusted=self.trusted, answer=answer, criterion=text)
            try:
                reply, seconds = await self.client.ask(prompt)
                verdicts[name, index] = fresh[key] = read_verdict(reply, self.template, seconds=seconds)
            except JudgeFailure as failure:
                failures[name] = failure
                if failure.reason.retryable:
                    failures.update({other: failure for other, at, _ in questions if (other, at) not in verdicts})
                    break
        self.cache.put_many(fresh)
        return _Asked(
            verdicts=verdicts,
            failures=failures,
            calls=tuple(fresh.values()),
            cached=len(known),
            defused=answer.defused,
        )

    async def anchor(self, *prefixes: str) -> None:
        """Bring the embedded engine's cache to exactly the end of each prefix, in turn.

        That engine computes a token slightly differently with other neighbours in its batch. From
        here on the batches of an answer are the same whatever was asked before, and so are its verdicts.
        """
        if self.identity.engine != "llamacpp":
            return
        for prefix in prefixes:
            prompt: list[Message] = [
                {"role": "system", "content": prefix},
                {"role": "user", "content": _ANCHOR},
            ]
            try:
                await self.client.ask(prompt)
            except JudgeFailure:
                return  # The first real call meets the same failure and reports it.

    def _key(self, answer: FencedAnswer, criterion: str) -> str:
        parts = [
            self.identity.engine,
            self.identity.model,
            self.identity.revision,
            self.template.hash,
            self.trusted,
            answer.text,
            criterion,
        ]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _against_prior(asked: _Asked, prior: _Asked, criteria: Sequence[Criterion]) -> AnswerVerdicts:
    levels: dict[str, tuple[LevelVerdict, ...]] = {}
    failures: dict[str, JudgeFailure] = {}
    for criterion in criteria:
        failure = asked.failures.get(criterion.id) or prior.failures.get(criterion.id)
        if failure:
            failures[criterion.id] = failure
            continue
        levels[criterion.id] = tuple(
            LevelVerdict(
                log_odds=asked.verdicts[criterion.id, index].log_odds,
                prior=prior.verdicts[criterion.id, index].log_odds,
            )
            for index in range(1, len(criterion.levels))
        )
    return AnswerVerdicts(
        levels=levels,
        failures=failures,
        calls=asked.calls,
        cached=asked.cached,
        defused=asked.defused,
    )
