"""What is kept of a judge call: enough to read its verdicts again, years later, without the judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..types import EngineIdentity
from .prompt import PromptTemplate, ReplyForm
from .verdict import Usage, Verdict, read_verdicts


@dataclass(frozen=True)
class Prices:
    """What a judge's tokens cost, per million, in whatever currency the operator counts."""

    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0

    def cost_of(self, usage: Usage) -> float:
        """The cost of a call."""
        fresh = max(usage.tokens_in - usage.tokens_cached, 0)
        spent = fresh * self.prompt + usage.tokens_cached * self.cached + usage.tokens_out * self.completion
        return spent / 1e6


@dataclass(frozen=True)
class CallRecord:
    """A call that brought verdicts: the request as sent, the reply as it came, and where both were made."""

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

    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts, read from the reply again; raises JudgeFailure if it holds none."""
        return read_verdicts(self.reply, self.form)


class VerdictCache(Protocol):
    """Where calls are kept, by a key that holds everything that decides their verdicts."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CallRecord]:
        """Those of the keys that are known."""

    def put_many(self, calls: Mapping[str, CallRecord]) -> Mapping[str, CallRecord]:
        """Keep calls, and say what is kept now: a key that was there already keeps the call it had."""


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
    """SHA-256 of everything that decides a verdict: engine, model, revision, prompt files and the request.

    The request holds rubric, answer and sampling; the code of its fence, which follows from them and
    the installation's secret, is left out, so that a new secret forgets no verdict.
    """
    sent = json.dumps(request, ensure_ascii=False, sort_keys=True).replace(nonce, "")
    parts = [identity.engine, identity.model, identity.revision, template.hash, sent]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
