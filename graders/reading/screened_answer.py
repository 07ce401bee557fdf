"""An answer as the graders read it: in normal form, screened, with offsets back to the raw text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from vivavoce.rubrics import Rubric

from ..types import AnswerInput, Evidence, Flag
from . import normal_text
from .injection import holds_attack
from .markup import is_page, speaks_of_markup
from .normal_text import NormalText
from .relevance import SentenceFilter
from .screening import Screening, leave_open, leave_out_unrelated, list_key_texts, screen
from .sentence_classifier import SentenceClassifier
from .speakers import keep_heard, read_dialogue

_BULLET = re.compile(r"^[-*•·▪●‣–—]\s+(?=\S)")


@dataclass(frozen=True)
class ScreenedAnswer:
    """An answer, its normal form, and the result of its screening.

    Of a transcript, `normal` has the candidate's words alone, and `context` has all else.
    """

    answer: AnswerInput
    normal: NormalText
    screening: Screening
    context: tuple[Evidence, ...] = ()

    @classmethod
    def from_answer(
        cls,
        answer: AnswerInput,
        rubric: Rubric,
        *,
        relevance: SentenceFilter | None = None,
        classifier: SentenceClassifier | None = None,
    ) -> ScreenedAnswer:
        """Normalise and screen an answer to a rubric's question.

        No sentence counts as unrelated if `relevance` is None. For `classifier` see `screen`.
        """
        whole = _normalise(answer.raw, rubric)
        dialogue = read_dialogue(whole.text, answer.candidate, _list_topics(rubric))
        normal = keep_heard(whole, dialogue)
        screening = screen(normal, rubric, classifier)
        if not dialogue.is_clear:
            screening = leave_open(screening, Flag.SPEAKERS_UNCLEAR)
        interviewer = "\n".join(whole.text[start:end] for start, end in dialogue.context)
        if holds_attack(interviewer) and Flag.INJECTION_SUSPECTED not in screening.flags:
            screening = replace(screening, flags=(*screening.flags, Flag.INJECTION_SUSPECTED))
        if relevance:
            screening = leave_out_unrelated(normal, screening, rubric, relevance)
        context = tuple(_quote(answer.raw, whole, span) for span in dialogue.context)
        return cls(answer=answer, normal=normal, screening=screening, context=context)

    @cached_property
    def _read_bounds(self) -> list[tuple[int, int]]:
        """Bounds in the normal text of what models read of each sentence: all but the bullet of a list item."""
        bounds = []
        for start, end in self.screening.sentences:
            bullet = _BULLET.match(self.normal.text[start:end])
            bounds.append((start + bullet.end() if bullet else start, end))
        return bounds

    @property
    def sentences(self) -> list[str]:
        """The sentences that models read, without the bullets of list items."""
        return [self.normal.text[start:end] for start, end in self._read_bounds]

    def evidence(self, span: tuple[int, int]) -> Evidence:
        """The part of the raw answer that a span of the normal text came from."""
        return _quote(self.answer.raw, self.normal, span)

    def window_evidence(self, window: int) -> Evidence:
        """The part of the raw answer that a window came from.

        With n sentences, window i < n is sentence i, and window n + i is the pair of sentences i and i + 1.
        """
        sentences = self.screening.sentences
        if window < len(sentences):
            return self.evidence(sentences[window])
        first = window - len(sentences)
        return self.evidence((sentences[first][0], sentences[first + 1][1]))

    @cached_property
    def unread(self) -> Mapping[str, tuple[Evidence, ...]]:
        """The parts of the raw answer that no model reads, by reason: the names of fields of a report."""
        by_reason = {
            "masked": self.screening.masked,
            "filler": self.screening.filler,
            "unrelated": self.screening.unrelated,
            "repeated": self.screening.repeated,
            "skipped": self.screening.skipped,
        }
        unread = {reason: tuple(map(self.evidence, spans)) for reason, spans in by_reason.items()}
        return {**unread, "context": self.context}

    @property
    def answer_hash(self) -> str:
        """SHA-256 (64 hex digits) of the normal form; answers with one hash count as the same answer."""
        return normal_text.answer_hash(self.answer.raw)

    def evidence_in_sentences(self, span: tuple[int, int]) -> list[Evidence]:
        """The parts of the raw answer that a span of `" ".join(sentences)` came from.

        The list has several parts if unread words stand between two of the sentences, and none for an empty span.
        """
        pieces: list[tuple[int, int]] = []
        offset = 0
        for start, end in self._read_bounds:
            first, last = max(span[0] - offset, 0), min(span[1] - offset, end - start)
            # One more for the blank that joins two sentences.
            offset += end - start + 1
            if first >= last:
                continue
            if pieces and not any(map(str.isalnum, self.normal.text[pieces[-1][1] : start + first])):
                pieces[-1] = (pieces[-1][0], start + last)
            else:
                pieces.append((start + first, start + last))
        return [self.evidence(piece) for piece in pieces]

    def language(self, rubric: Rubric) -> Literal["zh", "en"]:
        """The language of the feedback: the one that the answer asks for, else the question's."""
        return self.answer.feedback_language or rubric.question.language


def _normalise(raw: str, rubric: Rubric) -> NormalText:
    """The normal form of an answer; where the key has tags, those of the answer are content."""
    is_content = speaks_of_markup(rubric.question.text, *list_key_texts(rubric)) and not is_page(raw)
    return normal_text.fold(raw) if is_content else normal_text.normalise(raw)


def _quote(raw: str, normal: NormalText, span: tuple[int, int]) -> Evidence:
    start, end = normal.raw_span(*span)
    return Evidence(start=start, end=end, quote=raw[start:end])


def _list_topics(rubric: Rubric) -> frozenset[str]:
    """The words of question and key, in small letters."""
    return frozenset(normal_text.words("\n".join([rubric.question.text, *list_key_texts(rubric)])))
