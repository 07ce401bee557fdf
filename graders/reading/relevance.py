"""How likely a sentence bears on the key: by the nearness of its meaning, and by the telling words that they share.

A logistic curve over three figures of the sentence decides. It is fitted (`training.py`) to sentences of good answers
beside the key of their own question, and to sentences of answers to other questions beside it. What a sentence is taken
for depends on nothing else in the answer, so that text which is added to an answer changes nothing of the rest.
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
from . import normal_text
from .terms import terms

WEIGHTS = Path(__file__).parent / "relevance.yaml"
FEATURES = ("nearness", "shared", "size")

Floats = npt.NDArray[np.float64]


class SentenceFilter(Protocol):
    """Anything that says which sentences of an answer bear on a rubric's key; `revision` goes into the report."""

    @property
    def revision(self) -> str:
        """What tells this filter from another."""

    def is_relevant(self, sentences: Sequence[str], rubric: Rubric) -> list[bool]:
        """Whether each sentence, in normal form, bears on the key of the rubric's question."""


class RelevanceFilter:
    """The filter that ships with vivavoce; `embedder` is the model that its weights were fitted with.

    An answer in another language than its rubric is read whole: words cannot be compared there.
    """

    def __init__(self, embedder: Embedder, weights: Path = WEIGHTS) -> None:
        raw = weights.read_bytes()
        data = yaml.safe_load(raw)
        self.revision = f"{hashlib.sha256(raw).hexdigest()[:12]} {embedder.revision}"
        self._weights = np.asarray([float(data["weights"][name]) for name in FEATURES])
        self._intercept = float(data["intercept"])
        self._least = float(data["least"])
        self._embedder = embedder

    def is_relevant(self, sentences: Sequence[str], rubric: Rubric) -> list[bool]:
        """See SentenceFilter."""
        if not sentences or normal_text.detect_language("\n".join(sentences)) != rubric.question.language:
            return [True] * len(sentences)
        found = features(sentences, rubric, self._embedder) @ self._weights + self._intercept
        return [bool(log_odds >= self._least) for log_odds in found]


def features(sentences: Sequence[str], rubric: Rubric, embedder: Embedder) -> Floats:
    """Shape (len(sentences), 3), in the order of FEATURES.

    `nearness` is the cosine to the nearest text of the key, `shared` ln(1 + telling words in common with key and
    question), `size` ln(1 + telling words of the sentence).
    """
    key = key_texts(rubric)
    vectors = embedder.embed([*sentences, *key]).astype(np.float64)
    nearness = (vectors[: len(sentences)] @ vectors[len(sentences) :].T).max(axis=1)
    known = _vocabulary((*key, rubric.question.text))
    own = [terms(sentence) for sentence in sentences]
    shared = np.asarray([len(words & known) for words in own], dtype=np.float64)
    size = np.asarray([len(words) for words in own], dtype=np.float64)
    return np.column_stack([nearness, np.log1p(shared), np.log1p(size)])


def key_texts(rubric: Rubric) -> tuple[str, ...]:
    """The expected points, the description of each level above the lowest, and each sentence of the references."""
    found = [point.text for point in rubric.expected_points]
    found += [level.description.strip() for criterion in rubric.criteria for level in criterion.levels[1:]]
    for reference in rubric.references:
        normal = normal_text.normalise(reference.text).text
        found += [normal[start:end] for start, end in normal_text.split_sentences(normal)]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=64)
def _vocabulary(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*(terms(one) for one in texts))
