"""What the judge reads, from versioned files.

A prompt has three parts, in the order that lets an engine reuse its work: a trusted block that is the
same for every answer to a question, the answer between fences, and one criterion. The fence carries
a code that the candidate cannot foresee: a keyed hash of the very prompt it guards, so that it is
unknown outside, different for every answer, and yet the same whenever the same answer is judged again.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vivavoce.rubrics import Language

PROMPTS = Path(__file__).parent / "prompts"
_SEPARATOR = "\n=====\n"
_NONCE_HEX_DIGITS = 16
# Our fence and the control tokens of common chat formats; look-alikes keep their meaning to a reader.
_LOOKALIKES = {
    "<<<": "‹‹‹",
    ">>>": "›››",
    "<|": "‹|",
    "|>": "|›",
    "[INST]": "(INST)",
    "[/INST]": "(/INST)",
}

Message = dict[str, str]


@dataclass(frozen=True)
class PromptTemplate:
    """One prompt file: its parts, the two answers it allows in all their spellings, and its hash."""

    name: str
    system: str
    question: str
    answer: str
    criterion: str
    yes: tuple[str, ...]
    no: tuple[str, ...]
    content_free_answer: str
    hash: str


@dataclass(frozen=True)
class FencedAnswer:
    """An answer as the judge sees it; `defused` counts the look-alikes of our own markers in it."""

    text: str
    nonce: str
    defused: int


@cache
def load_template(language: Language, mode: str = "fast") -> PromptTemplate:
    """The prompt of a mode in a language."""
    name = f"{mode}.{language}"
    raw = (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
    system, question, answer, criterion, labels, content_free = raw.strip().split(_SEPARATOR)
    yes, no = (tuple(line.split("|")) for line in labels.splitlines())
    return PromptTemplate(
        name=name,
        system=system,
        question=question,
        answer=answer,
        criterion=criterion,
        yes=yes,
        no=no,
        content_free_answer=content_free,
        hash=hashlib.sha256(raw.encode("utf-8")).hexdigest(),
    )


def fence(answer: str, *, context: str, secret: bytes) -> FencedAnswer:
    """Make an answer safe to stand in a prompt.

    `context` is whatever tells this prompt from another for the same answer (the trusted block);
    `secret` keys the code of the fence. Look-alikes of markers are replaced, so that no answer can
    close its fence or speak in another role.
    """
    defused = sum(answer.count(marker) for marker in _LOOKALIKES)
    for marker, harmless in _LOOKALIKES.items():
        answer = answer.replace(marker, harmless)
    digest = hmac.new(secret, f"{context}\x00{answer}".encode(), hashlib.sha256).hexdigest()
    return FencedAnswer(text=answer, nonce=digest[:_NONCE_HEX_DIGITS], defused=defused)


def trusted_block(template: PromptTemplate, *, question: str) -> str:
    """The part that is the same, byte for byte, for every answer to a question."""
    return f"{template.system}\n\n{template.question.format(question=question)}"


def messages(template: PromptTemplate, *, trusted: str, answer: FencedAnswer, criterion: str) -> list[Message]:
    """The conversation that asks about one criterion."""
    shown = template.answer.format(nonce=answer.nonce, answer=answer.text)
    return [
        {"role": "system", "content": trusted},
        {"role": "user", "content": f"{shown}\n{template.criterion.format(criterion=criterion)}"},
    ]
