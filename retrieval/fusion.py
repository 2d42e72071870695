"""Puts ranked lists together: weighted reciprocal ranks, each source's rank kept.

Sources: "lexical" and "dense", and "exact" for the items that have the very text of the query among their documents.

WEIGHTS and DAMPING were chosen with half of the lexicon's usage forms taken out at random, which is what another
hospital's names are to the lexicon: there the dense source adds 2 to 3 points of recall@1; with the whole lexicon it
adds to recall@10 only. See `evals/retrieval.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

WEIGHTS: Mapping[str, float] = {"lexical": 1.0, "dense": 0.5, "exact": 0.5}
DAMPING = 5


class Candidate(NamedTuple):
    """An item that a name may mean. `ranks`: its place in each source that found it, 1 = first; `score` is 0..1."""

    code: str
    score: float
    ranks: Mapping[str, int]


def fuse(found: Mapping[str, Sequence[str]], k: int) -> list[Candidate]:
    """The k best codes of several ranked lists (source -> codes, the best first). Ties go to the smaller code.

    The score is 1 for a code that is first in every source of WEIGHTS.
    """
    ranks: dict[str, dict[str, int]] = {}
    for source in sorted(found):
        for place, code in enumerate(found[source], 1):
            ranks.setdefault(code, {}).setdefault(source, place)
    most = sum(WEIGHTS.values()) / (DAMPING + 1)

    def score(places: Mapping[str, int]) -> float:
        return round(sum(WEIGHTS[source] / (DAMPING + place) for source, place in places.items()) / most, 6)

    scored = [Candidate(code, score(places), places) for code, places in ranks.items()]
    scored.sort(key=lambda each: (-each.score, each.code))
    return scored[: max(0, k)]
