"""The measures of DESIGN: precision and coverage of what is accepted, with intervals, over any part of the rows.

right: the codes equal an alternative of the gold. precision: accepted and right / accepted. coverage: accepted / all.
coverage of the acceptable: accepted and right, of the rows whose gold route is auto. unsafe: accepted though the gold
says review. Intervals: Clopper and Pearson (Biometrika 26, 1934), two-sided 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agent.answer import Suggestion
from evals.gold import GoldRow

Pair = tuple[GoldRow, Suggestion]


@dataclass(frozen=True, slots=True)
class Measures:
    """Counts of one part of the rows, and the shares that follow; a share of nothing is None."""

    part: str
    rows: int
    accepted: int
    right: int
    acceptable: int
    acceptable_right: int
    unsafe: int

    @property
    def precision(self) -> float | None:
        """Of what was accepted, the share that is right."""
        return self.right / self.accepted if self.accepted else None

    @property
    def coverage(self) -> float | None:
        """Of all rows, the share accepted."""
        return self.accepted / self.rows if self.rows else None

    @property
    def coverage_of_acceptable(self) -> float | None:
        """Of the rows an expert would accept, the share accepted and right."""
        return self.acceptable_right / self.acceptable if self.acceptable else None

    @property
    def interval(self) -> tuple[float, float]:
        """Of the precision."""
        return clopper_pearson(self.right, self.accepted)

    def to_dict(self) -> dict[str, Any]:
        """Counts, shares and interval."""
        return {
            **asdict(self),
            "precision": self.precision,
            "precision_interval": list(self.interval),
            "coverage": self.coverage,
            "coverage_of_acceptable": self.coverage_of_acceptable,
        }


def measure(part: str, pairs: Iterable[Pair]) -> Measures:
    """The measures of these rows."""
    rows = accepted = right = acceptable = acceptable_right = unsafe = 0
    for gold, suggestion in pairs:
        rows += 1
        acceptable += gold.route == "auto"
        if suggestion.route == "accepted":
            hit = gold.right(suggestion.codes)
            accepted += 1
            right += hit
            unsafe += gold.route == "review"
            acceptable_right += hit and gold.route == "auto"
    return Measures(part, rows, accepted, right, acceptable, acceptable_right, unsafe)


def by(pairs: Sequence[Pair], key: Callable[[GoldRow], str]) -> list[Measures]:
    """The measures of each part, in order of first appearance."""
    parts: dict[str, list[Pair]] = {}
    for pair in pairs:
        parts.setdefault(key(pair[0]) or "-", []).append(pair)
    return [measure(part, found) for part, found in parts.items()]


def clopper_pearson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of a share; (0, 1) where there were no trials."""
    from scipy.stats import beta

    if trials == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return low, high
