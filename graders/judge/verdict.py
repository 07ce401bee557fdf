"""From the judge's reply to probabilities, or to a typed failure; never to a guess."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import JudgeFailure, UnscoredReason
from ..reading.quotes import find_quote
from .prompt import ReplyForm

# Below this much of the probability on the two allowed answers the judge did not answer the question.
MIN_LABEL_MASS = 0.5
_FLOOR = 1e-6
# Where a verdict begins in a JSON reply. Inside a string a quote is escaped, so that no text of a
# candidate that the judge copied can look like the key of a verdict.
_EXPLAINED_VERDICT = re.compile(rb'"verdict"\s*:\s*"')
_FAST_VERDICT = re.compile(rb'"\d+"\s*:\s*"')
# Some engines let a model put its object into a code block.
_OBJECT = re.compile(rb"\s*(?:```(?:json)?\s*)?(?P<object>\{.*\})\s*(?:```\s*)?", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """The judge's word on one item.

    `log_odds` is ln P(yes)/P(no) as the judge said it, `mass` the probability it put on the two
    together (0 to 1). An explained verdict has a `quote` of the answer, the numbers of the
    `sentences` it came from (as the judge gave them), and a `reason`.
    """

    log_odds: float
    mass: float
    quote: str = ""
    sentences: tuple[int, ...] = ()
    reason: str = ""

    @property
    def met(self) -> bool:
        """Whether the judge leans to yes."""
        return self.log_odds > 0


@dataclass(frozen=True)
class Usage:
    """Tokens of a call: of the prompt, of those the ones that the engine had cached, and of the reply."""

    tokens_in: int
    tokens_cached: int
    tokens_out: int


def read_verdicts(reply: Any, form: ReplyForm) -> tuple[Verdict, ...]:
    """The verdicts in a chat completion with `logprobs`, one an item.

    Raises JudgeFailure: `truncated` when the reply did not end, `parse` when it has not exactly the
    form that was asked for or no well-formed distribution, `refused` when the judge put its weight
    on something other than a verdict.
    """
    try:
        choice = reply["choices"][0]
        tokens = [_Token.of(entry) for entry in choice["logprobs"]["content"]]
        finish = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise JudgeFailure(
            UnscoredReason.PARSE, f"the reply has no label probabilities ({type(error).__name__})"
        ) from None
    if form.one_token:
        if not tokens:
            raise JudgeFailure(UnscoredReason.PARSE, "the reply is empty")
        return (_distribution(tokens[0], form),)
    if finish == "length":
        raise JudgeFailure(UnscoredReason.TRUNCATED, "the reply did not end within its bound")
    raw = b"".join(token.raw for token in tokens)
    bodies = _bodies(_object_in(choice, raw), form)
    starts = [
        match.end() for match in (_EXPLAINED_VERDICT if form.mode == "explained" else _FAST_VERDICT).finditer(raw)
    ]
    if len(starts) != form.verdicts:
        raise JudgeFailure(UnscoredReason.PARSE, f"the reply has {len(starts)} verdicts instead of {form.verdicts}")
    by_offset = dict(_offsets(tokens))
    verdicts = []
    for start, body in zip(starts, bodies, strict=True):
        verdict = _distribution(_token_at(by_offset, start), form)
        if not form.sampled and (body["verdict"] in form.yes) != (verdict.log_odds >= 0):
            raise JudgeFailure(UnscoredReason.PARSE, "the verdict that was written is not the most probable one")
        verdicts.append(
            Verdict(
                log_odds=verdict.log_odds,
                mass=verdict.mass,
                quote=body.get("quote", "").strip(),
                sentences=tuple(body.get("sentences", ())),
                reason=body.get("reason", "").strip(),
            )
        )
    return tuple(verdicts)


def read_usage(reply: Mapping[str, Any]) -> Usage:
    """The token counts of a reply; what a server does not report is 0."""
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_cached=_count(cached),
        tokens_out=_count(usage.get("completion_tokens")),
    )


def locate_quote(verdict: Verdict, *, answer: str) -> tuple[int, int] | None:
    """Where in an answer the quote of a verdict that says yes stands; None where it has none that stands there."""
    return find_quote(answer, verdict.quote) if verdict.met and verdict.quote else None


@dataclass(frozen=True)
class _Token:
    raw: bytes
    tops: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, entry: Any) -> _Token:
        raw = entry.get("bytes")
        return cls(
            raw=bytes(raw) if raw is not None else str(entry["token"]).encode(),
            tops=tuple((str(item["token"]), float(item["logprob"])) for item in entry["top_logprobs"]),
        )


def _distribution(token: _Token, form: ReplyForm) -> Verdict:
    pairs = token.tops
    if not pairs or any(math.isnan(logprob) or logprob > 1e-3 for _, logprob in pairs):
        raise JudgeFailure(UnscoredReason.PARSE, "the label probabilities are not probabilities")
    yes = sum(math.exp(logprob) for said, logprob in pairs if _says(said, form.yes, form))
    no = sum(math.exp(logprob) for said, logprob in pairs if _says(said, form.no, form))
    mass = yes + no
    if mass < MIN_LABEL_MASS:
        raise JudgeFailure(UnscoredReason.REFUSED, f"only {mass:.0%} of the reply's probability is on a verdict")
    if mass > 1.01:
        raise JudgeFailure(UnscoredReason.PARSE, "the label probabilities add up to more than 1")
    return Verdict(log_odds=math.log(max(yes, _FLOOR) / max(no, _FLOOR)), mass=min(mass, 1.0))


def _says(token: str, labels: Sequence[str], form: ReplyForm) -> bool:
    """Whether a token is one of the labels, without the blanks and quotes that some tokenisers glue to it.

    Where the schema lets nothing but labels follow, a beginning of a label can only become that label.
    """
    said = token.strip().strip('"')
    return said in labels or (form.constrained and said != "" and any(label.startswith(said) for label in labels))


def _object_in(choice: Mapping[str, Any], raw: bytes) -> bytes:
    """The JSON object of a reply; `raw` is all that was generated, with what the server cut off the text's ends."""
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str) or not _is_text(text) or text.encode() not in raw:
        raise JudgeFailure(UnscoredReason.PARSE, "the reply's text is not what its tokens say")
    found = _OBJECT.fullmatch(text.encode())
    if not found:
        raise JudgeFailure(UnscoredReason.PARSE, "the reply is not a JSON object")
    return found["object"]


