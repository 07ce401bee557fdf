"""Word overlap: ROUGE-1, ROUGE-2 and ROUGE-L against the references, and how much of each expected point is said.

ROUGE is that of the rouge-score package (Lin 2004, "ROUGE: A Package for Automatic Evaluation of
Summaries"), with a tokenizer that keeps Chinese.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from . import text

# Words that carry no substance; an overlap in them says nothing.
_STOP_WORDS = frozenset(
    """a an and are as at be because been but by can could do does for from has have how if in into is it its more
    most not of on or our so such than that the their them then there these they this to too use used uses using was
    we what when where which while who why will with would you your also both each many much only same very via like
    one two make makes made give gives given get gets say says answer
    的 了 是 在 和 与 或 而 及 也 就 都 把 被 对 为 以 从 到 中 上 下
    会 能 可 要 有 这 那 它 其 不 个 并 用 使 让 来 去 等 如""".split()
)


@dataclass(frozen=True)
class RougeScores:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L against the best reference, each 0 to 1."""

    rouge1: float
    rouge2: float
    rouge_l: float


class _KeepsChinese:
    """The tokenizer that rouge-score is handed."""

    def tokenize(self, string: str) -> list[str]:
        return text.words(string)


@cache
def _scorer() -> Any:
    # Imported late: a process that only shows reports has no need of it.
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_KeepsChinese())


def rouge(answer: str, references: Sequence[str]) -> RougeScores:
    """ROUGE of an answer: for each measure the highest F1 over the references."""
    found = [_scorer().score(reference, answer) for reference in references]
    return RougeScores(
        rouge1=max(float(scores["rouge1"].fmeasure) for scores in found),
        rouge2=max(float(scores["rouge2"].fmeasure) for scores in found),
        rouge_l=max(float(scores["rougeL"].fmeasure) for scores in found),
    )


def point_recall(answer: str, *, point: str, question: str) -> float:
    """Share (0 to 1) of the point's telling words that the answer has.

    Words of the question do not count, so that repeating it gains nothing. Chinese is compared by
    pairs of neighbouring characters, other scripts by words without their endings.
    """
    known = terms(question)
    telling = terms(point) - known
    if not telling:
        return 0.0
    return len(telling & terms(answer)) / len(telling)


@lru_cache(maxsize=2048)
def terms(string: str) -> frozenset[str]:
    """The telling words of a text: pairs of neighbouring Chinese characters, and stems of other words."""
    tokens = text.words(string)
    terms = {_stem(token) for token in tokens if _is_telling(token)}
    for first, second in itertools.pairwise(tokens):
        if text.has_han(first) and text.has_han(second) and not {first, second} <= _STOP_WORDS:
            terms.add(first + second)
    return frozenset(terms)


def _is_telling(token: str) -> bool:
    """Whether a token is a word of its own that says something: single letters are what apostrophes leave."""
    return not text.has_han(token) and token not in _STOP_WORDS and (len(token) > 1 or token.isdigit())


@cache
def _stemmer() -> Any:
    from nltk.stem import porter

    return porter.PorterStemmer()


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return str(_stemmer().stem(word)) if len(word) > 3 else word
