"""The plain ways of searching an item for a name, as scores of every item: what retrieval and reports compare with.

Ways: character TF-IDF (1 to 3) over the names as printed, which is what Usagi does; rapidfuzz (WRatio, the scorer that
its `process.extract` takes unless told otherwise); the embedding model over the names as printed; TF-IDF and embedding
fused by reciprocal ranks (k = 60: Cormack, Clarke, Büttcher, SIGIR 2009). Each alone, or with the items of the
modalities that column and name say (retrieval/modality.py), which is what our own retrieval looks at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from retrieval import LexicalIndex
from retrieval.embeddings import Embedder
from retrieval.modality import ModalityFilter
from retrieval.text import cleaner_of, fold

if TYPE_CHECKING:
    from standard.edition import Catalogue
    from standard.lexicon import Lexicon

OUTSIDE = -1.0  # below every score
RECIPROCAL = 60
Scores = NDArray[np.float32]
Way = Literal["tfidf", "rapidfuzz", "dense", "fused"]
FUSED: tuple[Way, ...] = ("tfidf", "dense")


@dataclass(frozen=True, slots=True)
class Plain:
    """One row a name, one column a code, in the order of `codes`. `allowed`: the items that the filter lets pass."""

    codes: tuple[str, ...]
    allowed: NDArray[np.bool_]
    raw: Mapping[Way, Scores]

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways that were worked out, the fused one last."""
        return (*self.raw, "fused")

    def scores(self, way: Way, filtered: bool) -> Scores:
        """The scores of a way. KeyError for one that was not worked out."""
        if way == "fused":
            ranks = [placed(self.scores(each, filtered)) for each in FUSED]
            return np.asarray(sum(1 / (RECIPROCAL + each) for each in ranks), dtype=np.float32)
        found = self.raw[way]
        return np.where(self.allowed, found, OUTSIDE).astype(np.float32) if filtered else found


def plain_scores(
    names: Sequence[tuple[str, str]], catalogue: Catalogue, lexicon: Lexicon, embedder: Embedder, fuzzy: bool = False
) -> Plain:
    """The scores of (name, modality column) pairs; `fuzzy`: with rapidfuzz too.

    IndexError_ when the embedding model cannot be loaded.
    """
    codes = sorted(catalogue.items)
    printed = [catalogue.items[code].name for code in codes]
    folded, asked = [fold(name) for name in printed], [fold(name) for name, _ in names]
    modalities = np.asarray([catalogue.items[code].modality for code in codes])
    read = ModalityFilter(lexicon, set(modalities.tolist()), cleaner_of(lexicon))
    said = [read(name, column) for name, column in names]
    raw: dict[Way, Scores] = {"tfidf": LexicalIndex.build(dict(zip(codes, zip(folded), strict=True))).scores(asked)}
    if fuzzy:
        from rapidfuzz import fuzz, process

        found = process.cdist(asked, folded, scorer=fuzz.WRatio, dtype=np.float32)
        raw["rapidfuzz"] = np.asarray(found / 100, dtype=np.float32)
    raw["dense"] = np.asarray(embedder.queries([name for name, _ in names]) @ embedder.passages(printed).T)
    allowed = np.asarray([[each is None or one in each for one in modalities] for each in said], dtype=np.bool_)
    return Plain(tuple(codes), allowed, raw)


def placed(scores: Scores) -> NDArray[np.int64]:
    """The place of each column in each row, 1 = best; ties in the order of the columns."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
    return ranks
