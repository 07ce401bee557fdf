"""The prompts about all answers to one question."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.rubrics import Rubric

from ..types import EngineIdentity
from .answer_delimiter import DelimitedAnswer, delimit_answer
from .call_record import verdict_key
from .prompt import Call, Item, PromptForm, PromptTemplate, build_trusted_block, items_of, load_template, plan_calls

_PREFIX_KEY_HEX_DIGITS = 16


@dataclass(frozen=True)
class PromptSet:
    """What is asked about every answer to a question; `secret` is the key of the delimiters' nonces."""

    template: PromptTemplate
    form: PromptForm
    trusted: str
    items: tuple[Item, ...]
    secret: bytes

    @classmethod
    def from_rubric(cls, rubric: Rubric, form: PromptForm, secret: bytes) -> PromptSet:
        """The prompts for a rubric, in the language of its question."""
        template = load_template(rubric.question.language, form.mode)
        return cls(template, form, build_trusted_block(template, rubric, form), items_of(rubric.criteria), secret)

    def delimit_answer(self, answer: str) -> DelimitedAnswer:
        """An answer that cannot end its part of these prompts."""
        return delimit_answer(answer, context=self.trusted, secret=self.secret)

    def plan_calls(self, answer: DelimitedAnswer) -> list[Call]:
        """The prompts about an answer, in the order to send them."""
        return plan_calls(self.template, self.form, trusted=self.trusted, answer=answer, items=self.items)

    def prefix_key(self, identity: EngineIdentity) -> str:
        """A hash, 16 hexadecimal digits, by which servers and proxies route prompts with the same beginning."""
        return verdict_key(identity, self.template, {"trusted": self.trusted}, nonce="-")[:_PREFIX_KEY_HEX_DIGITS]
