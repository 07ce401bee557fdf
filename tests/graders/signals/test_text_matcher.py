from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vivavoce.graders.models.embedder import Vectors
from vivavoce.graders.reading.terms import terms
from vivavoce.graders.signals.text_matcher import EmbeddingTextMatcher
from vivavoce.graders.testing import HashingEmbedder

QUESTION = "How does quantization work?"
POINT = "Weights are stored as integers with four bits."
CHINESE_POINT = "模型权重以四位整数存储"
POINTS = {POINT, CHINESE_POINT, "One", "Two", "Three", "一二三"}


class FixedEmbedder:
    """Vectors whose cosine with the point is as a test says; `texts` lists what was embedded."""

    name = "fixed"
    revision = "1"

    def __init__(self, cosine: float) -> None:
        self._cosine = cosine
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        other = [self._cosine, float(np.sqrt(1 - self._cosine**2))]
        return np.asarray([[1.0, 0.0] if text in POINTS else other for text in texts], dtype=np.float64)


@pytest.mark.parametrize(
    ("text", "is_covered"),
    [
        ("It stores weights as integers.", True),
        ("It makes the model smaller.", False),
        # Words of the question do not count.
        ("Quantization works.", False),
    ],
)
def test_shared_content_words_cover_a_point(text: str, is_covered: bool) -> None:
    assert EmbeddingTextMatcher(FixedEmbedder(0.0)).covers(text, point=POINT, question=QUESTION) is is_covered


def test_few_shared_pairs_cover_a_point_in_chinese() -> None:
    matcher = EmbeddingTextMatcher(FixedEmbedder(0.0))
    assert matcher.covers("它用整数表示权重。", point=CHINESE_POINT, question="量化如何工作？")
    assert not matcher.covers("它让推理更快。", point=CHINESE_POINT, question="量化如何工作？")


@pytest.mark.parametrize(
    ("point", "cosine", "is_covered"),
    [
        ("One", 0.88, True),
        ("One", 0.86, False),
        ("一二三", 0.92, True),
        ("一二三", 0.91, False),
    ],
)
def test_meaning_covers_a_point_where_words_do_not(point: str, cosine: float, is_covered: bool) -> None:
    matcher = EmbeddingTextMatcher(FixedEmbedder(cosine))
    assert matcher.covers("Nothing alike.", point=point, question=QUESTION) is is_covered


def test_shared_words_need_no_embedding() -> None:
    embedder = FixedEmbedder(0.0)
    assert EmbeddingTextMatcher(embedder).covers(POINT, point=POINT, question=QUESTION)
    assert embedder.texts == []


def test_the_closest_sentence_counts() -> None:
    matcher = EmbeddingTextMatcher(HashingEmbedder())
    text = "Bread is baked in an oven. Weights are stored as integers with four bits. Cats sleep."
    assert matcher.best_similarity(text, POINT) == pytest.approx(1, abs=1e-5)
    assert matcher.best_similarity("Bread is baked in an oven.", POINT) < 0.5


def test_a_text_is_embedded_once_for_all_points() -> None:
    embedder = FixedEmbedder(0.5)
    matcher = EmbeddingTextMatcher(embedder)
    for point in ("One", "Two", "Three"):
        matcher.best_similarity("First sentence. Second sentence.", point)
    assert [text for text in embedder.texts if "sentence" in text] == ["First sentence.", "Second sentence."]


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_text_without_a_sentence_is_embedded_whole(text: str) -> None:
    embedder = FixedEmbedder(0.5)
    assert EmbeddingTextMatcher(embedder).best_similarity(text, "One") == pytest.approx(0.5)
    assert embedder.texts == ["One", text]


def test_content_words_are_those_of_the_graders() -> None:
    assert EmbeddingTextMatcher(FixedEmbedder(0.0)).content_terms(POINT) == terms(POINT)
