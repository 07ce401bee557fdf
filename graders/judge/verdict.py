"""From the judge's reply to a probability, or to a typed failure; never to a guess."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..errors import JudgeFailure, UnscoredReason
from .prompt import PromptTemplate

# Below this much of the probability on the two allowed answers the judge did not answer the question.
MIN_LABEL_MASS = 0.5
_FLOOR = 1e-6


@dataclass(frozen=True)
class Verdict:
    """The judge's word on one criterion.

    `log_odds` is ln P(yes)/P(no) as the judge said it, `mass` the probability it put on the two
    together (0 to 1); the counts are of tokens.
    """

    log_odds: float
    mass: float
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


def read_verdict(reply: Any, template: PromptTemplate, *, seconds: float) -> Verdict:
    """The verdict in a chat completion with `logprobs`.

    Raises JudgeFailure(parse) when the reply has no well-formed distribution over the allowed
    answers and JudgeFailure(refused) when the judge put its weight on something else.
    """
    try:
        choice = reply["choices"][0]
        alternatives = choice["logprobs"]["content"][0]["top_logprobs"]
        pairs = [(str(item["token"]), float(item["logprob"])) for item in alternatives]
        usage = reply.get("usage") or {}
        tokens_in, tokens_out = (
            int(usage.get("prompt_tokens", 0)),
            int(usage.get("completion_tokens", 0)),
        )
        cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise JudgeFailure(
            UnscoredReason.PARSE, f"the reply has no label probabilities ({type(error).__name__})"
        ) from None
    if not pairs or any(math.isnan(logprob) or logprob > 1e-3 for _, logprob in pairs):
        raise JudgeFailure(UnscoredReason.PARSE, "the label probabilities are not probabilities")
    yes = sum(math.exp(logprob) for token, logprob in pairs if token.strip() in template.yes)
    no = sum(math.exp(logprob) for token, logprob in pairs if token.strip() in template.no)
    mass = yes + no
    if mass < MIN_LABEL_MASS:
        raise JudgeFailure(UnscoredReason.REFUSED, f"only {mass:.0%} of the reply's probability is on a verdict")
    if mass > 1.01:
        raise JudgeFailure(UnscoredReason.PARSE, "the label probabilities add up to more than 1")
    return Verdict(
        log_odds=math.log(max(yes, _FLOOR) / max(no, _FLOOR)),
        mass=min(mass, 1.0),
        tokens_in=tokens_in,
        tokens_cached=cached,
        tokens_out=tokens_out,
        seconds=seconds,
    )
