from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivavoce.graders.models.verifier.network import CrossEncoder, Piece, join
from vivavoce.graders.models.verifier.quantized_e5 import ANSWER_TOKENS, QUESTION_TOKENS, STATEMENT_TOKENS, PackedE5

from . import tiny_e5

BEGIN, END = 0, 2
AB, C, HAN = 5, 6, 7


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackedE5:
    tiny_e5.write_package(tmp_path, monkeypatch)
    return PackedE5()


def _text(tokens: int) -> str:
    """A text of that many tokens."""
    return "ab" + "c" * (tokens - 1) if tokens else ""


@pytest.fixture
def network(packed: PackedE5) -> CrossEncoder:
    torch.manual_seed(0)
    return CrossEncoder(packed).eval()


def test_parts_are_joined_with_separators(packed: PackedE5) -> None:
    piece = join(packed, question="ab", statement="abc", answer=[HAN, C])
    assert piece.tokens == (BEGIN, AB, END, AB, C, END, END, HAN, C, END)
    assert piece.statement == 5


def test_an_empty_question_has_no_separator(packed: PackedE5) -> None:
    piece = join(packed, question="", statement="ab", answer=[C])
    assert piece == Piece((BEGIN, AB, END, END, C, END), statement=2)


def test_an_empty_answer_leaves_the_separators(packed: PackedE5) -> None:
    assert join(packed, question="", statement="ab", answer=[]).tokens == (BEGIN, AB, END, END, END)


@pytest.mark.parametrize(
    ("question", "statement", "answer", "length"),
    [
        (QUESTION_TOKENS - 1, 1, 1, QUESTION_TOKENS - 1 + 7),
        (QUESTION_TOKENS + 9, 1, 1, QUESTION_TOKENS + 7),
        (1, STATEMENT_TOKENS + 9, 1, STATEMENT_TOKENS + 7),
        (1, 1, ANSWER_TOKENS + 9, ANSWER_TOKENS + 7),
        (0, STATEMENT_TOKENS + 9, ANSWER_TOKENS + 9, STATEMENT_TOKENS + ANSWER_TOKENS + 4),
        (QUESTION_TOKENS + 9, STATEMENT_TOKENS + 9, ANSWER_TOKENS + 9, tiny_e5.POSITIONS),
    ],
)
def test_long_parts_are_cut(packed: PackedE5, question: int, statement: int, answer: int, length: int) -> None:
    piece = join(packed, question=_text(question), statement=_text(statement), answer=[C] * answer)
    assert len(piece.tokens) <= tiny_e5.POSITIONS
    assert piece.tokens[-1] == END
    assert piece.tokens[piece.statement : piece.statement + 2] == (END, END)
    assert len(piece.tokens) == length


def test_the_longest_input_can_be_read(packed: PackedE5, network: CrossEncoder) -> None:
    piece = join(packed, question=_text(99), statement=_text(199), answer=[C] * 999)
    with torch.inference_mode():
        assert network([piece]).shape == (1,)


def test_training_begins_with_a_scaled_cosine(network: CrossEncoder) -> None:
    pieces = [Piece((BEGIN, AB, END, END, C, END), 2), Piece((BEGIN, C, C, END, END, HAN, END), 3)]
    with torch.inference_mode():
        log_odds = network(pieces)
    assert torch.all((log_odds >= -47) & (log_odds <= 3))
    assert log_odds[0] != log_odds[1]


def test_padding_changes_nothing(network: CrossEncoder) -> None:
    short, long = Piece((BEGIN, AB, END, END, C, END), 2), Piece((BEGIN, *[C] * 20, END, END, HAN, END), 21)
    with torch.inference_mode():
        together = network([short, long])
        alone = torch.cat([network([short]), network([long])])
    assert torch.allclose(together, alone, atol=1e-4)


def test_what_belongs_to_the_statement_matters(network: CrossEncoder) -> None:
    tokens = (BEGIN, AB, C, END, END, HAN, END)
    with torch.inference_mode():
        first, second = network([Piece(tokens, 2), Piece(tokens, 3)])
    assert first != second
