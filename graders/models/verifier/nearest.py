"""Selects the sentences of an answer that the verifier reads beside a statement."""

from __future__ import annotations

import numpy as np

from ..embedder import Vectors

# With five, long answers gain by off-topic text.
SENTENCES_READ = 3


def nearest_sentences(sentences: Vectors, statement: Vectors) -> list[int]:
    """Indices of the sentences with the largest cosine to a statement, at most SENTENCES_READ, in ascending order.

    `sentences` has shape (n, d) and `statement` (d,); all vectors have length 1. Earlier sentences win ties.
    """
    nearness = sentences @ statement
    # Stable, so that ties do not depend on the platform.
    return sorted(np.argsort(-nearness, kind="stable")[:SENTENCES_READ].tolist())
