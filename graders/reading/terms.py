"""The content words of a text."""

from __future__ import annotations

import itertools
from functools import cache, lru_cache
from typing import Any

from . import normal_text


@lru_cache(maxsize=2048)
def terms(string: str) -> frozenset[str]:
    """The telling words of a text: pairs of neighbouring Chinese characters, and stems of other words."""
    tokens = [(token, normal_text.has_han(token)) for token in normal_text.words(string)]
    terms = {_stem(token) for token, is_han in tokens if not is_han and _is_telling(token)}
    for (first, first_is_han), (second, second_is_han) in itertools.pairwise(tokens):
        if first_is_han and second_is_han and not {first, second} <= normal_text.STOP_WORDS:
            terms.add(first + second)
    return frozenset(terms)


def _is_telling(token: str) -> bool:
    """Whether a word that is not Chinese says something: single letters are what apostrophes leave."""
    return token not in normal_text.STOP_WORDS and (len(token) > 1 or token.isdigit())


@cache
def _stemmer() -> Any:
    from nltk.stem import porter

    return porter.PorterStemmer()


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return str(_stemmer().stem(word)) if len(word) > 3 else word
