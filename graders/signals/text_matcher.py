"""Matches texts of a rubric against each other, for `viva rubric lint`.

The bounds were measured on 48 rubrics of the bank. They accept 98 % of the core points that full references make, 8 %
(English) and 6 % (Chinese) of points of other questions, and 40 % and 39 % of points whose nearest sentence was removed
from the reference.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from ..models.embedder import Embedder, Vectors
from ..reading import terms
from ..reading.normal_text import has_han, split_sentences
from . import lexical

# Pairs of Chinese characters match less often than English stems.
MIN_RECALL = {"en": 0.34, "zh": 0.15}
"""Share (0 to 1) of a point's content words in a text that makes the point, by `find_script`."""
# Cosines vary between processors: keep clear of the bank's values.
_MIN_SIMILARITY = {"en": 0.87, "zh": 0.915}


def find_script(point: str) -> Literal["zh", "en"]:
    """Returns by which bounds a point is matched."""
    return "zh" if has_han(point) else "en"


class EmbeddingTextMatcher:
    """A TextMatcher (see rubrics/lint/rules.py): term recall first, embeddings where that is too low."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        # One reference is matched against every point of its rubric.
        self._sentence_vectors = lru_cache(maxsize=256)(self._embed_sentences)

    def content_terms(self, text: str) -> frozenset[str]:
        """See TextMatcher."""
        return terms.terms(text)

    def covers(self, text: str, *, point: str, question: str) -> bool:
        """See TextMatcher."""
        language = find_script(point)
        if lexical.point_recall([text], point=point, question=question) >= MIN_RECALL[language]:
            return True
        return self.best_similarity(text, point) >= _MIN_SIMILARITY[language]

    def best_similarity(self, text: str, point: str) -> float:
        """Cosine (-1 to 1) between a point and the closest sentence of a text."""
        (point_vector,) = self._embedder.embed([point])
        return float(np.max(self._sentence_vectors(text) @ point_vector))

    def _embed_sentences(self, text: str) -> Vectors:
        # A text without a sentence is embedded whole.
        return self._embedder.embed([text[start:end] for start, end in split_sentences(text)] or [text])
