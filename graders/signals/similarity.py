"""Cosine similarity between passages of an answer and what is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..models.embedder import Vectors


@dataclass(frozen=True)
class PointMatch:
    """The best passage of an answer for one statement.

    `similarity` (-1 to 1) is the cosine between the statement and the best window, `similarity_gain` (-2 to 2) that
    minus the cosine between the statement and the question, so that talk about the topic alone gains nothing. `window`
    is the index of the best window.
    """

    similarity: float
    similarity_gain: float
    window: int


def match_points(*, windows: Vectors, points: Vectors, question: Vectors) -> list[PointMatch]:
    """Find the best window for each statement.

    `windows` (w, d), `points` (p, d) and `question` (d,) hold vectors of length 1. Raises ValueError if w is 0.
    """
    similarities = points @ windows.T
    baseline = points @ question
    return [
        PointMatch(similarity=float(row[best]), similarity_gain=float(row[best] - ground), window=int(best))
        # Of equally near windows, argmax takes the first.
        for row, ground, best in zip(similarities, baseline, similarities.argmax(axis=1), strict=True)
    ]
