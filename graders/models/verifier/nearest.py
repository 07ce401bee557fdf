"""Which sentences of an answer the verifier reads beside a statement."""

from __future__ import annotations

import numpy as np

from ..embedder import Vectors

# A statement takes one or two sentences to make; of five, answers of many sentences gain by what is beside the point.
SENTENCES_READ = 3


def nearest_sentences(sentences: Vectors, statement: Vectors) -> list[int]:
    """The indices of the sentences nearest to a statement, in the order of the answer.

    `sentences` (n, d) and `statement` (d,) hold vectors of length 1.
    """
    nearness = sentences @ statement
    return sorted(np.argsort(-nearness, kind="stable")[:SENTENCES_READ].tolist())
