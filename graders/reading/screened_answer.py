"""An answer as the graders take it: in normal form, screened, with the way back to what was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from vivavoce.rubrics import Rubric

from ..types import AnswerInput, Evidence
from . import normal_text
from .normal_text import NormalText
from .relevance import SentenceFilter
from .screening import Screening, leave_out_unrelated, screen
from .sentence_classifier import SentenceClassifier

_BULLET = re.compile(r"^[-*•·▪●‣–—]\s+(?=\S)")


@dataclass(frozen=True)
class ScreenedAnswer:
    """An answer in normal form, screened."""

    answer: AnswerInput
    normal: NormalText
    screening: Screening

    @classmethod
    def from_answer(
        cls,
        answer: AnswerInput,
        rubric: Rubric,
        *,
        relevance: SentenceFilter | None = None,
        kinds: SentenceClassifier | None = None,
    ) -> ScreenedAnswer:
        """Read an answer to a rubric's question.

        Without `relevance` nothing counts as unrelated; without `kinds` see `screen`.
        """
        normal = normal_text.normalise(answer.raw)
        screening = screen(normal, rubric, kinds)
        if relevance:
            screening = leave_out_unrelated(normal, screening, rubric, relevance)
        return cls(answer=answer, normal=normal, screening=screening)

    @cached_property
    def _read(self) -> list[tuple[int, int]]:
        """Bounds in the normal text of what models read of each sentence: all but the bullet of a list."""
        found = []
        for start, end in self.screening.sentences:
            bullet = _BULLET.match(self.normal.text[start:end])
            found.append((start + bullet.end() if bullet else start, end))
        return found

    @property
    def sentences(self) -> list[str]:
        """The part that models may read, without the bullets of a list."""
        return [self.normal.text[start:end] for start, end in self._read]

    def evidence(self, span: tuple[int, int]) -> Evidence:
        """The place in the raw answer that a span of the normal text came from."""
        start, end = self.normal.raw_span(*span)
        return Evidence(start=start, end=end, quote=self.answer.raw[start:end])

    def window_evidence(self, window: int) -> Evidence:
        """The place of a window: a sentence by its index, or the pair of neighbours that follows all single ones."""
        sentences = self.screening.sentences
        if window < len(sentences):
            return self.evidence(sentences[window])
        first = window - len(sentences)
        return self.evidence((sentences[first][0], sentences[first + 1][1]))

    @cached_property
    def unread(self) -> Mapping[str, tuple[Evidence, ...]]:
        """The places that no model reads, by reason: `masked`, `filler`, `unrelated`, `repeated`."""
        found = self.screening
        by_reason = {
            "masked": found.masked,
            "filler": found.filler,
            "unrelated": found.unrelated,
            "repeated": found.repeated,
        }
        return {reason: tuple(map(self.evidence, spans)) for reason, spans in by_reason.items()}

    @property
    def answer_hash(self) -> str:
        """SHA-256 of the normal form: equal for answers that count as the same."""
        return normal_text.hash_normal(self.normal)

    def evidence_in_sentences(self, span: tuple[int, int]) -> list[Evidence]:
        """The places that a span of the sentences, joined by blanks, came from.

        There are several where something stands between two sentences that models do not read.
        """
        pieces: list[tuple[int, int]] = []
        offset = 0
        for start, end in self._read:
            first, last = max(span[0] - offset, 0), min(span[1] - offset, end - start)
            offset += end - start + 1
            if first >= last:
                continue
            if pieces and not any(map(str.isalnum, self.normal.text[pieces[-1][1] : start + first])):
                pieces[-1] = (pieces[-1][0], start + last)
            else:
                pieces.append((start + first, start + last))
        return [self.evidence(piece) for piece in pieces]

    def language(self, rubric: Rubric) -> Literal["zh", "en"]:
        """The language of feedback."""
        return self.answer.feedback_language or rubric.question.language
