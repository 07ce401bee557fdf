"""Reading of a judge's reply: probabilities of each verdict, or a typed failure, never a guess."""

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

# With less, the judge did not answer the question.
MIN_LABEL_MASS = 0.5
# Keeps log-odds finite when one label has all probability.
_MIN_PROBABILITY = 1e-6
# Quotes within strings are escaped: copied text never looks like a key.
_EXPLAINED_VERDICT = re.compile(rb'"verdict"\s*:\s*"')
_FAST_VERDICT = re.compile(rb'"\d+"\s*:\s*"')
# Some models put their object into a code block.
_OBJECT = re.compile(rb"\s*(?:```(?:json)?\s*)?(?P<object>\{.*\})\s*(?:```\s*)?", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """The judge's verdict on one item.

    `log_odds` is ln P(yes)/P(no) as read from the reply, `mass` the probability of yes and no together (0 to 1). An
    explained verdict has a `quote` of the answer, the numbers of the `sentences` it cites (not checked), and a
    `reason`.
    """

    log_odds: float
    mass: float
    quote: str = ""
    sentences: tuple[int, ...] = ()
    reason: str = ""

    @property
    def met(self) -> bool:
        """Whether yes is more probable than no."""
        return self.log_odds > 0


@dataclass(frozen=True)
class Usage:
    """Tokens of a call: of the prompt, of its part that the engine had cached, and of the reply."""

    tokens_in: int
    tokens_cached: int
    tokens_out: int


def read_verdicts(reply: Any, form: ReplyForm) -> tuple[Verdict, ...]:
    """The verdicts in a chat completion with `logprobs`, one an item.

    Raises JudgeFailure: `truncated` if the reply did not end, `parse` if it does not have exactly the requested form
    or no well-formed distribution, `refused` if most of the probability is on something other than a verdict.
    """
    try:
        choice = reply["choices"][0]
        tokens = [_Token.from_entry(entry) for entry in choice["logprobs"]["content"]]
        finish = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise JudgeFailure(
            UnscoredReason.PARSE, f"the reply has no label probabilities ({type(error).__name__})"
        ) from None
    if form.one_token:
        if not tokens:
            raise JudgeFailure(UnscoredReason.PARSE, "the reply is empty")
        return (_read_distribution(tokens[0], form),)
    if finish == "length":
        raise JudgeFailure(UnscoredReason.TRUNCATED, "the reply did not end within its bound")
    return _read_json_verdicts(choice, tokens, form)


def read_usage(reply: Mapping[str, Any]) -> Usage:
    """The token counts of a reply; counts that the server does not report are 0."""
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        tokens_in=_read_count(usage.get("prompt_tokens")),
        tokens_cached=_read_count(cached),
        tokens_out=_read_count(usage.get("completion_tokens")),
    )


def locate_quote(verdict: Verdict, *, answer: str) -> tuple[int, int] | None:
    """Bounds, in characters of the answer, of the quote of a yes; None for a no or a quote that is not in it."""
    return find_quote(answer, verdict.quote) if verdict.met and verdict.quote else None


@dataclass(frozen=True)
class _Token:
    """A token of a reply: its bytes, which may split characters, and its alternatives with log-probabilities."""

    raw: bytes
    tops: tuple[tuple[str, float], ...]

    @classmethod
    def from_entry(cls, entry: Any) -> _Token:
        raw = entry.get("bytes")
        return cls(
            # list(), because bytes(5) would be five zeros.
            raw=bytes(list(raw)) if raw is not None else str(entry["token"]).encode(),
            tops=tuple((str(item["token"]), float(item["logprob"])) for item in entry["top_logprobs"]),
        )


