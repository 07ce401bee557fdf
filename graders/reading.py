"""An answer as the graders take it: in normal form, screened, with the way back to what was written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vivavoce.rubrics import Rubric

from . import text
from .relevance import SentenceFilter
from .screening import Screening, leave_out_unrelated, screen
from .text import NormalText
from .types import AnswerInput, Evidence

_BULLET = re.compile(r"^[-*•·▪●‣–—]\s+(?=\S)")


@dataclass(frozen=True)
class Reading:
    """An answer in normal form, screened."""

    answer: AnswerInput
    normal: NormalText
    screening: Screening

    @classmethod
    def of(cls, answer: AnswerInput, rubric: Rubric, relevance: SentenceFilter | None = None) -> Reading:
        """Read an answer to a rubric's question; without `relevance` nothing counts as unrelated."""
        normal = text.normalise(answer.raw)
        screening = screen(normal, rubric)
        if relevance:
            screening = leave_out_unrelated(normal, screening, rubric, relevance)
        return cls(answer=answer, normal=normal, screening=screening)

    @property
    def sentences(self) -> list[str]:
        """The part that models may read, without the bullets of a list."""
        return [_BULLET.sub("", self.normal.text[start:end]) for start, end in self.screening.sentences]

    def evidence(self, span: tuple[int, int]) -> Evidence:
        """The place in the raw answer that a span of the normal text came from."""
        start, end = self.normal.raw_span(*span)
        return Evidence(start=start, end=end, quote=self.answer.raw[start:end])

    def language(self, rubric: Rubric) -> Literal["zh", "en"]:
        """The language of feedback."""
        return self.answer.feedback_language or rubric.question.language
