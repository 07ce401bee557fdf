"""Asking the small model: how sure it is that an answer makes a statement."""

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
from .nearest import nearest_sentences
from .quantized_e5 import PackedE5

WEIGHTS = Path(__file__).parent
NAME = "vivavoce-verifier-2"
# Beyond these log-odds it is no surer in truth: right answers in words that the bank does not use get -4 now and then.
_LOWEST, _HIGHEST = -1.0, 2.0
# Sums of floats depend in their last digits on the machine; what is told does not.
_DIGITS = 3


class Verifier(Protocol):
    """Anything that says how sure it is that answers make statements; name and revision go into the report."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def revision(self) -> str:
        """What tells this model from another of the same name."""

    def log_odds(self, sentences: Sequence[str], statements: Sequence[str], *, question: Question) -> list[float]:
        """ln P(made)/P(not made) for each statement; an answer comes as its sentences, at least one."""


class CrossEncoderVerifier:
    """The networks that ship with vivavoce, each trained on one half of the bank's questions.

    Of an answer a network reads the sentences whose meaning, by `embedder`, is nearest to the statement, so that no
    other text in the answer can add to it; the networks were trained with multilingual-e5-small for that.

    What a network says of a question whose qualification answers it was trained on would be no examination: of two
    halves the one is asked that never saw the question. All others' questions are put to both, and the mean counts.
    Networks are loaded when they are asked for the first time. Raises ModelMissing when a part is not installed.
    """

    name = NAME

    def __init__(self, embedder: Embedder, folder: Path = WEIGHTS) -> None:
        self._files = sorted(folder.glob("*.safetensors"))
        if not self._files:
            raise ModelMissing(f"There are no weights of the verifier in {folder}: install vivavoce again.")
        self._embedder = embedder

    @cached_property
    def revision(self) -> str:
        """SHA-256 over the weights."""
        digest = hashlib.sha256()
        for file in self._files:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def log_odds(self, sentences: Sequence[str], statements: Sequence[str], *, question: Question) -> list[float]:
        """See Verifier; within -1 and 2."""
        vectors = self._embedder.embed([*sentences, *statements])
        tokens = [self._packed.tokens(sentence) for sentence in sentences]
        unseen = [index for index, seen in enumerate(self._seen) if question.id not in seen]
        networks = [self._networks[index] for index in unseen or range(len(self._files))]
        found = []
        for statement, vector in zip(statements, vectors[len(sentences) :], strict=True):
            read = [token for index in nearest_sentences(vectors[: len(sentences)], vector) for token in tokens[index]]
            value = fmean(self._ask(network, question.text, statement, read) for network in networks)
            found.append(round(max(_LOWEST, min(value, _HIGHEST)), _DIGITS))
        return found

    def _ask(self, network: Any, question: str, statement: str, answer: Sequence[int]) -> float:
        import torch

        from .network import join

        piece = join(self._packed, question=question, statement=statement, answer=answer)
        with torch.inference_mode():
            # One at a time: what an answer gets may not depend on what it is graded with.
            return float(network([piece])[0])

    @cached_property
    def _packed(self) -> PackedE5:
        return PackedE5()

    @cached_property
    def _seen(self) -> list[frozenset[str]]:
        from .weights import seen_questions

        return [seen_questions(file) for file in self._files]

    @cached_property
    def _networks(self) -> list[Any]:
        try:
            from .network import CrossEncoder
            from .weights import load
        except ImportError:
            raise ModelMissing(
                "The verifier lacks torch, safetensors or tokenizers: run 'pip install vivavoce[grading]'."
            ) from None
        networks = []
        for file in self._files:
            network = CrossEncoder(self._packed)
            load(network, file)
            networks.append(network.eval())
        return networks
