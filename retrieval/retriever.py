"""Candidates for a name: lexical and dense search over the items of a catalogue, fused.

A name gets the same candidates alone, in any batch and in any order. An empty name has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from retrieval.chroma import ChromaServer
from retrieval.embeddings import E5, Embedder, Progress
from retrieval.fusion import Candidate, fuse
from retrieval.index import Index, key_of, open_index
from retrieval.lexical import best
from retrieval.modality import ModalityFilter
from retrieval.text import cleaner_of

if TYPE_CHECKING:
    from standard.edition import Catalogue
    from standard.lexicon import Lexicon

POOL = 50  # places of each source that count
EXACT = 0.99999  # cosine of a document that is the text of the query
BATCH = 512  # names searched at once: bounds memory


class Retriever:
    """Search in an opened index. `version` changes with all that the candidates depend on."""

    def __init__(self, catalogue: Catalogue, index: Index, lexicon: Lexicon, embedder: Embedder) -> None:
        self.version = key_of(index.path)
        self._index = index
        self._embedder = embedder
        self._cleaner = cleaner_of(lexicon)
        codes = index.lexical.codes
        modalities = np.asarray([catalogue.items[code].modality for code in codes])
        self._filter = ModalityFilter(lexicon, set(modalities.tolist()), self._cleaner)
        self._columns = {each: modalities == each for each in sorted(set(modalities.tolist()))}

    @classmethod
    def open(
        cls,
        catalogue: Catalogue,
        home: Path,
        lexicon: Lexicon,
        embedder: Embedder | None = None,
        progress: Progress | None = None,
        server: ChromaServer | None = None,
    ) -> Retriever:
        """The retriever of a catalogue; its index is built in `home` on first use and when its sources change, and its
        vectors are on a Chroma `server`, if there is one.

        Raises IndexError_ when the folder cannot be written, the server cannot be used or the embedding model cannot be
        loaded.
        """
        embedder = embedder or E5()
        return cls(catalogue, open_index(catalogue, home, lexicon, embedder, progress, server), lexicon, embedder)

    def search(self, texts: Sequence[tuple[str, str]], k: int = 10) -> list[list[Candidate]]:
        """The k best candidates of each (name, modality column; "" where unknown), the best first."""
        found: list[list[Candidate]] = []
        for at in range(0, len(texts), BATCH):
            found += self._search(texts[at : at + BATCH], k)
        return found

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def __enter__(self) -> Retriever:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _search(self, texts: Sequence[tuple[str, str]], k: int) -> list[list[Candidate]]:
        cleaned = [self._cleaner(name) for name, _ in texts]
        filters = [self._filter(name, column) for name, column in texts]
        asked = [at for at, text in enumerate(cleaned) if text]
        found: list[list[Candidate]] = [[] for _ in texts]
        if not asked:
            return found
        words = [cleaned[at] for at in asked]
        wanted = [filters[at] for at in asked]
        pool = max(POOL, k)
        lexical = self._lexical(words, wanted, pool)
        dense = self._index.dense.search(self._embedder.queries(words), wanted, pool)
        for at, by_words, by_vector in zip(asked, lexical, dense, strict=True):
            ranked = {
                "exact": [code for code, score in by_words if score >= EXACT],
                "lexical": [code for code, _ in by_words],
                "dense": [code for code, _ in by_vector],
            }
            found[at] = fuse(ranked, k)
        return found

    def _lexical(
        self, words: Sequence[str], filters: Sequence[frozenset[str] | None], k: int
    ) -> list[list[tuple[str, float]]]:
        scores = self._index.lexical.scores(words)
        for row, modalities in zip(scores, filters, strict=True):
            for modality, columns in self._columns.items():
                if modalities is not None and modality not in modalities:
                    row[columns] = 0
        return [best(row, self._index.lexical.codes, k) for row in scores]
