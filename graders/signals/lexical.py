"""Word overlap: ROUGE-1, ROUGE-2 and ROUGE-L against the references, and the term recall of each statement.

ROUGE is that of the rouge-score package (Lin 2004, "ROUGE: A Package for Automatic Evaluation of
Summaries"), with a tokenizer that keeps Chinese.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..reading import normal_text
from ..reading.terms import terms

# Longer passages collect words by chance; see docs/research/method.md.
_PASSAGE_TIMES_POINT = 2


@dataclass(frozen=True)
class RougeScores:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L against the best reference, and the recall of ROUGE-1, each 0 to 1."""

    rouge1: float
    rouge2: float
    rouge_l: float
    rouge1_recall: float


def rouge(answer: str, references: Sequence[str], *, stated: Sequence[str] | None = None) -> RougeScores:
    """Compute ROUGE of an answer: each measure is the highest over the references.

    `stated` has, for each reference, the part of the answer that counts for recall; None counts all of it. Results
    equal those of rouge-score to 1e-9; the longest common subsequence comes from RapidFuzz, which is much faster.
    There must be at least one reference.
    """
    tokens = normal_text.words(answer)
    counted = [tokens] * len(references) if stated is None else [normal_text.words(part) for part in stated]
    by_reference = [
        _score_reference(tokens, part, _tokenize_reference(reference))
        for part, reference in zip(counted, references, strict=True)
    ]
    return RougeScores(*(max(measure) for measure in zip(*by_reference, strict=True)))


def _score_reference(
    answer: Sequence[str], counted: Sequence[str], reference: Sequence[str]
) -> tuple[float, float, float, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F1 and ROUGE-1 recall, from tokens; recall is over `counted`."""
    # Imported late: the API process has no model libraries.
    from rapidfuzz.distance import LCSseq

    shared = _count_shared(answer, reference)
    pairs = [list(itertools.pairwise(tokens)) for tokens in (answer, reference)]
    rouge2 = _compute_f1(_count_shared(*pairs), len(pairs[0]), len(pairs[1]))
    rouge_l = _compute_f1(LCSseq.similarity(answer, reference), len(answer), len(reference))
    rouge1_recall = _count_shared(counted, reference) / len(reference) if reference else 0.0
    return _compute_f1(shared, len(answer), len(reference)), rouge2, rouge_l, rouge1_recall


def _count_shared(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Size of the multiset intersection: a token counts as often as both have it."""
    return (Counter(first) & Counter(second)).total()


def _compute_f1(shared: int, answer: int, reference: int) -> float:
    """F1 (0 to 1) from counts of shared items and of all items; 0 if either side is empty."""
    from rouge_score.scoring import fmeasure

    return float(fmeasure(shared / answer, shared / reference)) if answer and reference else 0.0


# References repeat with every answer; answers do not.
@lru_cache(maxsize=1024)
def _tokenize_reference(reference: str) -> tuple[str, ...]:
    return tuple(normal_text.words(reference))


def point_recall(sentences: Sequence[str], *, point: str, question: str) -> float:
    """Term recall: the share (0 to 1) of a statement's content words in the best short passage of an answer.

    A passage is the shortest run of two or more sentences with at least twice the statement's words; over a whole
    answer, text about other things would collect the words one by one. Words of the question do not count, so that
    repeating it gains nothing. Chinese is compared by pairs of neighbouring characters, other scripts by stems.
    Returns 0 if there is no sentence, or if the question has all the content words.
    """
    content = terms(point) - terms(question)
    if not content or not sentences:
        return 0.0
    matched = [content & terms(sentence) for sentence in sentences]
    sizes = [len(normal_text.words(sentence)) for sentence in sentences]
    enough = _PASSAGE_TIMES_POINT * len(normal_text.words(point))
    ends = [_find_passage_end(start, sizes, enough) for start in range(len(sentences))]
    return max(len(frozenset().union(*matched[start:end])) for start, end in enumerate(ends)) / len(content)


def _find_passage_end(start: int, sizes: Sequence[int], enough: int) -> int:
    """The end of the passage from sentence `start`: two sentences or more with `enough` words, or all that is left."""
    counts = itertools.accumulate(sizes[start:])
    return start + next((n for n, count in enumerate(counts, 1) if n >= 2 and count >= enough), len(sizes) - start)
