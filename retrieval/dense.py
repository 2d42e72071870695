"""Dense search: one Chroma collection a catalogue, one vector an item, exact and repeatable.

Vectors are always given to Chroma (its default embedding function would download a model). HNSW is approximate, and its
graph differs from build to build; `ef_search` is therefore as large as the collection, which at the size of a catalogue
makes the answer the exact one for about 3 ms a query, and ties go to the smaller code.

On a server, a collection is named by the key of its index: machines with the same catalogue, lexicon and embedding
share one. It is written as a draft and renamed when it is whole, so whoever finds the name finds all of it; of two that
are written at once, the first to be whole stays.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retrieval.chroma import ChromaServer, Where, asking, close_client, open_client
from standard.errors import IndexError_

if TYPE_CHECKING:
    from standard.edition import Catalogue

COLLECTION = "items"
DRAFT = "yingma-draft-"
BATCH = 256  # queries in one call
DIGITS = 5  # distances are compared to so many decimals, so that ties are ties on every machine
LEFT = 86400.0  # seconds after which a draft is what a killed build left: clocks may differ


def collection_name(where: Where, key: str) -> str:
    """What the collection of an index is called there."""
    return f"yingma-items-{key}" if isinstance(where, ChromaServer) else COLLECTION


def on_server(server: ChromaServer, key: str, size: int) -> bool:
    """Whether the whole collection of an index is there. IndexError_ where the server cannot be used."""
    client = open_client(server)
    try:
        with asking(server):
            return _count(client, collection_name(server, key)) == size
    finally:
        close_client(client)


def write_collection(
    where: Where, key: str, catalogue: Catalogue, texts: Mapping[str, str], vectors: NDArray[np.float32]
) -> None:
    """Make the collection of a catalogue in an empty folder or on a server; `vectors` are in the order of `texts` (code
    -> text). IndexError_ where the server cannot be used."""
    client = open_client(where)
    try:
        with asking(where):
            if isinstance(where, ChromaServer):
                _publish(client, collection_name(where, key), catalogue, texts, vectors)
            else:
                _fill(client, COLLECTION, catalogue, texts, vectors)
    finally:
        close_client(client)


def _fill(
    client: Any,
    name: str,
    catalogue: Catalogue,
    texts: Mapping[str, str],
    vectors: NDArray[np.float32],
    about: Any = None,
) -> Any:
    collection = client.create_collection(
        name,
        embedding_function=None,
        configuration={"hnsw": {"space": "cosine", "ef_search": max(len(texts), 100), "ef_construction": 200}},
        metadata=about,
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
    return collection


def _publish(
    client: Any, name: str, catalogue: Catalogue, texts: Mapping[str, str], vectors: NDArray[np.float32]
) -> None:
    """The collection under its name on a server: another machine's, where that was quicker and is whole."""
    for each in client.list_collections():
        began = (each.metadata or {}).get("began", 0.0)
        if each.name.startswith(DRAFT) and time.time() - float(began) > LEFT:
            _drop(client, each.name)
    about = {"catalogue": catalogue.id, "began": time.time()}
    draft = _fill(client, f"{DRAFT}{secrets.token_hex(8)}", catalogue, texts, vectors, about)
    try:
        if _count(client, name) not in (None, len(texts)):
            _drop(client, name)  # somebody took items out of it
        draft.modify(name=name)
    except Exception:
        there = _count(client, name)
        _drop(client, draft.name)
        if there != len(texts):
            raise


def _count(client: Any, name: str) -> int | None:
    """How many vectors a collection has; None where there is none."""
    from chromadb.errors import NotFoundError

    try:
        return int(client.get_collection(name, embedding_function=None).count())
    except NotFoundError:
        return None


def _drop(client: Any, name: str) -> None:
    """Delete a collection that another machine may delete, too."""
    from chromadb.errors import NotFoundError

    with suppress(NotFoundError):
        client.delete_collection(name)


class DenseIndex:
    """An opened collection. Close it when done."""

    def __init__(self, where: Where, key: str) -> None:
        """IndexError_ where the server cannot be used; Chroma's own errors where the collection is not there."""
        self._where, self._name = where, collection_name(where, key)
        self._open()
        try:
            with asking(where):
                self.size = int(self._collection.count())
        except BaseException:
            close_client(self._client)
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
        """Let go of the files, or of the connection."""
        close_client(self._client)

    def _open(self) -> None:
        client = open_client(self._where)
        try:
            with asking(self._where):
                self._collection = client.get_collection(self._name, embedding_function=None)
        except BaseException:
            close_client(client)
            raise
        self._client, self._process = client, os.getpid()

    def _query(
        self, vectors: NDArray[np.float32], modalities: frozenset[str] | None, k: int
    ) -> list[list[tuple[str, float]]]:
        where = None if modalities is None else {"modality": {"$in": sorted(modalities)}}
        query = {"query_embeddings": vectors, "n_results": min(k, self.size), "where": where, "include": ["distances"]}
        if isinstance(self._where, ChromaServer):
            answer = self._ask(self._where, query)
        else:
            answer = self._collection.query(**query)
        hits = []
        for codes, distances in zip(answer["ids"], answer["distances"], strict=True):
            scored = [
                (code, round(1 - float(distance), DIGITS)) for code, distance in zip(codes, distances, strict=True)
            ]
            hits.append(sorted(scored, key=lambda hit: (-hit[1], hit[0])))
        return hits

    def _ask(self, server: ChromaServer, query: dict[str, Any]) -> Any:
        """A server's answer. Its collection may have been made anew meanwhile: the same name, so the same items."""
        from chromadb.errors import NotFoundError

        try:
            if self._process != os.getpid():  # forked: the connections are its parent's
                self._open()
            with asking(server):
                try:
                    return self._collection.query(**query)
                except NotFoundError:
                    before = self._client
                    self._open()
                    close_client(before)
                    return self._collection.query(**query)
        except NotFoundError as error:
            raise IndexError_(
                f"Chroma 服务器 {server.url} 上的集合 {self._name} 不见了；请重新运行（或重启服务），会自动重建。",
                f"The collection {self._name} is gone from the Chroma server {server.url}; run it again, or restart "
                "Yingma's server: it is then built anew.",
            ) from error
