"""Relevance of a sentence to the key, by similarity of meaning and by shared content words.

A logistic model over three features of the sentence decides. Its weights are fitted (evaluation/training/relevance.py)
to sentences of good answers with the key of their own question, and to sentences of answers to other questions with the
same key. The decision on a sentence depends on no other sentence, so text that is added to an answer changes nothing
for the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import yaml

from vivavoce.rubrics import Rubric

from ..models.embedder import Embedder
from ..models.time_limit import embed_in_units
from . import normal_text
from .reading_limit import list_reference_sentences, list_statements, shorten_statements
from .terms import terms

WEIGHTS = Path(__file__).parent / "relevance.yaml"
FEATURES = ("nearness", "shared", "size")

Floats = npt.NDArray[np.float64]


class SentenceFilter(Protocol):
    """A filter that decides which sentences of an answer bear on a rubric's key; `revision` goes into the report."""

    @property
    def revision(self) -> str:
        """Identifies the filter: it changes with the weights and with the model."""

    def is_relevant(self, sentences: Sequence[str], rubric: Rubric) -> list[bool]:
        """For each sentence, in normal form, whether it bears on the key of the rubric's question."""


class RelevanceFilter:
    """The filter that ships with vivavoce; `embedder` must be the model that its weights were fitted with.

    Every sentence counts as relevant if the answer is in another language than the rubric.
    """

    def __init__(self, embedder: Embedder, weights: Path = WEIGHTS) -> None:
        raw = weights.read_bytes()
        data = yaml.safe_load(raw)
        self.revision = f"{hashlib.sha256(raw).hexdigest()[:12]} {embedder.revision}"
        self._weights = np.asarray([float(data["weights"][name]) for name in FEATURES])
        self._intercept = float(data["intercept"])
        # In log-odds, low: a false negative drops content.
        self._threshold = float(data["least"])
        self._embedder = embedder

    def is_relevant(self, sentences: Sequence[str], rubric: Rubric) -> list[bool]:
        """See SentenceFilter."""
        # Across languages there are no shared words to count.
        if not sentences or normal_text.detect_language("\n".join(sentences)) != rubric.question.language:
            return [True] * len(sentences)
        log_odds = features(sentences, rubric, self._embedder) @ self._weights + self._intercept
        return [bool(value >= self._threshold) for value in log_odds]


def features(sentences: Sequence[str], rubric: Rubric, embedder: Embedder) -> Floats:
    """Features of each sentence; shape (len(sentences), 3), in the order of FEATURES.

    `nearness` is the largest cosine (-1 to 1) to a text of the key, `shared` is ln(1 + number of content words that the
    sentence shares with key and question), `size` is ln(1 + number of content words of the sentence).
    """
    key = key_texts(rubric)
    vectors = embed_in_units(embedder, [*sentences, *key]).astype(np.float64)
    nearness = (vectors[: len(sentences)] @ vectors[len(sentences) :].T).max(axis=1)
    key_terms = _collect_terms((*key, rubric.question.text))
    sentence_terms = [terms(sentence) for sentence in sentences]
    shared = np.asarray([len(words & key_terms) for words in sentence_terms], dtype=np.float64)
    size = np.asarray([len(words) for words in sentence_terms], dtype=np.float64)
    return np.column_stack([nearness, np.log1p(shared), np.log1p(size)])


def key_texts(rubric: Rubric) -> tuple[str, ...]:
    """Expected points, descriptions of all levels above the lowest, and the sentences of the references, each once.

    Texts beyond the limits of `reading_limit` are cut or left out.
    """
    statements = shorten_statements(list_statements(rubric))
    return tuple(dict.fromkeys([*statements, *list_reference_sentences(rubric)]))


# One entry a rubric: its key is the same for all sentences.
@lru_cache(maxsize=64)
def _collect_terms(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*(terms(text) for text in texts))
