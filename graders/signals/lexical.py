"""Word overlap: ROUGE-1, ROUGE-2 and ROUGE-L against the references, and how much of each expected point is said.

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

# Shorter passages cost those who write short sentences, longer ones collect words again (docs/research/method.md).
_PASSAGE_TIMES_POINT = 2


@dataclass(frozen=True)
class RougeScores:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L against the best reference, and the recall of ROUGE-1, each 0 to 1."""

    rouge1: float
    rouge2: float
    rouge_l: float
    rouge1_recall: float


def rouge(answer: str, references: Sequence[str], *, stated: Sequence[str] | None = None) -> RougeScores:
    """ROUGE of an answer: each measure as high as any reference makes it.

    `stated` has the part of the answer whose words count for recall against each reference, None for all of it. The
    same figures as rouge-score's to 1e-9; the longest common subsequence, which takes that package most of a grading's
    processor time, comes from RapidFuzz.
    """
    said = normal_text.words(answer)
    counted = [said] * len(references) if stated is None else [normal_text.words(part) for part in stated]
    found = [_rouge(said, words, _words(reference)) for words, reference in zip(counted, references, strict=True)]
    return RougeScores(*(max(of_one) for of_one in zip(*found, strict=True)))


def _rouge(said: Sequence[str], counted: Sequence[str], wanted: Sequence[str]) -> tuple[float, float, float, float]:
    # Imported late: a process that only shows reports has no need of it.
    from rapidfuzz.distance import LCSseq

    shared = _shared(said, wanted)
    pairs = [list(itertools.pairwise(tokens)) for tokens in (said, wanted)]
    twos = _f1(_shared(*pairs), len(pairs[0]), len(pairs[1]))
    longest = _f1(LCSseq.similarity(said, wanted), len(said), len(wanted))
    rouge1_recall = _shared(counted, wanted) / len(wanted) if wanted else 0.0
    return _f1(shared, len(said), len(wanted)), twos, longest, rouge1_recall


def _shared(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    return (Counter(first) & Counter(second)).total()


def _f1(shared: int, said: int, wanted: int) -> float:
    from rouge_score.scoring import fmeasure

    return float(fmeasure(shared / said, shared / wanted)) if said and wanted else 0.0


@lru_cache(maxsize=1024)
def _words(reference: str) -> tuple[str, ...]:
    return tuple(normal_text.words(reference))


def point_recall(sentences: Sequence[str], *, point: str, question: str) -> float:
    """Share (0 to 1) of the point's telling words that a short passage of an answer has, at best.

    A passage is a run of at least two sentences with at least twice the point's words, and no longer than that takes:
    over a whole answer, text about other things collects the words one by one. Words of the question do not count, so
    that repeating it gains nothing. Chinese is compared by pairs of neighbouring characters, other scripts by words
    without their endings.
    """
    telling = terms(point) - terms(question)
    if not telling or not sentences:
        return 0.0
    found = [telling & terms(sentence) for sentence in sentences]
    sizes = [len(normal_text.words(sentence)) for sentence in sentences]
    enough = _PASSAGE_TIMES_POINT * len(normal_text.words(point))
    ends = [_passage_end(start, sizes, enough) for start in range(len(sentences))]
    return max(len(frozenset().union(*found[start:end])) for start, end in enumerate(ends)) / len(telling)


def _passage_end(start: int, sizes: Sequence[int], enough: int) -> int:
    counts = itertools.accumulate(sizes[start:])
    return start + next((n for n, count in enumerate(counts, 1) if n >= 2 and count >= enough), len(sizes) - start)
