"""Records of judge calls: enough to read the verdicts again later, without the judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..types import EngineIdentity
from .prompt import PromptTemplate, ReplyForm
from .verdict import Usage, Verdict, read_verdicts

TEMPLATE_TOKENS = 64
"""Chat templates put a few tokens around each message; never as many as this."""


@dataclass(frozen=True)
class Prices:
    """Prices of a judge per million tokens, in the operator's currency.

    `prompt` is for tokens of the prompt that were computed, `cached` for those from the engine's cache.
    """

    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0

    def cost_of(self, usage: Usage) -> float:
        """The cost of a call, in the same currency."""
        # Servers may report more cached tokens than prompt tokens.
        fresh = max(usage.tokens_in - usage.tokens_cached, 0)
        spent = fresh * self.prompt + usage.tokens_cached * self.cached + usage.tokens_out * self.completion
        return spent / 1e6

    def bound_cost(self, request: Mapping[str, Any]) -> float:
        """The most that a chat-completion request can cost: no token of a prompt is shorter than a byte."""
        tokens_in = sum(len(message["content"].encode()) + TEMPLATE_TOKENS for message in request["messages"])
        prompt = max(self.prompt, self.cached)
        return (tokens_in * prompt + int(request["max_tokens"]) * self.completion) / 1e6


@dataclass(frozen=True)
class CallRecord:
    """A call that returned verdicts: the request as sent, the raw reply, and what produced both.

    `seconds` is how long the successful try took, `cost` is in the currency of `Prices`.
    """

    request: Mapping[str, Any]
    reply: Mapping[str, Any]
    form: ReplyForm
    identity: EngineIdentity
    engine_version: str
    prompt_name: str
    prompt_hash: str
    usage: Usage
    seconds: float
    cost: float

    def read_verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts, parsed from the raw reply; raises JudgeFailure if the reply has none."""
        return read_verdicts(self.reply, self.form)


class VerdictCache(Protocol):
    """A store of calls, by a key that covers everything that decides their verdicts (see `verdict_key`)."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CallRecord]:
        """The stored calls among the keys; missing keys are left out."""

    def put_many(self, calls: Mapping[str, CallRecord]) -> Mapping[str, CallRecord]:
        """Store calls and return what is stored now: an existing call is kept, not replaced."""


@dataclass
class InMemoryVerdictCache:
    """A cache for one process."""

    _calls: dict[str, CallRecord] = field(default_factory=dict)

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CallRecord]:
        """See VerdictCache."""
        return {key: self._calls[key] for key in keys if key in self._calls}

    def put_many(self, calls: Mapping[str, CallRecord]) -> Mapping[str, CallRecord]:
        """See VerdictCache."""
        return {key: self._calls.setdefault(key, call) for key, call in calls.items()}


def verdict_key(identity: EngineIdentity, template: PromptTemplate, request: Mapping[str, Any], *, nonce: str) -> str:
    """SHA-256, in hexadecimal, of everything that decides a verdict: engine, model, revision, prompt files, request.

    The request contains rubric, answer and sampling. The delimiter's nonce is removed from it: it follows from the
    rest and the installation's secret, so that a new secret does not invalidate stored verdicts.
    """
    sent = json.dumps(request, ensure_ascii=False, sort_keys=True).replace(nonce, "")
    parts = [identity.engine, identity.model, identity.revision, template.hash, sent]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
