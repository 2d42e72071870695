"""Names that people decided on, as a Chroma collection of their own: which of them are like a name.

Only what stands is in it. Who searches says what stands (`mark` changes with every decision and every one taken back);
where the collection was made of another state, it is first brought to this one: what is gone is deleted, what is new is
added. One process at a time has the collection open; a search is for a person who waits, so it may wait for a lock.

On a server each home has a collection of its own: which decisions there are is a matter of its database, and the lock
that keeps two processes from bringing one collection to two states is a file in the home.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retrieval.chroma import ChromaServer, Where, asking, close_client, open_client
from retrieval.embeddings import Embedder
from retrieval.store import Store, lock

COLLECTION = "decisions"
STEP = 500
DIGITS = 5
NAME = 16  # characters of a home's own name
Wanted = Callable[[], Mapping[str, str]]  # id -> text


class DecidedNames:
    """The collection of a home."""

    def __init__(self, home: Path, embedder: Embedder, server: ChromaServer | None = None) -> None:
        """Raises IndexError_ when the folder cannot be used."""
        self._folder = Store(home).folder
        self._place: Where = server or self._folder / f"decisions-{embedder.name}"
        self._embedder = embedder

    def search(self, text: str, k: int, mark: str, wanted: Wanted) -> list[tuple[str, float]]:
        """The ids of the k texts nearest to a text, with their cosine, the nearest first. `wanted` is asked for all
        ids and texts only where `mark` is new. IndexError_ where a server cannot be used."""
        with (self._folder / "decisions.lock").open("ab") as file:
            lock(file, shared=False)
            client = open_client(self._place)
            try:
                with asking(self._place):
                    hits = self._search(client, text, k, mark, wanted)
            finally:
                close_client(client)
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))

    def _search(self, client: Any, text: str, k: int, mark: str, wanted: Wanted) -> list[tuple[str, float]]:
        collection = client.get_or_create_collection(
            self._name(),
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "ef_search": 200, "ef_construction": 200}},
        )
        if (collection.metadata or {}).get("mark") != mark:
            self._bring(collection, wanted())
            collection.modify(metadata={"mark": mark})
        size = int(collection.count())
        if not size or not text:
            return []
        vectors = self._embedder.queries([text])
        answer = collection.query(query_embeddings=vectors, n_results=min(k, size), include=["distances"])
        return [
            (str(each), round(1 - float(distance), DIGITS))
            for each, distance in zip(answer["ids"][0], answer["distances"][0], strict=True)
        ]

    def _name(self) -> str:
        """On a server a name that no other home has, drawn once. The lock is held."""
        if isinstance(self._place, Path):
            return COLLECTION
        drawn = self._folder / "decisions.name"
        name = drawn.read_text(encoding="ascii") if drawn.exists() else ""
        if len(name) != NAME:  # none yet, or who drew it was killed before it was written
            name = secrets.token_hex(NAME // 2)
            drawn.write_text(name, encoding="ascii")
        return f"yingma-decisions-{name}-{self._embedder.name}"

    def _bring(self, collection: Any, wanted: Mapping[str, str]) -> None:
        """The collection to what is wanted."""
        there = collection.get(include=["documents"])
        known = dict(zip(there["ids"], there["documents"] or (), strict=True))
        gone = sorted(each for each, text in known.items() if wanted.get(each) != text)
        new = sorted(each for each, text in wanted.items() if known.get(each) != text)
        for at in range(0, len(gone), STEP):
            collection.delete(ids=gone[at : at + STEP])
        for at in range(0, len(new), STEP):
            part = new[at : at + STEP]
            texts = [wanted[each] for each in part]
            collection.add(ids=part, documents=texts, embeddings=self._embedder.passages(texts))
