"""Delimiting of answers in prompts, so that no answer can end its own part of the prompt.

An answer stands between two lines with the same nonce: a keyed hash of the trusted block and the answer. It is
unknown to candidates and different for every answer, yet the same whenever the same answer is judged again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

_NONCE_HEX_DIGITS = 16
# The replacements read the same and are as long.
_LOOKALIKES = {"<<<": "‹‹‹", ">>>": "›››", "<|": "‹|", "|>": "|›"}
# Honest answers name these control tokens: escaped, but not counted.
_CONTROL_TAG = re.compile(
    r"<(/?(?:s|bos|eos|pad|unk|think|tool_?calls?|tool_response|system|assistant|(?:start|end)_of_[a-z]+))>",
    re.IGNORECASE,
)
_CONTROL_BRACKET = re.compile(
    r"\[(/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS))\]", re.IGNORECASE
)


@dataclass(frozen=True)
class DelimitedAnswer:
    """An answer as the judge reads it; `escaped_markers` counts the look-alikes of our markers in the original."""

    text: str
    nonce: str
    escaped_markers: int


def delimit_answer(answer: str, *, context: str, secret: bytes) -> DelimitedAnswer:
    """Escape an answer and compute its nonce.

    `context` distinguishes prompts about the same answer (the trusted block), `secret` is the key of the nonce.
    Escaping replaces look-alikes of markers, so that no answer can close its delimiters or speak in another role.
    """
    escaped_markers = sum(answer.count(marker) for marker in _LOOKALIKES)
    answer = escape_markers(answer)
    digest = hmac.new(secret, f"{context}\x00{answer}".encode(), hashlib.sha256).hexdigest()
    return DelimitedAnswer(text=answer, nonce=digest[:_NONCE_HEX_DIGITS], escaped_markers=escaped_markers)


def escape_markers(answer: str) -> str:
    """The answer without our delimiters and without control tokens of chat templates."""
    for marker, replacement in _LOOKALIKES.items():
        answer = answer.replace(marker, replacement)
    return _CONTROL_BRACKET.sub(r"(\1)", _CONTROL_TAG.sub(r"‹\1›", answer))
