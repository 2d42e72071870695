"""Agreement of people who looked at the same cluster without knowing of each other: Cohen's kappa.

    blind second looks ──▶ pairs (first answer, second answer) ──▶ kappa of all, of each reviewer, of each category

An answer is what was done and the set of codes. Kappa is (observed - expected) / (1 - expected), where `expected` is
how often two people with these shares of answers would agree by chance. It is undefined without pairs, and where
both always gave one and the same answer, since chance then explains everything. The interval takes Wilson's for the
observed agreement with the expected one held fixed: it stays wide for few pairs, also when all of them agree.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.audit.place import CONFIRM
from agent.store.ledger import in_pieces
from agent.store.replay import standing
from agent.store.schema import Cluster
from agent.store.schema_acts import Decision
from agent.store.states import ANSWERS

Z = 1.959964  # of 95 %
Answer = tuple[str, tuple[str, ...]]


class Pair(NamedTuple):
    """Two answers to one cluster, the second one blind; category: the reason for which the name was reviewed."""

    first_by: int
    second_by: int
    first: Answer
    second: Answer
    category: str


class Kappa(NamedTuple):
    """Pairs, those that agree, kappa and its interval at 95 %; None where it is undefined."""

    n: int
    agreed: int
    kappa: float | None
    low: float | None
    high: float | None


class Agreement(NamedTuple):
    """Kappa of all pairs, of each reviewer with all others, of each category."""

    overall: Kappa
    reviewers: dict[int, Kappa]
    categories: dict[str, Kappa]


def pairs(session: Session) -> list[Pair]:
    """All blind second looks that stand."""
    second = select(col(Decision.cluster_id)).where(col(Decision.circumstance).in_(("agrees", "differs")))
    ids = sorted(set(session.scalars(second)))
    found: list[Pair] = []
    for piece in in_pieces(ids):
        rows = session.scalars(select(Decision).where(col(Decision.cluster_id).in_(piece)).order_by(col(Decision.id)))
        decisions: dict[int, list[Decision]] = defaultdict(list)
        for row in rows:
            decisions[row.cluster_id].append(row)
        clusters = select(col(Cluster.id), col(Cluster.reason)).where(col(Cluster.id).in_(piece))
        reasons = dict(session.execute(clusters).all())
        for number in piece:
            if reasons.get(number) == CONFIRM:
                continue  # of the audit: most second looks are there because the first one differed from Yingma
            found += _pairs_of(standing(decisions[number]), reasons.get(number, ""))
    return found


def _pairs_of(decisions: Sequence[Decision], category: str) -> list[Pair]:
    found = []
    for at, each in enumerate(decisions):
        if each.circumstance not in ("agrees", "differs"):
            continue
        first = next((before for before in reversed(decisions[:at]) if before.action in ANSWERS), None)
        if first is not None and first.user_id is not None and each.user_id is not None:
            found.append(Pair(first.user_id, each.user_id, _answer(first), _answer(each), category))
    return found


def agreement(found: Sequence[Pair]) -> Agreement:
    """Kappa of pairs. A reviewer's own answers stand on one side, those of the others on the other."""
    reviewers: dict[int, list[tuple[Hashable, Hashable]]] = defaultdict(list)
    categories: dict[str, list[tuple[Hashable, Hashable]]] = defaultdict(list)
    for each in found:
        reviewers[each.first_by].append((each.first, each.second))
        reviewers[each.second_by].append((each.second, each.first))
        categories[each.category].append((each.first, each.second))
    return Agreement(
        kappa([(each.first, each.second) for each in found]),
        {number: kappa(rows) for number, rows in sorted(reviewers.items())},
        {name: kappa(rows) for name, rows in sorted(categories.items())},
    )


def kappa(rows: Sequence[tuple[Hashable, Hashable]]) -> Kappa:
    """Cohen's kappa of pairs of answers."""
    n = len(rows)
    agreed = sum(one == other for one, other in rows)
    if n == 0:
        return Kappa(0, 0, None, None, None)
    left, right = Counter(one for one, _ in rows), Counter(other for _, other in rows)
    expected = sum(left[each] * right[each] for each in left) / n**2
    if expected >= 1.0:
        return Kappa(n, agreed, None, None, None)
    low, high = wilson(agreed, n)
    return Kappa(n, agreed, *((share - expected) / (1.0 - expected) for share in (agreed / n, low, high)))


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's interval of a share at 95 %. ValueError for no trials."""
    if n <= 0:
        raise ValueError("no trials")
    share, square = hits / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _answer(decision: Decision) -> Answer:
    return decision.action, tuple(sorted(decision.codes))
