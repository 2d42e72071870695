"""Builds the index of a catalogue where it is missing or outdated, and opens it.

An index holds the lexical index (all documents) and the Chroma collection (the standard names). Its key is made of the
items, the lexicon, the code that makes the documents and the embedding model: a change of any gives another index.

With a Chroma server, the collection is there, and the lexical index in the home folder, as ever.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from retrieval.chroma import ChromaServer, Where, close_client, open_client
from retrieval.dense import DenseIndex, on_server, write_collection
from retrieval.documents import build_documents, documents_key
from retrieval.embeddings import Embedder, Progress, VectorCache
from retrieval.lexical import LexicalIndex
from retrieval.store import IN_USE, Store, lock
from standard.errors import IndexError_

if TYPE_CHECKING:
    from standard.edition import Catalogue
    from standard.lexicon import Lexicon

LAYOUT = "1"  # of the files in an index
MANIFEST = "manifest.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IndexReport:
    """What `ensure_index` did."""

    path: Path
    built: bool
    items: int
    documents: int
    seconds: float


class Index:
    """An opened index: `lexical`, `dense`, and the lock that keeps it from being removed."""

    def __init__(self, path: Path, server: ChromaServer | None = None) -> None:
        """Raises _BrokenError when it is missing or not whole, IndexError_ where the server cannot be used."""
        self.path = path
        try:
            self._in_use: IO[bytes] = (path / IN_USE).open("rb")
        except OSError as error:
            raise _BrokenError(str(error)) from error
        try:
            lock(self._in_use, shared=True)
            self.manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            self.lexical = LexicalIndex.load(path)
            self.dense = DenseIndex(server or path / "chroma", key_of(path))
        except IndexError_:
            self._in_use.close()
            raise
        except Exception as error:  # files that anything may have happened to; Chroma raises many kinds
            self._in_use.close()
            raise _BrokenError(f"{type(error).__name__}: {error}") from error
        if not self.dense.size == len(self.lexical.codes) == self.manifest["items"]:
            self.close()
            raise _BrokenError(f"{self.dense.size} vectors for {self.manifest['items']} items")

    def close(self) -> None:
        """Let go of the files and the lock."""
        self.dense.close()
        self._in_use.close()


class _BrokenError(Exception):
    """An index that is missing or not whole."""


def key_of(path: Path) -> str:
    """The key of the index in a place."""
    return path.name.rpartition("-")[2]


def index_key(catalogue: Catalogue, lexicon: Lexicon, embedder: Embedder) -> str:
    """16 hexadecimal digits that change with anything the index is made of."""
    parts = (LAYOUT, catalogue.id, embedder.name, documents_key(catalogue, lexicon))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def ensure_index(
    catalogue: Catalogue,
    home: Path,
    lexicon: Lexicon,
    embedder: Embedder,
    progress: Progress | None = None,
    *,
    server: ChromaServer | None = None,
) -> IndexReport:
    """Build the index of a catalogue unless a whole one with its key is there; its vectors on a `server`, if there is
    one.

    Waits for another process that builds. Raises IndexError_ when the folder, the server or the embedding model cannot
    be used.
    """
    index, report = _ensure(catalogue, home, lexicon, embedder, progress, server)
    index.close()
    return report


def open_index(
    catalogue: Catalogue,
    home: Path,
    lexicon: Lexicon,
    embedder: Embedder,
    progress: Progress | None = None,
    server: ChromaServer | None = None,
) -> Index:
    """The index of a catalogue, built first where needed. Raises IndexError_ as `ensure_index` does."""
    return _ensure(catalogue, home, lexicon, embedder, progress, server)[0]


def _ensure(
    catalogue: Catalogue,
    home: Path,
    lexicon: Lexicon,
    embedder: Embedder,
    progress: Progress | None,
    server: ChromaServer | None,
) -> tuple[Index, IndexReport]:
    store = Store(home)
    place = store.place(catalogue.id, index_key(catalogue, lexicon, embedder))
    began = time.monotonic()
    index = _try_open(place, server)
    built = False
    if index is None:
        with store.building():
            index = _try_open(place, server)  # another process may have built it meanwhile
            if index is None:
                if place.exists():
                    store.discard(place)
                _build(store, place, catalogue, lexicon, embedder, progress, server)
                built = True
                index = _try_open(place, server)
            if index is not None:
                store.remove_outdated(catalogue.id, place)
    if index is None:
        raise IndexError_(
            f"刚建立的索引 {place} 打不开；请删除该文件夹后重试",
            f"The index {place} was built and cannot be opened; remove that folder and try again",
        )
    manifest = index.manifest
    seconds = round(time.monotonic() - began, 1)
    return index, IndexReport(place, built, manifest["items"], manifest["documents"], seconds)


def _try_open(place: Path, server: ChromaServer | None) -> Index | None:
    """The index, or None where it is missing or not whole."""
    try:
        return Index(place, server)
    except _BrokenError as error:
        if place.exists():
            log.warning("the index %s is not whole (%s); it is built anew", place, error)
        return None


def _build(
    store: Store,
    place: Path,
    catalogue: Catalogue,
    lexicon: Lexicon,
    embedder: Embedder,
    progress: Progress | None,
    server: ChromaServer | None,
) -> None:
    """Build aside, then rename. The lock of builds is held."""
    if server is not None:
        close_client(open_client(server))  # one that is away is told before anything is worked out
    documents = build_documents(catalogue, lexicon)
    names = {code: texts[0] for code, texts in documents.items()}
    there = server is not None and on_server(server, key_of(place), len(names))
    try:
        aside = store.begin()
        LexicalIndex.build(documents).save(aside)
        if not there:  # else another machine has made them
            vectors = VectorCache(store.folder, embedder).passages(list(names.values()), progress)
            where: Where = server or aside / "chroma"
            write_collection(where, key_of(place), catalogue, names, vectors)
        manifest = {
            "catalogue": catalogue.id,
            "embedder": embedder.name,
            "lexicon": lexicon.version,
            "items": len(documents),
            "documents": sum(map(len, documents.values())),
        }
        (aside / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        store.finish(aside, place)
    except OSError as error:
        raise IndexError_(
            f"索引无法写入 {store.folder}（{error.strerror or error}）；请检查权限与磁盘空间后重试",
            f"The index cannot be written to {store.folder} ({error.strerror or error}); check rights and disk space",
        ) from error
