"""Content words of a text, for word overlap in both languages."""

from __future__ import annotations

import itertools
from functools import cache, lru_cache
from typing import Any

from . import normal_text


@lru_cache(maxsize=2048)
def terms(string: str) -> frozenset[str]:
    """Content words of a text: pairs of neighbouring Chinese characters, and Porter stems of other words.

    Stop words are left out, as are pairs of two of them.
    """
    tokens = [(token, normal_text.has_han(token)) for token in normal_text.words(string)]
    terms = {_stem_word(token) for token, is_han in tokens if not is_han and _is_content_word(token)}
    # Pairs stand in for words: Chinese is written without blanks.
    for (first, first_is_han), (second, second_is_han) in itertools.pairwise(tokens):
        if first_is_han and second_is_han and not {first, second} <= normal_text.STOP_WORDS:
            terms.add(first + second)
    return frozenset(terms)


def _is_content_word(token: str) -> bool:
    # Single letters are what apostrophes leave behind.
    return token not in normal_text.STOP_WORDS and (len(token) > 1 or token.isdigit())


@cache
def _load_stemmer() -> Any:
    # Imported late: the library is slow to load.
    from nltk.stem import porter

    return porter.PorterStemmer()


@lru_cache(maxsize=65_536)
def _stem_word(word: str) -> str:
    # Short words stay as they are, as in rouge-score.
    return str(_load_stemmer().stem(word)) if len(word) > 3 else word
