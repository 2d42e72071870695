"""A lexical index: TF-IDF over character n-grams, several documents an item, an item as good as its best document.

Works alone, with numpy and scipy only. How rare an n-gram is, is counted over items, not over documents, so an item
with many spoken names weighs no more than one with few. Ties go to the smaller code.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SHORTEST, LARGEST = 1, 3
BLOCK = 64  # queries scored at once: bounds the memory of a batch
Float = NDArray[np.float32]


def ngrams(text: str) -> Counter[str]:
    """The character n-grams of a text, counted."""
    return Counter(
        text[at : at + size] for size in range(SHORTEST, LARGEST + 1) for at in range(max(0, len(text) - size + 1))
    )


class LexicalIndex:
    """Items by their documents. `codes` is sorted; column i of a score matrix is `codes[i]`."""

    def __init__(
        self, codes: Sequence[str], starts: NDArray[np.int64], vocabulary: dict[str, int], matrix: sparse.csr_matrix
    ) -> None:
        self.codes = tuple(codes)
        self._starts = starts  # first document of each item
        self._vocabulary = vocabulary
        self._matrix = matrix  # n-grams x documents, columns of length 1
        self._idf: Float = np.asarray([], dtype=np.float32)

    @classmethod
    def build(cls, documents: Mapping[str, Sequence[str]]) -> LexicalIndex:
        """An index of folded documents by code. An item without a document is found by nothing."""
        codes = sorted(code for code, texts in documents.items() if texts)
        per_item = [[ngrams(text) for text in documents[code]] for code in codes]
        frequency: Counter[str] = Counter()
        for counts in per_item:
            frequency.update(set().union(*counts))
        vocabulary = {gram: at for at, gram in enumerate(sorted(frequency))}
        total = len(codes)
        idf = np.asarray([np.log((1 + total) / (1 + frequency[gram])) + 1 for gram in vocabulary], dtype=np.float32)
        starts = np.cumsum([0, *(len(counts) for counts in per_item)])[:-1].astype(np.int64)
        rows = _weigh([one for counts in per_item for one in counts], vocabulary, idf)
        index = cls(codes, starts, vocabulary, rows.T.tocsr())
        index._idf = idf
        return index

    def scores(self, texts: Sequence[str]) -> Float:
        """One row a text, one column a code: cosine with the best document, 0..1."""
        if not texts or not self.codes:
            return np.zeros((len(texts), len(self.codes)), dtype=np.float32)
        blocks = []
        for at in range(0, len(texts), BLOCK):
            queries = _weigh([ngrams(text) for text in texts[at : at + BLOCK]], self._vocabulary, self._idf)
            found = np.asarray((queries @ self._matrix).todense(), dtype=np.float32)
            blocks.append(np.maximum.reduceat(found, self._starts, axis=1))
        return np.vstack(blocks)

    def search(self, texts: Sequence[str], k: int = 10) -> list[list[tuple[str, float]]]:
        """The k best (code, score) of each text; codes that share no n-gram with it are left out."""
        return [best(row, self.codes, k) for row in self.scores(texts)]

    def save(self, folder: Path) -> None:
        """Write the index to a folder: lexical.npz and lexical.json."""
        matrix = self._matrix
        np.savez(
            folder / "lexical.npz",
            data=matrix.data,
            indices=matrix.indices,
            indptr=matrix.indptr,
            shape=np.asarray(matrix.shape),
            starts=self._starts,
            idf=self._idf,
        )
        text = json.dumps({"codes": self.codes, "vocabulary": list(self._vocabulary)}, ensure_ascii=False)
        (folder / "lexical.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """Read what `save` wrote. Raises OSError, KeyError or ValueError when it is not whole."""
        names = json.loads((folder / "lexical.json").read_text(encoding="utf-8"))
        with np.load(folder / "lexical.npz", allow_pickle=False) as arrays:
            matrix = sparse.csr_matrix(
                (arrays["data"], arrays["indices"], arrays["indptr"]), shape=tuple(arrays["shape"])
            )
            starts, idf = arrays["starts"], arrays["idf"]
        index = cls(names["codes"], starts, {gram: at for at, gram in enumerate(names["vocabulary"])}, matrix)
        index._idf = idf
        return index


def best(row: Float, codes: Sequence[str], k: int) -> list[tuple[str, float]]:
    """The k best codes of a row of scores above 0. Scores are rounded, so that ties are ties on every machine."""
    rounded = np.round(row, 5)
    hits = np.flatnonzero(rounded > 0)
    if len(hits) > k > 0:
        least = np.partition(rounded[hits], -k)[-k]
        hits = hits[rounded[hits] >= least]
    ordered = sorted(hits.tolist(), key=lambda at: (-float(rounded[at]), codes[at]))
    return [(codes[at], float(rounded[at])) for at in ordered[:k]]


def _weigh(counts: Sequence[Counter[str]], vocabulary: Mapping[str, int], idf: Float) -> sparse.csr_matrix:
    """Texts as rows of length 1: count times idf of the n-grams that the vocabulary has."""
    indices: list[int] = []
    data: list[int] = []
    indptr = [0]
    for one in counts:
        known = sorted((vocabulary[gram], count) for gram, count in one.items() if gram in vocabulary)
        indices.extend(at for at, _ in known)
        data.extend(count for _, count in known)
        indptr.append(len(indices))
    columns = np.asarray(indices, dtype=np.int32)
    weights = np.asarray(data, dtype=np.float32) * idf[columns]
    matrix = sparse.csr_matrix(
        (weights, columns, np.asarray(indptr, dtype=np.int64)), shape=(len(counts), len(vocabulary)), dtype=np.float32
    )
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float32)).ravel()
    norms[norms == 0] = 1
    return sparse.csr_matrix(sparse.diags(1 / norms) @ matrix, dtype=np.float32)
