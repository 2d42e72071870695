"""Retrieval: which items of the standard a name may mean, with the rank that each source gave them.

`LexicalIndex` works alone; `Retriever` adds dense search in Chroma. Chroma and the embedding model are imported when a
retriever is opened, not before.
"""

from retrieval.fusion import Candidate, fuse
from retrieval.lexical import LexicalIndex
from retrieval.retriever import Retriever

__all__ = ["Candidate", "LexicalIndex", "Retriever", "fuse"]
