"""Which sentences of an answer say nothing about any subject, and which speak to whoever grades it.

Of the first kind are greetings, "let me think", "that is all I wanted to say"; of the second orders to a machine that
reads the answer, and words about grade, grader, candidate or the answer itself. For each kind two linear classifiers
look at a sentence, one at its wording (n-grams of characters and words), the other at its meaning (the vector that
multilingual-e5-small gives it); the sum of their log-odds counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import yaml

from ...errors import ModelMissing
from ...models.embedder import Embedder
from ..normal_text import has_han
from ..terms import terms

Kind = Literal["filler", "injection"]
Certainty = Literal["even", "likely", "sure"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_SENTENCES_REMEMBERED = 4096
# Places for n-grams of each kind; two that share one are told apart by their signs more often than not.
_PLACES = 2**14

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Which sentences the model of meanings is asked about.

    Those whose log-odds by wording are above `possible`, with at least `fewest` letters, of which a Chinese one counts
    one and a half, and at most `longest` characters; others are none of the kind.
    """

    possible: float
    fewest: int
    longest: int

    def hold(self, sentence: str) -> bool:
        """Whether a sentence is neither too short nor too long."""
        letters = sum((1.5 if has_han(letter) else 1.0) for letter in sentence if letter.isalpha())
        return letters >= self.fewest and len(sentence) <= self.longest


BOUNDS: Mapping[Kind, Bounds] = {
    # Nobody says nothing at greater length in one sentence.
    "filler": Bounds(possible=-1.0, fewest=0, longest=240),
    # Fragments ("A:", "H0", "tell answer") say too little to be told from formulas and headings.
    "injection": Bounds(possible=-2.0, fewest=12, longest=600),
}
# In log-odds. What is taken for content costs little, what is taken for another kind is not read; of what is sure the
# answer is flagged: with authors left out .43 of sentences that speak to the grader, .0007 of the bank's.
_LEAST: Mapping[Certainty, float] = {"even": 0.0, "likely": 2.0, "sure": 4.0}


class SentenceClassifier(Protocol):
    """Anything that tells sentences which are no part of an answer; `revision` goes into the report."""

    @property
    def revision(self) -> str:
        """What tells these kinds from others."""

    def is_filler(self, sentences: Sequence[str]) -> list[bool]:
        """Whether each sentence, in normal form, is mere talk.

        What a sentence is taken for does not depend on the others.
        """

    def addresses_grader(self, sentences: Sequence[str], *, certainty: Certainty) -> list[bool]:
        """Whether each sentence, in normal form, speaks to whoever grades, or of the grade; else as `is_filler`."""


class TrainedSentenceClassifier:
    """The classifiers that ship with vivavoce; `embedder` is the model that their weights were fitted with.

    Raises ModelMissing when the libraries for grading are not installed.
    """

    def __init__(self, embedder: Embedder) -> None:
        digest = hashlib.sha256(repr((BOUNDS, _LEAST)).encode())
        for kind in KINDS:
            digest.update(weights_path(kind).read_bytes())
        self.revision = f"{digest.hexdigest()[:12]} {embedder.revision}"
        self._classifiers = {kind: LinearClassifier(weights_path(kind), BOUNDS[kind], embedder) for kind in KINDS}

    def is_filler(self, sentences: Sequence[str]) -> list[bool]:
        """See SentenceKinds."""
        return self._classifiers["filler"].recognise(sentences, least=_LEAST["likely"])

    def addresses_grader(self, sentences: Sequence[str], *, certainty: Certainty) -> list[bool]:
        """See SentenceKinds."""
        return self._classifiers["injection"].recognise(sentences, least=_LEAST[certainty])


@cache
def training_filler_terms() -> frozenset[str]:
    """The terms that talk is made of: those of the sentences that its classifier was trained on."""
    return frozenset(
        term for lines in load_training_sentences("filler")["filler"].values() for line in lines for term in terms(line)
    )


def load_training_sentences(kind: Kind) -> dict[str, dict[str, list[str]]]:
    """What a classifier is trained on: sentences of the kind and of `content`, by language."""
    file = Path(__file__).parent / f"{kind}.yaml"
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def weights_path(kind: Kind) -> Path:
    """The file that holds a classifier's weights."""
    return Path(__file__).parent / f"{kind}.safetensors"


class LinearClassifier:
    """The two classifiers of a kind, with the weights in a file; raises ModelMissing when a library is not there."""

    def __init__(self, weights: Path, bounds: Bounds, embedder: Embedder) -> None:
        try:
            from safetensors.numpy import load_file
        except ImportError:
            raise ModelMissing(
                "The classifier of sentences lacks safetensors: run 'pip install vivavoce[grading]'."
            ) from None
        self._weights = {name: values.astype(np.float64) for name, values in load_file(weights).items()}
        self._bounds = bounds
        self._embedder = embedder
        # Such sentences come again and again.
        self._by_meaning = lru_cache(maxsize=_SENTENCES_REMEMBERED)(self._log_odds_by_meaning)

    def recognise(self, sentences: Sequence[str], *, least: float) -> list[bool]:
        """Whether each sentence has log-odds above `least` to be of the kind."""
        asked = list(filter(self._bounds.hold, dict.fromkeys(sentences)))
        by_wording = self._log_odds("wording", wordings(asked)) if asked else ()
        recognised = {
            sentence
            for sentence, odds in zip(asked, by_wording, strict=True)
            if odds > self._bounds.possible and odds + self._by_meaning(sentence) > least
        }
        return [sentence in recognised for sentence in sentences]

    def _log_odds_by_meaning(self, sentence: str) -> float:
        return float(self._log_odds("meaning", self._embedder.embed([sentence]))[0])

    def _log_odds(self, name: str, features: Any) -> Floats:
        found: Floats = features @ self._weights[name] + self._weights[f"{name}.bias"]
        return found


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
        raise ModelMissing(
            "The classifier of sentences lacks scikit-learn: run 'pip install vivavoce[grading]'."
        ) from None
    return make_union(
        HashingVectorizer(n_features=_PLACES, analyzer="char", ngram_range=(1, 3)),
        HashingVectorizer(n_features=_PLACES, ngram_range=(1, 2), token_pattern=r"[A-Za-z']+"),
    )
