"""The network: multilingual-e5-small reads question, statement and answer together, and a small head gives log-odds.

It is a cross-encoder, as in Nogueira and Cho 2019, "Passage Re-ranking with BERT": every token of the statement attends
to every token of the answer. The head is linear in the element-wise product of the mean vectors of both parts, which at
the start of the training gives their cosine, and in the vector of the first token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .quantized_e5 import ANSWER_TOKENS, QUESTION_TOKENS, STATEMENT_TOKENS, PackedE5

# Start of the training: a cosine of .88 gives even odds.
_COSINE_WEIGHT, _BIAS = 25.0, -22.0


@dataclass(frozen=True)
class Piece:
    """Input of the network: token ids, of which the first `statement` belong to question and statement."""

    tokens: tuple[int, ...]
    statement: int


class Encoder(nn.Module):
    """multilingual-e5-small without its word embeddings, which are four fifths of its weights."""

    def __init__(self, packed: PackedE5) -> None:
        super().__init__()
        shape = packed.shape
        self.positions = nn.Parameter(torch.empty(shape.positions, shape.hidden))
        self.kind = nn.Parameter(torch.empty(shape.hidden))
        self.norm = nn.LayerNorm(shape.hidden, eps=shape.epsilon)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                shape.hidden,
                shape.heads,
                shape.inner,
                # Drawing dropout masks would take a third of a training step.
                dropout=0.0,
                activation="gelu",
                layer_norm_eps=shape.epsilon,
                batch_first=True,
            )
            for _ in range(shape.layers)
        )
        self.load_state_dict({name: torch.from_numpy(values) for name, values in packed.parameters().items()})

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """States of the last layer, shape (batch, tokens, hidden), for word vectors of the same shape.

        `present` has shape (batch, tokens): 1 for tokens, 0 for padding.
        """
        states: Tensor = self.norm(vectors + self.positions[: vectors.shape[1]] + self.kind)
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=present == 0)
        return states


class CrossEncoder(nn.Module):
    """Encoder and head: log-odds (natural) that an answer makes a statement."""

    def __init__(self, packed: PackedE5) -> None:
        super().__init__()
        hidden = packed.shape.hidden
        self.encoder = Encoder(packed)
        self.dropout = nn.Dropout(0.1)
        self.product = nn.Parameter(torch.full((hidden,), _COSINE_WEIGHT))
        self.first = nn.Linear(hidden, 1)
        nn.init.zeros_(self.first.weight)
        nn.init.constant_(self.first.bias, _BIAS)
        self._packed = packed

    def forward(self, pieces: Sequence[Piece]) -> Tensor:
        """One log-odds a piece, shape (len(pieces),)."""
        longest = max(len(piece.tokens) for piece in pieces)
        vectors = np.zeros((len(pieces), longest, self._packed.shape.hidden), dtype=np.float32)
        present, stated = torch.zeros(2, len(pieces), longest, 1)
        for row, piece in enumerate(pieces):
            vectors[row, : len(piece.tokens)] = self._packed.word_vectors(np.asarray(piece.tokens))
            present[row, : len(piece.tokens)] = 1
            stated[row, : piece.statement] = 1
        states = self.encoder(torch.from_numpy(vectors), present[..., 0])
        product = _average_tokens(states, stated) * _average_tokens(states, present - stated)
        log_odds: Tensor = product @ self.product + self.first(self.dropout(states[:, 0]))[:, 0]
        return log_odds


def join(packed: PackedE5, *, question: str, statement: str, answer: Sequence[int]) -> Piece:
    """The network's input for a statement about a question, and the tokens of an answer or of a part of it.

    Each of the three is cut to its number of tokens. An empty question is left out with its separator.
    """
    asked = packed.tokens(question)[:QUESTION_TOKENS]
    stated = packed.tokens(statement)[:STATEMENT_TOKENS]
    # <s> question </s> statement </s></s> answer </s>
    first = [packed.begin, *([*asked, packed.end] if asked else []), *stated]
    # Three parts of full length and their separators are one too many.
    room = min(ANSWER_TOKENS, packed.shape.positions - len(first) - 3)
    return Piece((*first, packed.end, packed.end, *answer[:room], packed.end), statement=len(first))


def _average_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens whose mask is 1, scaled to length 1: shape (batch, hidden) from (batch, tokens, hidden)."""
    return nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
