"""How near sentences of an answer come to what is asked for, by embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from ..models.embedder import Vectors


@dataclass(frozen=True)
class PointMatch:
    """How near an answer comes to one expected point.

    `similarity` is the cosine of the best window; `similarity_gain` is how much nearer that is than the bare
    question, so that talk about the topic alone gains nothing; `window` is the index of the best one.
    """

    similarity: float
    similarity_gain: float
    window: int


def match_points(*, windows: Vectors, points: Vectors, question: Vectors) -> list[PointMatch]:
    """The best window for each point.

    `windows` (w, d), `points` (p, d) and `question` (d,) hold vectors of length 1; w is at least 1.
    """
    similarities = points @ windows.T
    baseline = points @ question
    return [
        PointMatch(similarity=float(row[best]), similarity_gain=float(row[best] - ground), window=int(best))
        for row, ground, best in zip(similarities, baseline, similarities.argmax(axis=1), strict=True)
    ]
