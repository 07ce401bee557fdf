"""What the judge reads, from versioned files.

A prompt has three parts, in the order that lets an engine reuse its work: a trusted block that is the
same for every answer to a question, the answer between fences, and what is asked about it. The fence
carries a code that the candidate cannot foresee: a keyed hash of the very prompt it guards, so that it
is unknown outside, different for every answer, and yet the same whenever the same answer is judged again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from vivavoce.rubrics import Criterion, Language, Rubric

PROMPTS = Path(__file__).parent / "prompts"
_SECTION = re.compile(r"^=== ([a-z-]+) ===\n", re.MULTILINE)
_NUMBER = re.compile(r"^\[\d+\] ", re.MULTILINE)
_NONCE_HEX_DIGITS = 16
# Our fence and the brackets of control tokens; look-alikes keep their meaning to a reader.
_LOOKALIKES = {"<<<": "‹‹‹", ">>>": "›››", "<|": "‹|", "|>": "|›"}
# Control tokens that are plain words in brackets. Answers about language models name them in earnest, so
# they are made harmless without being held against the candidate.
_CONTROL_TAG = re.compile(
    r"<(/?(?:s|bos|eos|pad|unk|think|tool_?calls?|tool_response|system|assistant|(?:start|end)_of_[a-z]+))>",
    re.IGNORECASE,
)
_CONTROL_BRACKET = re.compile(
    r"\[(/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS))\]", re.IGNORECASE
)
# Bounds of what a judge may write, in characters; a reply that would not end is a failure, not a verdict.
_MAX_QUOTE = 200
_MAX_REASON = 160
_MAX_SENTENCES = 6
_EXPLAINED_TOKENS = 240
_LABEL_TOKENS = 12

Message = dict[str, str]
Mode = Literal["fast", "explained"]
Scope = Literal["criterion", "rubric"]
Context = Literal["brief", "full"]


@dataclass(frozen=True)
class PromptForm:
    """How the judge is asked.

    `mode` fast: one verdict token an item; explained: evidence, reason, then the verdict, as JSON.
    `scope`: one call for each item, or one for the whole rubric. `context` brief: the trusted block
    holds the question alone; full: the whole rubric with its references. `few_shot` adds the
    rubric's graded examples.
    """

    mode: Mode = "fast"
    scope: Scope = "criterion"
    context: Context = "brief"
    few_shot: bool = False

    def __str__(self) -> str:
        """The form in one word, for reports and tables."""
        return f"{self.mode}/{self.scope}/{self.context}/{'few-shot' if self.few_shot else 'zero-shot'}"

    @property
    def is_one_token(self) -> bool:
        """Whether the whole reply is one verdict token."""
        return self.mode == "fast" and self.scope == "criterion"


@dataclass(frozen=True)
class Item:
    """One thing to decide: whether an answer reaches a level (above the lowest) of a criterion."""

    criterion: str
    level: int
    text: str


@dataclass(frozen=True)
class ReplyForm:
    """What it takes to read a reply: how many verdicts it holds, and how yes and no may be spelled.

    `constrained` says that its probabilities are over what the schema allows, not over all words;
    `sampled` that a verdict was drawn, so that it need not be the most probable one.
    """

    mode: Mode
    one_token: bool
    verdicts: int
    yes: tuple[str, ...]
    no: tuple[str, ...]
    constrained: bool = False
    sampled: bool = False

    def sent(self, *, constrained: bool, sampled: bool) -> ReplyForm:
        """The form as it was asked of an engine."""
        return replace(self, constrained=constrained, sampled=sampled)


@dataclass(frozen=True)
class Call:
    """One prompt, the items it decides, the bounds of its reply and the way to read it."""

    items: tuple[Item, ...]
    messages: tuple[Message, ...]
    max_tokens: int
    schema: Mapping[str, Any] | None
    reply: ReplyForm


@dataclass(frozen=True)
class PromptTemplate:
    """The prompt files of a mode in a language; `hash` is SHA-256 over all of them."""

    name: str
    sections: Mapping[str, str]
    yes: tuple[str, ...]
    no: tuple[str, ...]
    hash: str

    def __getitem__(self, section: str) -> str:
        """The text of a section."""
        return self.sections[section]


@dataclass(frozen=True)
class DelimitedAnswer:
    """An answer as the judge sees it; `escaped_markers` counts the look-alikes of our own markers in it."""

    text: str
    nonce: str
    escaped_markers: int


@cache
def load_template(language: Language, mode: str = "fast") -> PromptTemplate:
    """The prompt of a mode (`fast`, `explained` or `compile`) in a language."""
    raw = [(PROMPTS / f"{part}.{language}.md").read_text(encoding="utf-8") for part in ("common", mode)]
    sections: dict[str, str] = {}
    for text in raw:
        names_and_bodies = _SECTION.split(text)[1:]
        for name, body in zip(names_and_bodies[::2], names_and_bodies[1::2], strict=True):
            sections[name] = body.removesuffix("\n")
    yes, no = (tuple(line.split("|")) for line in sections["labels"].splitlines())
    return PromptTemplate(
        name=f"{mode}.{language}",
        sections=sections,
        yes=yes,
        no=no,
        hash=hashlib.sha256("\x00".join(raw).encode("utf-8")).hexdigest(),
    )


def delimit_answer(answer: str, *, context: str, secret: bytes) -> DelimitedAnswer:
    """Make an answer safe to stand in a prompt.

    `context` is whatever tells this prompt from another for the same answer (the trusted block);
    `secret` keys the code of the fence. Look-alikes of markers are replaced, so that no answer can
    close its fence or speak in another role.
    """
    escaped_markers = sum(answer.count(marker) for marker in _LOOKALIKES)
    answer = _harmless(answer)
    digest = hmac.new(secret, f"{context}\x00{answer}".encode(), hashlib.sha256).hexdigest()
    return DelimitedAnswer(text=answer, nonce=digest[:_NONCE_HEX_DIGITS], escaped_markers=escaped_markers)


def number_sentences(sentences: Sequence[str]) -> str:
    """An answer's sentences, one a line, as the judge refers to them."""
    return "\n".join(f"[{number}] {sentence}" for number, sentence in enumerate(sentences, start=1))


