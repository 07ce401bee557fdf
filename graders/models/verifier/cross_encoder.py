"""Runs the verifier: the log-odds that an answer makes a statement."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from vivavoce.rubrics import Question

from ...errors import ModelMissing
from ..embedder import Embedder
from ..time_limit import check_time, embed_in_units
from .nearest import nearest_sentences
from .quantized_e5 import PackedE5

WEIGHTS = Path(__file__).parent
NAME = "vivavoce-verifier-2"
# Clips log-odds: beyond, the network is overconfident out of domain.
_LOWEST, _HIGHEST = -1.0, 2.0
# Later digits depend on the machine.
_DIGITS = 3


class Verifier(Protocol):
    """A model that estimates whether answers make statements; `name` and `revision` go into the report."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def revision(self) -> str:
        """Identifies the weights: two models of one name with different weights have different revisions."""

    def log_odds(self, sentences: Sequence[str], statements: Sequence[str], *, question: Question) -> list[float]:
        """For each statement, the log-odds ln(p / (1 - p)) that an answer to the question makes it.

        The answer is given as its sentences, at least one.
        """


class CrossEncoderVerifier:
    """The networks that ship with vivavoce, each trained on one half of the bank's questions.

    A network reads the sentences of the answer that are nearest to the statement by `embedder`, so other text in the
    answer adds nothing. `embedder` must be multilingual-e5-small, with which the networks were trained.

    A question of the bank goes to the network that was not trained on it, because the other one would recall its
    training answers. Any other question goes to both, and the mean of their log-odds counts. The networks are loaded on
    first use. Raises ModelMissing if weights or a library are not installed.
    """

    name = NAME

    def __init__(self, embedder: Embedder, folder: Path = WEIGHTS) -> None:
        self._files = sorted(folder.glob("*.safetensors"))
        if not self._files:
            raise ModelMissing(f"The verifier's weights are missing in {folder}: install vivavoce again.")
        self._embedder = embedder

    @cached_property
    def revision(self) -> str:
        """SHA-256 (hex) over all files of weights."""
        digest = hashlib.sha256()
        for file in self._files:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def log_odds(self, sentences: Sequence[str], statements: Sequence[str], *, question: Question) -> list[float]:
        """See Verifier. The log-odds are clipped to the range from -1 to 2."""
        vectors = embed_in_units(self._embedder, [*sentences, *statements])
        tokens = [self._packed_e5.tokens(sentence) for sentence in sentences]
        unseen = [index for index, questions in enumerate(self._training_questions) if question.id not in questions]
        networks = [self._loaded_networks[index] for index in unseen or range(len(self._files))]
        log_odds = []
        for statement, vector in zip(statements, vectors[len(sentences) :], strict=True):
            check_time()
            nearest = nearest_sentences(vectors[: len(sentences)], vector)
            read = [token for index in nearest for token in tokens[index]]
            value = fmean(self._run_network(network, question.text, statement, read) for network in networks)
            log_odds.append(round(max(_LOWEST, min(value, _HIGHEST)), _DIGITS))
        return log_odds

    def _run_network(self, network: Any, question: str, statement: str, answer: Sequence[int]) -> float:
        # Imported late: torch takes seconds to load.
        import torch

        from .network import join

        piece = join(self._packed_e5, question=question, statement=statement, answer=answer)
        with torch.inference_mode():
            # One at a time: a result must not depend on its batch.
            return float(network([piece])[0])

    @cached_property
    def _packed_e5(self) -> PackedE5:
        return PackedE5()

    @cached_property
    def _training_questions(self) -> list[frozenset[str]]:
        try:
            from .weights import seen_questions
        except ImportError:
            raise _build_missing_error() from None
        return [seen_questions(file) for file in self._files]

    @cached_property
    def _loaded_networks(self) -> list[Any]:
        try:
            from .network import CrossEncoder
            from .weights import load
        except ImportError:
            raise _build_missing_error() from None
        networks = []
        for file in self._files:
            network = CrossEncoder(self._packed_e5)
            load(network, file)
            networks.append(network.eval())
        return networks


def _build_missing_error() -> ModelMissing:
    return ModelMissing("The verifier needs torch, safetensors and tokenizers: run 'pip install vivavoce[grading]'.")
