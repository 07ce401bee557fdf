from __future__ import annotations

import numpy as np
import pytest

from vivavoce.graders.models.verifier.nearest import SENTENCES_READ, nearest_sentences

STATEMENT = np.asarray([1.0, 0.0], dtype=np.float32)


def _sentences(*cosines: float) -> np.ndarray:
    return np.asarray([(cosine, (1 - cosine**2) ** 0.5) for cosine in cosines], dtype=np.float32)


def test_nearest_sentences_keep_their_order() -> None:
    assert nearest_sentences(_sentences(0.2, 0.9, 0.1, 0.8, 0.95, 0.0), STATEMENT) == [1, 3, 4]


def test_earlier_sentences_win_ties() -> None:
    assert nearest_sentences(_sentences(*[0.5] * 6), STATEMENT) == list(range(SENTENCES_READ))


def test_a_short_answer_is_read_whole() -> None:
    assert nearest_sentences(_sentences(0.1, 0.7), STATEMENT) == [0, 1]


def test_farther_sentences_change_nothing() -> None:
    near = (0.7, 0.8, 0.9)
    assert nearest_sentences(_sentences(*near, *[0.3] * 40), STATEMENT) == [0, 1, 2]


@pytest.mark.parametrize(
    ("cosines", "nearest"),
    [
        ((), []),
        ((0.3,), [0]),
        ((-0.9, -0.1, -0.5, -0.2), [1, 2, 3]),
        ((0.0, 0.5, 0.5, 0.5, 0.5), [1, 2, 3]),
        ((0.9, 0.1, 0.9, 0.1, 0.2), [0, 2, 4]),
    ],
)
def test_negative_and_equal_cosines(cosines: tuple[float, ...], nearest: list[int]) -> None:
    sentences = _sentences(*cosines) if cosines else np.zeros((0, 2), dtype=np.float32)
    assert nearest_sentences(sentences, STATEMENT) == nearest
