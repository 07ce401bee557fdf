from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vivavoce.graders.models.embedder import Vectors
from vivavoce.graders.reading.sentence_classifier.classifier import (
    BOUNDS,
    KINDS,
    Bounds,
    LinearClassifier,
    load_training_sentences,
    weights_path,
    wordings,
)
from vivavoce.graders.testing import HashingEmbedder

from ...panels import trained_classifier

DATA = Path(__file__).parents[2] / "data"
HELD_OUT = ["filler", "content", "injections", "answers"]


def _held_out(kind: str, language: str) -> list[str]:
    """Sentences by an author who had seen neither the detector nor what it was trained on."""
    return (DATA / f"held_out_{kind}.{language}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_held_out_filler_is_told_from_content(language: str) -> None:
    filler, content = _held_out("filler", language), _held_out("content", language)
    assert len(filler) == len(content) == 80
    assert sum(trained_classifier().is_filler(filler)) >= 72
    assert sum(trained_classifier().is_filler(content)) <= 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_training_sentences_exclude_held_out_ones(language: str) -> None:
    trained = {line for kind in KINDS for lists in load_training_sentences(kind).values() for line in lists[language]}
    assert not trained & {line for name in HELD_OUT for line in _held_out(name, language)}


def test_verdicts_do_not_depend_on_other_sentences() -> None:
    sentences = ["Thank you for the question.", "The gradient vanishes.", "谢谢您的倾听。", "学习率太大会发散。"]
    assert trained_classifier().is_filler(sentences) == [True, False, True, False]
    assert [trained_classifier().is_filler([sentence])[0] for sentence in sentences] == [True, False, True, False]
    assert trained_classifier().is_filler([]) == []


class _CountingEmbedder(HashingEmbedder):
    """Remembers the sentences that it is asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return super().embed(texts)


def _write_weights(path: Path, *, liked: str = "", wording_bias: float = 0.0, meaning_bias: float = 0.0) -> Path:
    """Weights that give a sentence more log-odds the more of its wording is that of the liked one."""
    wording = wordings([liked]).toarray()[0] if liked else np.zeros(2**15)
    tensors = {
        "wording": wording.astype(np.float32),
        "wording.bias": np.asarray([wording_bias], dtype=np.float32),
        "meaning": np.zeros(256, dtype=np.float32),
        "meaning.bias": np.asarray([meaning_bias], dtype=np.float32),
    }
    save_file(tensors, path)
    return path


ANY_LENGTH = Bounds(possible=-9.0, fewest=0, longest=99)


@pytest.mark.parametrize(
    ("sentence", "fits"),
    [
        ("abcd", True),
        ("abc", False),
        ("a b c 1 2 3", False),
        ("量化中", True),
        ("量化", False),
        ("量化a", True),
        ("a" * 10, True),
        ("a" * 11, False),
        ("abcd 12345", True),
        ("abcd 123456", False),
        ("", False),
    ],
)
def test_bounds_count_letters_and_characters(sentence: str, fits: bool) -> None:
    assert Bounds(possible=0.0, fewest=4, longest=10).fits_length(sentence) is fits


def test_wordings_have_a_half_for_characters_and_words() -> None:
    matrix = wordings(["Thank you", "THANK YOU", "谢谢您", "Thank them", ""]).toarray()
    assert matrix.shape == (5, 2**15)
    assert np.array_equal(matrix[0], matrix[1])
    characters, latin_words = np.hsplit(matrix, 2)
    assert np.linalg.norm(characters, axis=1) == pytest.approx([1, 1, 1, 1, 0])
    assert np.linalg.norm(latin_words, axis=1) == pytest.approx([1, 1, 0, 1, 0])
    # Two single words and their pair.
    assert np.count_nonzero(latin_words[0]) == 3


def test_log_odds_of_wording_and_meaning_add_up(tmp_path: Path) -> None:
    path = _write_weights(tmp_path / "w.safetensors", wording_bias=1.0, meaning_bias=2.0)
    classifier = LinearClassifier(path, ANY_LENGTH, HashingEmbedder())
    assert classifier.recognise(["thank you"], least=2.9) == [True]
    # The threshold itself is not reached.
    assert classifier.recognise(["thank you"], least=3.0) == [False]


def test_verdicts_follow_the_order_of_the_sentences(tmp_path: Path) -> None:
    path = _write_weights(tmp_path / "w.safetensors", liked="thank you")
    classifier = LinearClassifier(path, ANY_LENGTH, HashingEmbedder())
    sentences = ["gradients vanish", "thank you", "masks hide", "thank you"]
    assert classifier.recognise(sentences, least=1.9) == [False, True, False, True]
    assert classifier.recognise([], least=1.9) == []


@pytest.mark.parametrize(
    "bounds", [Bounds(1.0, 0, 99), Bounds(-9.0, 99, 999), Bounds(-9.0, 0, 5)], ids=["wording", "short", "long"]
)
def test_sentences_out_of_bounds_are_not_embedded(tmp_path: Path, bounds: Bounds) -> None:
    embedder = _CountingEmbedder()
    path = _write_weights(tmp_path / "w.safetensors", wording_bias=1.0, meaning_bias=99.0)
    assert LinearClassifier(path, bounds, embedder).recognise(["thank you"], least=0.0) == [False]
    assert embedder.asked == []


def test_a_repeated_sentence_is_embedded_once(tmp_path: Path) -> None:
    embedder = _CountingEmbedder()
    classifier = LinearClassifier(_write_weights(tmp_path / "w.safetensors"), ANY_LENGTH, embedder)
    for _ in range(2):
        classifier.recognise(["thank you", "well then", "thank you"], least=0.0)
    assert embedder.asked == ["thank you", "well then"]


def test_bounds_and_weights_exist_for_each_kind() -> None:
    assert set(BOUNDS) == set(KINDS)
    assert [weights_path(kind).is_file() for kind in KINDS] == [True, True]