def _bodies(raw: bytes, form: ReplyForm) -> list[dict[str, Any]]:
    """The parsed reply, as one object an item, checked by hand: a schema is a wish that engines may miss."""
    try:
        parsed = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise JudgeFailure(UnscoredReason.PARSE, "the reply is not JSON") from None
    if form.verdicts == 1 and form.mode == "explained" and isinstance(parsed, dict) and "verdict" in parsed:
        parsed = {"1": parsed}
    if not isinstance(parsed, dict) or list(parsed) != [str(n) for n in range(1, form.verdicts + 1)]:
        raise JudgeFailure(UnscoredReason.PARSE, "the reply does not answer each number once, in order")
    bodies = [body if form.mode == "explained" else {"verdict": body} for body in parsed.values()]
    if not all(_is_body(body, form) for body in bodies):
        raise JudgeFailure(UnscoredReason.PARSE, "the reply's fields are not what was asked for")
    return bodies


def _is_body(body: Any, form: ReplyForm) -> bool:
    if not isinstance(body, dict) or body.get("verdict") not in (*form.yes, *form.no):
        return False
    if form.mode == "fast":
        return True
    return (
        set(body) == {"sentences", "quote", "reason", "verdict"}
        and _is_text(body["quote"])
        and _is_text(body["reason"])
        and isinstance(body["sentences"], list)
        and all(isinstance(number, int) and not isinstance(number, bool) for number in body["sentences"])
    )


def _is_text(value: Any) -> bool:
    """Whether a value is text that can be stored and sent: a lone surrogate cannot."""
    try:
        return isinstance(value, str) and value.encode("utf-8") is not None
    except UnicodeEncodeError:
        return False


def _offsets(tokens: Sequence[_Token]) -> Iterator[tuple[int, _Token]]:
    """Each byte offset at which a token covers the reply."""
    at = 0
    for token in tokens:
        for offset in range(at, at + len(token.raw)):
            yield offset, token
        at += len(token.raw)


def _token_at(by_offset: Mapping[int, _Token], start: int) -> _Token:
    try:
        return by_offset[start]
    except KeyError:
        raise JudgeFailure(UnscoredReason.PARSE, "the reply ends before its verdict") from None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
