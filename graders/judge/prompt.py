"""Prompts for the judge, built from versioned files.

A prompt has three parts, in the order that lets an engine reuse its prefix cache: a trusted block that is the same
for every answer to a question, the delimited answer, and the items to decide about it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from vivavoce.rubrics import Criterion, Language, Rubric

from .answer_delimiter import DelimitedAnswer, escape_markers

PROMPTS = Path(__file__).parent / "prompts"
_SECTION = re.compile(r"^=== ([a-z-]+) ===\n", re.MULTILINE)
_SENTENCE_NUMBER = re.compile(r"^\[\d+\] ", re.MULTILINE)
# Bounds of a reply, in characters and sentences.
_MAX_QUOTE = 200
_MAX_REASON = 160
_MAX_SENTENCES = 6
# Room for one verdict, in tokens.
_EXPLAINED_TOKENS = 240
_LABEL_TOKENS = 12

Message = dict[str, str]
Mode = Literal["fast", "explained"]
Scope = Literal["criterion", "rubric"]
Context = Literal["brief", "full"]


@dataclass(frozen=True)
class PromptForm:
    """How the judge is asked.

    `mode` fast asks for one verdict token an item; explained for evidence, reason and then the verdict, as JSON.
    `scope` criterion sends one call for each item, rubric one call for all items. `context` brief puts the question
    alone into the trusted block, full the whole rubric with its longest reference. `few_shot` adds the rubric's graded
    examples.
    """

    mode: Mode = "fast"
    scope: Scope = "criterion"
    context: Context = "brief"
    few_shot: bool = False

    def __str__(self) -> str:
        """The form as one word, for reports and tables."""
        return f"{self.mode}/{self.scope}/{self.context}/{'few-shot' if self.few_shot else 'zero-shot'}"

    @property
    def is_one_token(self) -> bool:
        """Whether the whole reply is one verdict token."""
        return self.mode == "fast" and self.scope == "criterion"


@dataclass(frozen=True)
class Item:
    """One decision: whether an answer reaches a level (1 is the first above the lowest) of a criterion."""

    criterion: str
    level: int
    text: str


@dataclass(frozen=True)
class ReplyForm:
    """What it takes to read a reply: the number of verdicts, and the spellings of yes and no.

    `constrained` means that its probabilities are over what the schema allows, not over all tokens; `sampled` that
    the verdict was drawn, so that it need not be the most probable one.
    """

    mode: Mode
    one_token: bool
    verdicts: int
    yes: tuple[str, ...]
    no: tuple[str, ...]
    constrained: bool = False
    sampled: bool = False

    def as_sent(self, *, constrained: bool, sampled: bool) -> ReplyForm:
        """The form, completed by how the engine decodes."""
        return replace(self, constrained=constrained, sampled=sampled)


@dataclass(frozen=True)
class Call:
    """One prompt: the items it decides, the bound of its reply in tokens, and how to read the reply."""

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
        """The text of a section; raises KeyError for a name that the files do not have."""
        return self.sections[section]


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
    digest = hashlib.sha256("\x00".join(raw).encode("utf-8")).hexdigest()
    return PromptTemplate(f"{mode}.{language}", sections, yes, no, digest)


def number_sentences(sentences: Sequence[str]) -> str:
    """An answer's sentences, one a line, with the numbers by which the judge cites them."""
    return "\n".join(f"[{number}] {sentence}" for number, sentence in enumerate(sentences, start=1))


def without_numbers(answer: str) -> str:
    """The text of an answer that `number_sentences` made, on one line."""
    return _SENTENCE_NUMBER.sub("", answer).replace("\n", " ")


def items_of(criteria: Sequence[Criterion]) -> tuple[Item, ...]:
    """The items of all criteria, in order: one for each level above the lowest."""
    return tuple(
        Item(criterion.id, index, level.description.strip())
        for criterion in criteria
        for index, level in enumerate(criterion.levels)
        if index > 0
    )