def _read_json_verdicts(choice: Mapping[str, Any], tokens: Sequence[_Token], form: ReplyForm) -> tuple[Verdict, ...]:
    """The verdicts of a JSON reply: evidence from its text, probabilities from the token where each verdict begins."""
    raw = b"".join(token.raw for token in tokens)
    bodies = _parse_bodies(_extract_object(choice, raw), form)
    pattern = _EXPLAINED_VERDICT if form.mode == "explained" else _FAST_VERDICT
    starts = [match.end() for match in pattern.finditer(raw)]
    if len(starts) != form.verdicts:
        raise JudgeFailure(UnscoredReason.PARSE, f"the reply has {len(starts)} verdicts instead of {form.verdicts}")
    by_offset = dict(_list_offsets(tokens))
    verdicts = []
    for start, body in zip(starts, bodies, strict=True):
        if start not in by_offset:
            raise JudgeFailure(UnscoredReason.PARSE, "the reply ends before its verdict")
        verdict = _read_distribution(by_offset[start], form)
        if not form.sampled and (body["verdict"] in form.yes) != (verdict.log_odds >= 0):
            raise JudgeFailure(UnscoredReason.PARSE, "the verdict in the text is not the most probable one")
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


def _read_distribution(token: _Token, form: ReplyForm) -> Verdict:
    """The log-odds of a verdict token; spellings of the same label add up."""
    pairs = token.tops
    # Servers round: slightly above 1 is still a probability.
    if not pairs or any(math.isnan(logprob) or logprob > 1e-3 for _, logprob in pairs):
        raise JudgeFailure(UnscoredReason.PARSE, "the label probabilities are not probabilities")
    yes = sum(math.exp(logprob) for text, logprob in pairs if _is_label(text, form.yes, form))
    no = sum(math.exp(logprob) for text, logprob in pairs if _is_label(text, form.no, form))
    mass = yes + no
    if mass < MIN_LABEL_MASS:
        raise JudgeFailure(UnscoredReason.REFUSED, f"only {mass:.0%} of the reply's probability is on a verdict")
    if mass > 1.01:
        raise JudgeFailure(UnscoredReason.PARSE, "the label probabilities add up to more than 1")
    log_odds = math.log(max(yes, _MIN_PROBABILITY) / max(no, _MIN_PROBABILITY))
    return Verdict(log_odds=log_odds, mass=min(mass, 1.0))


def _is_label(token: str, labels: Sequence[str], form: ReplyForm) -> bool:
    """Whether a token is one of the labels, without the blanks and quotation marks that some tokenisers attach.

    Where the schema allows only labels, the beginning of a label counts too: it can only become that label.
    """
    text = token.strip().strip('"')
    return text in labels or (form.constrained and text != "" and any(label.startswith(text) for label in labels))


def _extract_object(choice: Mapping[str, Any], raw: bytes) -> bytes:
    """The JSON object of a reply; `raw` are the bytes of all its tokens.

    The text may lack what the server cuts off at its ends, but every byte of it must have been generated.
    """
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str) or not _is_storable(text) or text.encode() not in raw:
        raise JudgeFailure(UnscoredReason.PARSE, "the reply's text differs from its tokens")
    match = _OBJECT.fullmatch(text.encode())
    if not match:
        raise JudgeFailure(UnscoredReason.PARSE, "the reply is not a JSON object")
    return match["object"]


def _parse_bodies(raw: bytes, form: ReplyForm) -> list[dict[str, Any]]:
    """The reply as one object an item, checked here because engines may not enforce the schema."""
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
        and _is_storable(body["quote"])
        and _is_storable(body["reason"])
        and isinstance(body["sentences"], list)
        and all(isinstance(number, int) and not isinstance(number, bool) for number in body["sentences"])
    )


def _is_storable(value: Any) -> bool:
    """Whether a value is text that can be stored and sent; text with a lone surrogate is not."""
    try:
        return isinstance(value, str) and value.encode("utf-8") is not None
    except UnicodeEncodeError:
        return False


def _list_offsets(tokens: Sequence[_Token]) -> Iterator[tuple[int, _Token]]:
    """Every byte offset of the reply, with the token that covers it."""
    start = 0
    for token in tokens:
        for offset in range(start, start + len(token.raw)):
            yield offset, token
        start += len(token.raw)


def _read_count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
