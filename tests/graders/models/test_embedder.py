from __future__ import annotations

import numpy as np
import pytest

from vivavoce.graders import ModelMissing
from vivavoce.graders.models.embedder import MINILM, NANO_E5, build_embedder
from vivavoce.graders.signals.similarity import match_points
from vivavoce.graders.testing import HashingEmbedder


@pytest.mark.parametrize("name", [NANO_E5, MINILM])
@pytest.mark.models
def test_real_models_place_the_same_meaning_near_and_repeat_themselves(name: str) -> None:
    embedder = build_embedder(name)
    texts = [
        "Quantization stores weights with fewer bits.",
        "Weights are kept as small integers to save memory.",
        "I went hiking in the mountains last weekend.",
    ]
    vectors = embedder.embed(texts)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert np.allclose(embedder.embed(texts[1:2]), vectors[1:2], atol=1e-6)
    assert embedder.embed([]).shape == (0, vectors.shape[1])
    assert embedder.revision


@pytest.mark.models
def test_the_multilingual_model_reads_chinese() -> None:
    vectors = build_embedder(NANO_E5).embed(["量化用更少的比特", "把权重存成低位整数", "周末我去爬山了"])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.mark.models
def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelMissing, match="no-such-folder"):
        build_embedder("./no-such-folder")


def test_the_best_window_is_chosen_and_the_question_is_the_ground() -> None:
    embed = HashingEmbedder().embed
    question = embed(["how does quantization help"])[0]
    points = embed(["weights use fewer bits", "how does quantization help"])
    windows = embed(["hello there", "weights use fewer bits"])
    first, second = match_points(windows=windows, points=points, question=question)
    assert first.window == 1
    assert first.similarity_gain > 0.5
    assert second.similarity_gain < 0