def build_trusted_block(template: PromptTemplate, rubric: Rubric, form: PromptForm) -> str:
    """The part of the prompt that is the same, byte for byte, for every answer to a question."""
    parts = [
        template["instructions" if form.scope == "criterion" else "instructions-whole"],
        template["question"].format(question=rubric.question.text),
    ]
    if form.context == "full":
        criteria = [_describe_criterion(template, number, c) for number, c in enumerate(rubric.criteria, start=1)]
        points = [f"- {point.text}" for point in rubric.expected_points]
        longest = max((reference.text for reference in rubric.references), key=len)
        parts += [
            template["criteria"].format(criteria="\n".join(criteria)),
            template["points"].format(points="\n".join(points)),
            template["reference"].format(reference=longest),
        ]
    if form.few_shot:
        parts += [_show_example(template, rubric, index) for index in range(len(rubric.examples))]
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
        return [_build_call(template, form, trusted, answer, tuple(items), template["items"].format(items=listed))]
    return [
        _build_call(template, form, trusted, answer, (item,), template["item"].format(criterion=item.text))
        for item in items
    ]


def ask_again_for_quote(template: PromptTemplate, call: Call) -> Call:
    """The call, with a note that the quote in the judge's last reply is not in the answer."""
    system, user = call.messages
    content = f"{user['content']}\n{template['quote-again']}"
    return replace(call, messages=(system, {**user, "content": content}))


def _build_call(
    template: PromptTemplate,
    form: PromptForm,
    trusted: str,
    answer: DelimitedAnswer,
    items: tuple[Item, ...],
    task: str,
) -> Call:
    shown = template["answer"].format(nonce=answer.nonce, answer=answer.text)
    reply = ReplyForm(form.mode, form.is_one_token, len(items), template.yes, template.no)
    item_tokens = _LABEL_TOKENS if form.mode == "fast" else _EXPLAINED_TOKENS
    return Call(
        items=items,
        messages=({"role": "system", "content": trusted}, {"role": "user", "content": f"{shown}\n{task}"}),
        # The surplus is for the braces of the JSON object.
        max_tokens=1 if form.is_one_token else item_tokens * len(items) + _LABEL_TOKENS,
        schema=None if form.is_one_token else _build_schema(reply, form.scope),
        reply=reply,
    )


def _build_schema(reply: ReplyForm, scope: Scope) -> dict[str, Any]:
    verdict: dict[str, Any] = {"type": "string", "enum": [reply.yes[0], reply.no[0]]}
    item = verdict
    if reply.mode == "explained":
        # Last: the verdict follows from the evidence before it.
        item = _build_object_schema(
            {
                "sentences": {"type": "array", "maxItems": _MAX_SENTENCES, "items": {"type": "integer"}},
                "quote": {"type": "string", "maxLength": _MAX_QUOTE},
                "reason": {"type": "string", "maxLength": _MAX_REASON},
                "verdict": verdict,
            }
        )
    if scope == "criterion":
        return item
    return _build_object_schema({str(number): item for number in range(1, reply.verdicts + 1)})


def _build_object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _describe_criterion(template: PromptTemplate, number: int, criterion: Criterion) -> str:
    described = [level.description for level in criterion.levels]
    levels = "".join(f"\n   {index}: {description}" for index, description in enumerate(described))
    # With two levels the upper one says it all.
    text = described[-1] if len(described) == 2 else levels
    line = template["criterion"].format(number=number, title=criterion.title, text=text)
    note = criterion.grader_notes
    return f"{line}\n{template['criterion-note'].format(note=note)}" if note else line


def _show_example(template: PromptTemplate, rubric: Rubric, index: int) -> str:
    example = rubric.examples[index]
    verdicts = [
        template["example-verdict"].format(
            criterion=item.text,
            verdict=(template.yes if example.levels[item.criterion] >= item.level else template.no)[0],
        )
        for item in items_of(rubric.criteria)
    ]
    return template["example"].format(answer=escape_markers(example.answer), verdicts="\n".join(verdicts))