def without_numbers(answer: str) -> str:
    """The words of an answer that `number_sentences` made, on one line."""
    return _NUMBER.sub("", answer).replace("\n", " ")


def items_of(criteria: Sequence[Criterion]) -> tuple[Item, ...]:
    """What is to be decided about an answer, in order."""
    return tuple(
        Item(criterion.id, index, level.description.strip())
        for criterion in criteria
        for index, level in enumerate(criterion.levels)
        if index > 0
    )


def trusted_block(template: PromptTemplate, rubric: Rubric, form: PromptForm) -> str:
    """The part that is the same, byte for byte, for every answer to a question."""
    parts = [
        template["instructions" if form.scope == "criterion" else "instructions-whole"],
        template["question"].format(question=rubric.question.text),
    ]
    if form.context == "full":
        criteria = [_criterion(template, number, found) for number, found in enumerate(rubric.criteria, start=1)]
        points = [f"- {point.text}" for point in rubric.expected_points]
        longest = max((reference.text for reference in rubric.references), key=len)
        parts += [
            template["criteria"].format(criteria="\n".join(criteria)),
            template["points"].format(points="\n".join(points)),
            template["reference"].format(reference=longest),
        ]
    if form.few_shot:
        parts += [_example(template, rubric, index) for index in range(len(rubric.examples))]
    return "\n\n".join(parts)


def plan_calls(
    template: PromptTemplate,
    form: PromptForm,
    *,
    trusted: str,
    answer: DelimitedAnswer,
    items: Sequence[Item],
) -> list[Call]:
    """The prompts that decide all items for one answer, in the order to send them."""
    if form.scope == "rubric":
        listed = "\n".join(f"{number}. {item.text}" for number, item in enumerate(items, start=1))
        return [_call(template, form, trusted, answer, tuple(items), template["items"].format(items=listed))]
    return [
        _call(template, form, trusted, answer, (item,), template["item"].format(criterion=item.text)) for item in items
    ]


def ask_again_for_quote(template: PromptTemplate, call: Call) -> Call:
    """The same call, with the judge told that the quote it gave does not stand in the answer."""
    system, user = call.messages
    content = f"{user['content']}\n{template['quote-again']}"
    return Call(call.items, (system, {**user, "content": content}), call.max_tokens, call.schema, call.reply)


def _call(
    template: PromptTemplate,
    form: PromptForm,
    trusted: str,
    answer: DelimitedAnswer,
    items: tuple[Item, ...],
    asked: str,
) -> Call:
    shown = template["answer"].format(nonce=answer.nonce, answer=answer.text)
    reply = ReplyForm(form.mode, form.is_one_token, len(items), template.yes, template.no)
    each = _LABEL_TOKENS if form.mode == "fast" else _EXPLAINED_TOKENS
    return Call(
        items=items,
        messages=({"role": "system", "content": trusted}, {"role": "user", "content": f"{shown}\n{asked}"}),
        max_tokens=1 if form.is_one_token else each * len(items) + _LABEL_TOKENS,
        schema=None if form.is_one_token else _schema(reply, form.scope),
        reply=reply,
    )


def _schema(reply: ReplyForm, scope: Scope) -> dict[str, Any]:
    verdict: dict[str, Any] = {"type": "string", "enum": [reply.yes[0], reply.no[0]]}
    each = verdict
    if reply.mode == "explained":
        sentences = {"type": "array", "maxItems": _MAX_SENTENCES, "items": {"type": "integer"}}
        each = _object(
            {
                "sentences": sentences,
                "quote": {"type": "string", "maxLength": _MAX_QUOTE},
                "reason": {"type": "string", "maxLength": _MAX_REASON},
                "verdict": verdict,
            }
        )
    if scope == "criterion":
        return each
    return _object({str(number): each for number in range(1, reply.verdicts + 1)})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _criterion(template: PromptTemplate, number: int, criterion: Criterion) -> str:
    described = [level.description for level in criterion.levels]
    text = described[-1] if len(described) == 2 else "".join(f"\n   {i}: {said}" for i, said in enumerate(described))
    line = template["criterion"].format(number=number, title=criterion.title, text=text)
    note = criterion.grader_notes
    return f"{line}\n{template['criterion-note'].format(note=note)}" if note else line


def _example(template: PromptTemplate, rubric: Rubric, index: int) -> str:
    example = rubric.examples[index]
    verdicts = [
        template["example-verdict"].format(
            criterion=item.text,
            verdict=(template.yes if example.levels[item.criterion] >= item.level else template.no)[0],
        )
        for item in items_of(rubric.criteria)
    ]
    return template["example"].format(answer=_harmless(example.answer), verdicts="\n".join(verdicts))


def _harmless(answer: str) -> str:
    for marker, replacement in _LOOKALIKES.items():
        answer = answer.replace(marker, replacement)
    return _CONTROL_BRACKET.sub(r"(\1)", _CONTROL_TAG.sub(r"‹\1›", answer))
