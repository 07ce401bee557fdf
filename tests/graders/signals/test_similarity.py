from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders.models.embedder import Vectors
from vivavoce.graders.signals.similarity import match_points


def _unit(*rows: tuple[float, ...]) -> Vectors:
    vectors = np.asarray(rows, dtype=np.float32)
    normed: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normed


def test_the_best_window_is_found_for_each_point() -> None:
    windows = _unit((1, 0, 0), (0, 1, 0), (0, 0, 1))
    points = _unit((0, 1, 0.1), (1, 0.1, 0))
    first, second = match_points(windows=windows, points=points, question=_unit((1, 0, 0))[0])
    assert (first.window, second.window) == (1, 0)
    assert first.similarity == pytest.approx(1 / np.sqrt(1.01))


def test_the_gain_is_over_the_question() -> None:
    (match,) = match_points(windows=_unit((0, 1)), points=_unit((0, 1)), question=_unit((1, 1))[0])
    assert match.similarity_gain == pytest.approx(1 - np.sqrt(0.5))
    (worse,) = match_points(windows=_unit((1, 0)), points=_unit((0, 1)), question=_unit((0, 1))[0])
    assert worse.similarity_gain == pytest.approx(-1)


def test_of_equal_windows_the_first_is_taken() -> None:
    (match,) = match_points(windows=_unit((1, 0), (1, 0)), points=_unit((1, 0)), question=_unit((0, 1))[0])
    assert match.window == 0


def test_an_answer_without_windows_cannot_be_matched() -> None:
    with pytest.raises(ValueError, match="empty"):
        match_points(windows=np.zeros((0, 2), dtype=np.float32), points=_unit((1, 0)), question=_unit((0, 1))[0])


def test_without_points_there_is_nothing_to_match() -> None:
    none = np.zeros((0, 2), dtype=np.float32)
    assert match_points(windows=_unit((1, 0)), points=none, question=_unit((0, 1))[0]) == []


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.1, 1)), min_size=1, max_size=5))
def test_more_windows_never_lower_the_similarity(rows: list[tuple[float, float]]) -> None:
    windows, point, question = _unit(*rows), _unit((1, 0.2)), _unit((0.3, 1))[0]
    (all_matched,) = match_points(windows=windows, points=point, question=question)
    (first_matched,) = match_points(windows=windows[:1], points=point, question=question)
    assert all_matched.similarity >= first_matched.similarity
    assert -2 <= all_matched.similarity_gain <= 2
