"""How well scores are probabilities: the reliability table, the expected calibration error, the Brier score.

Of answers that offer codes: the score should be the share of them that is right. The error is the mean distance of the
two over bins of the score, weighted by rows (Naeini, Cooper, Hauskrecht, AAAI 2015); Brier (Monthly Weather Review 78,
1950) is the mean squared distance of score and outcome, so it also tells whether right and wrong are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)  # finer where answers are accepted


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows with a score from `low` to below `high` (the last one: to 1): how many, their mean score, how many right."""

    low: float
    high: float
    rows: int
    score: float
    right: int

    @property
    def share(self) -> float:
        """Of the rows, the share that is right."""
        return self.right / self.rows


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of some answers: the bins that hold any, and what follows; the measures of no rows are 0."""

    rows: int
    right: int
    error: float
    brier: float
    log_loss: float
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def reliability(scores: Sequence[float], right: Sequence[bool]) -> Reliability:
    """The table of scores in 0..1 and what came of them, in the same order."""
    score, hit = np.asarray(scores, float), np.asarray(right, float)
    if not len(score):
        return Reliability(0, 0, 0.0, 0.0, 0.0, ())
    place = np.clip(np.searchsorted(EDGES, score, side="right") - 1, 0, len(EDGES) - 2)
    bins = []
    for at in range(len(EDGES) - 1):
        mine = place == at
        rows = int(mine.sum())
        if rows:
            bins.append(Bin(EDGES[at], EDGES[at + 1], rows, float(score[mine].mean()), int(hit[mine].sum())))
    sure = np.clip(score, 1e-12, 1 - 1e-12)
    return Reliability(
        rows=len(score),
        right=int(hit.sum()),
        error=sum(each.rows * abs(each.score - each.share) for each in bins) / len(score),
        brier=float(np.mean((score - hit) ** 2)),
        log_loss=float(-np.mean(hit * np.log(sure) + (1 - hit) * np.log(1 - sure))),
        bins=tuple(bins),
    )
