"""Dense search: one Chroma collection a catalogue, one vector an item, exact and repeatable.

Vectors are always given to Chroma (its default embedding function would download a model). HNSW is approximate, and its
graph differs from build to build; `ef_search` is therefore as large as the collection, which at the size of a catalogue
makes the answer the exact one for about 3 ms a query, and ties go to the smaller code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from standard.edition import Catalogue

COLLECTION = "items"
BATCH = 256  # queries in one call
DIGITS = 5  # distances are compared to so many decimals, so that ties are ties on every machine


def write_collection(
    folder: Path, catalogue: Catalogue, texts: Mapping[str, str], vectors: NDArray[np.float32]
) -> None:
    """Make the collection of a catalogue in an empty folder; `vectors` are in the order of `texts` (code -> text)."""
    client = _client(folder)
    try:
        size = max(len(texts), 100)
        collection = client.create_collection(
            COLLECTION,
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "ef_search": size, "ef_construction": 200}},
        )
        codes = list(texts)
        step = min(1000, client.get_max_batch_size())
        for at in range(0, len(codes), step):
            part = codes[at : at + step]
            collection.add(
                ids=part,
                embeddings=vectors[at : at + step],
                documents=[texts[code] for code in part],
                metadatas=[{"modality": catalogue.items[code].modality} for code in part],
            )
    finally:
        client.close()


class DenseIndex:
    """An opened collection. Close it when done."""

    def __init__(self, folder: Path) -> None:
        self._client = _client(folder)
        try:
            self._collection = self._client.get_collection(COLLECTION, embedding_function=None)
            self.size = int(self._collection.count())
        except BaseException:
            self._client.close()
            raise

    def search(
        self, vectors: NDArray[np.float32], filters: Sequence[frozenset[str] | None], k: int
    ) -> list[list[tuple[str, float]]]:
        """The k best (code, cosine) of each vector among items of its modalities (None: all)."""
        found: list[list[tuple[str, float]]] = [[] for _ in filters]
        groups: dict[frozenset[str] | None, list[int]] = {}
        for at, modalities in enumerate(filters):
            groups.setdefault(modalities, []).append(at)
        for modalities, members in groups.items():
            for start in range(0, len(members), BATCH):
                part = members[start : start + BATCH]
                for at, hits in zip(part, self._query(vectors[part], modalities, k), strict=True):
                    found[at] = hits
        return found

    def close(self) -> None:
        """Let go of the files."""
        self._client.close()

    def _query(
        self, vectors: NDArray[np.float32], modalities: frozenset[str] | None, k: int
    ) -> list[list[tuple[str, float]]]:
        where = None if modalities is None else {"modality": {"$in": sorted(modalities)}}
        answer = self._collection.query(
            query_embeddings=vectors, n_results=min(k, self.size), where=where, include=["distances"]
        )
        hits = []
        for codes, distances in zip(answer["ids"], answer["distances"], strict=True):
            scored = [
                (code, round(1 - float(distance), DIGITS)) for code, distance in zip(codes, distances, strict=True)
            ]
            hits.append(sorted(scored, key=lambda hit: (-hit[1], hit[0])))
        return hits


def _client(folder: Path) -> Any:
    """A client of one folder, without telemetry."""
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
