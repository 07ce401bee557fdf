"""Classifies sentences of an answer that say nothing about any subject, and sentences that address the grader.

Of the first kind are greetings, "let me think", "that is all I wanted to say". Of the second are orders to a machine
that reads the answer, and remarks on the grade, the grader, the candidate or the answer itself. For each kind two
linear classifiers look at a sentence: one at its wording (n-grams of characters and words), one at its meaning (the
vector that multilingual-e5-small gives it). The sum of their log-odds decides.
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
from ...models.time_limit import check_time
from ..normal_text import has_han
from ..terms import terms

Kind = Literal["filler", "injection"]
Certainty = Literal["plausible", "likely", "sure", "certain"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)
_SENTENCES_REMEMBERED = 4096
# For n-grams of each kind; hashed signs soften collisions.
_BUCKETS = 2**14

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Bounds on the sentences that may be of a kind; only these reach the slower classifier by meaning.

    Their log-odds (natural) by wording are above `possible`. They have at least `fewest` letters, of which a Chinese
    one counts 1.5, and at most `longest` characters.
    """

    possible: float
    fewest: int
    longest: int

    def fits_length(self, sentence: str) -> bool:
        """Whether a sentence is neither too short nor too long."""
        letters = sum((1.5 if has_han(letter) else 1.0) for letter in sentence if letter.isalpha())
        return letters >= self.fewest and len(sentence) <= self.longest


# Hashed by their repr into the revision, as are the thresholds.
BOUNDS: Mapping[Kind, Bounds] = {
    # Filler is rarely longer in one sentence.
    "filler": Bounds(possible=-1.0, fewest=0, longest=240),
    # Fragments ("A:", "H0") look like formulas and headings.
    "injection": Bounds(possible=-2.0, fewest=12, longest=600),
}
# In log-odds; high, since a false positive drops content.
_THRESHOLDS: Mapping[Certainty, float] = {"plausible": 0.0, "likely": 2.0, "sure": 4.0, "certain": 7.0}


class SentenceClassifier(Protocol):
    """A classifier of sentences that are no part of an answer; `revision` goes into the report.

    The verdict on a sentence does not depend on the other sentences.
    """

    @property
    def revision(self) -> str:
        """Identifies the classifier: it changes with weights, bounds and model."""

    def is_filler(self, sentences: Sequence[str]) -> list[bool]:
        """For each sentence, in normal form, whether it says nothing about any subject."""

    def addresses_grader(self, sentences: Sequence[str], *, certainty: Certainty) -> list[bool]:
        """For each sentence, in normal form, whether it addresses the grader or speaks of the grade.

        `certainty` says how high its log-odds have to be.
        """


class TrainedSentenceClassifier:
    """The classifiers that ship with vivavoce; `embedder` must be the model that their weights were fitted with.

    Raises ModelMissing if safetensors or scikit-learn is not installed.
    """

    def __init__(self, embedder: Embedder) -> None:
        digest = hashlib.sha256(repr((BOUNDS, _THRESHOLDS)).encode())
        for kind in KINDS:
            digest.update(weights_path(kind).read_bytes())
        self.revision = f"{digest.hexdigest()[:12]} {embedder.revision}"
        self._classifiers = {kind: LinearClassifier(weights_path(kind), BOUNDS[kind], embedder) for kind in KINDS}

    def is_filler(self, sentences: Sequence[str]) -> list[bool]:
        """See SentenceClassifier."""
        return self._classifiers["filler"].recognise(sentences, least=_THRESHOLDS["likely"])

    def addresses_grader(self, sentences: Sequence[str], *, certainty: Certainty) -> list[bool]:
        """See SentenceClassifier."""
        return self._classifiers["injection"].recognise(sentences, least=_THRESHOLDS[certainty])


@cache
def training_filler_terms() -> frozenset[str]:
    """Content words of the sentences that the filler classifier was trained on."""
    return frozenset(
        term for lines in load_training_sentences("filler")["filler"].values() for line in lines for term in terms(line)
    )


def load_training_sentences(kind: Kind) -> dict[str, dict[str, list[str]]]:
    """The sentences that a classifier is trained on: `[kind]` and `["content"]`, each by language."""
    file = Path(__file__).parent / f"{kind}.yaml"
    sentences: dict[str, dict[str, list[str]]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return sentences


def weights_path(kind: Kind) -> Path:
    """The file that holds a classifier's weights."""
    return Path(__file__).parent / f"{kind}.safetensors"


class LinearClassifier:
    """The classifiers by wording and by meaning for one kind, with the weights of one file.

    Raises ModelMissing if safetensors is not installed, and later if scikit-learn is not.
    """

    def __init__(self, weights: Path, bounds: Bounds, embedder: Embedder) -> None:
        try:
            from safetensors.numpy import load_file
        except ImportError:
            raise ModelMissing(
                "The sentence classifier needs safetensors: run 'pip install vivavoce[grading]'."
            ) from None
        self._weights = {name: values.astype(np.float64) for name, values in load_file(weights).items()}
        self._bounds = bounds
        self._embedder = embedder
        # Greetings recur in many answers.
        self._by_meaning = lru_cache(maxsize=_SENTENCES_REMEMBERED)(self._score_meaning)

    def recognise(self, sentences: Sequence[str], *, least: float) -> list[bool]:
        """For each sentence, whether its log-odds (natural) to be of the kind are above `least`."""
        candidates = list(filter(self._bounds.fits_length, dict.fromkeys(sentences)))
        by_wording = self._score_features("wording", wordings(candidates)) if candidates else ()
        recognised = {
            sentence
            for sentence, odds in zip(candidates, by_wording, strict=True)
            if odds > self._bounds.possible and odds + self._by_meaning(sentence) > least
        }
        return [sentence in recognised for sentence in sentences]

    def _score_meaning(self, sentence: str) -> float:
        check_time()
        return float(self._score_features("meaning", self._embedder.embed([sentence]))[0])

    def _score_features(self, name: str, features: Any) -> Floats:
        log_odds: Floats = features @ self._weights[name] + self._weights[f"{name}.bias"]
        return log_odds


def wordings(sentences: Sequence[str]) -> Any:
    """Sparse features of the sentences' wording, of shape (len(sentences), 32768).

    The first half of the columns is for n-grams of one to three characters, the second for n-grams of one and two Latin
    words; each half has length 1 or is empty. An n-gram is hashed to a column of its half, as in Weinberger et al.
    2009, "Feature Hashing for Large Scale Multitask Learning".
    """
    return _load_vectoriser().transform(sentences)


@cache
def _load_vectoriser() -> Any:
    # Imported late: the library takes a second to load.
    try:
        from sklearn.feature_extraction.text import HashingVectorizer
        from sklearn.pipeline import make_union
    except ImportError:
        raise ModelMissing("The sentence classifier needs scikit-learn: run 'pip install vivavoce[grading]'.") from None
    return make_union(
        HashingVectorizer(n_features=_BUCKETS, analyzer="char", ngram_range=(1, 3)),
        HashingVectorizer(n_features=_BUCKETS, ngram_range=(1, 2), token_pattern=r"[A-Za-z']+"),
    )
