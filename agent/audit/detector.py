"""Sequential tests of what the audit finds: is more wrong than the target allows, somewhere, from some day on?

Each outcome x (0 right, 1 wrong) is bet on. With m the share of wrong answers that is allowed and q a larger one,

    L(x) = 1 + b (x - m),   b = (q - m) / (m (1 - m)):   q / m for a wrong answer, (1 - q) / (1 - m) for a right one

has an expectation of 1 at most as long as, whatever happened before, no more than m is wrong on average; nothing else
is assumed (betting on a bounded mean: Waudby-Smith and Ramdas, JRSS B 86, 2024). A product of such bets proves at any
time of looking that m does not hold, but after a year that was good it has lost nearly all and would need as long to
win it back. What is looked for is a change, so every step stakes one anew (Shiryaev and Roberts; as an e-detector for
such bets: Shin, Ramdas and Rinaldo, "E-detectors", 2022, arXiv 2203.03532):

    M = (M + 1) L(x)

M less the number of steps falls or stays on average while m holds, so the chance to reach c within T steps is T / c at
most, and a false stop is expected after c steps at the earliest. Page's CUSUM (Biometrika 41, 1954) is the same with
max(M, 1) for M + 1; it is a little slower and has no better bound. Which q is true nobody knows: M is the mean over
several, which keeps the bound.

Tests run at four levels: one modality of one institution, an institution, a modality, all. Where one reaches c
acceptance stops there, at the narrowest of those that did; what was found there leaves the wider tests, which go on
with the rest.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

LEVELS = 4


class Scope(NamedTuple):
    """Where: a modality, an institution (its key), both, or with both empty everywhere."""

    modality: str = ""
    institution: str = ""


EVERYWHERE = Scope()


class Outcome(NamedTuple):
    """What was found of a draw: modalities of its answer, the institution, wrong or right; an id of the caller's."""

    modalities: tuple[str, ...]
    institution: str
    wrong: bool
    id: int = 0


class Found(NamedTuple):
    """Where a test stands: draws decided, wrong ones among them, evidence now."""

    trials: int
    wrong: int
    evidence: float


class Broken(NamedTuple):
    """A test that reached what stops: where, the evidence it reached, the draws in which it gathered it, and the last
    one before them (None: there was none)."""

    scope: Scope
    evidence: float
    draws: tuple[Outcome, ...]
    before: Outcome | None


def covers(scope: Scope, modalities: Collection[str], institution: str) -> bool:
    """Whether an answer in these modalities, at this institution, lies within a scope."""
    return (not scope.modality or scope.modality in modalities) and scope.institution in ("", institution)


def scopes(modalities: Sequence[str], institution: str) -> list[Scope]:
    """The tests that an outcome is a step of, the narrowest first."""
    each = sorted(set(modalities))
    narrow = [Scope(modality, institution) for modality in each]
    return [*narrow, Scope("", institution), *(Scope(modality) for modality in each), EVERYWHERE]


class _Detector:
    """One test."""

    __slots__ = ("sums", "trials", "wrong")

    def __init__(self, bets: int) -> None:
        self.sums = [0.0] * bets
        self.trials = self.wrong = 0

    def add(self, wrong: bool, factors: Sequence[tuple[float, float]]) -> float:
        self.trials += 1
        self.wrong += wrong
        self.sums = [(each + 1.0) * factor[wrong] for each, factor in zip(self.sums, factors, strict=True)]
        return sum(self.sums) / len(self.sums)


class Detectors:
    """The tests of all places, fed with outcomes in the order in which they were decided."""

    def __init__(self, allowed: float, wrong: Sequence[float], evidence: float) -> None:
        self._factors = [((1 - q) / (1 - allowed), q / allowed) for q in wrong]
        self._limit = evidence
        self._places: dict[Scope, _Detector] = {}
        self._outcomes: list[Outcome] = []
        self.broken: list[Broken] = []

    def add(self, outcome: Outcome) -> Broken | None:
        """One step. What it broke: from then on nothing of that place is a step of any test."""
        if any(covers(each.scope, outcome.modalities, outcome.institution) for each in self.broken):
            return None
        self._outcomes.append(outcome)
        found = self._step(outcome)
        if found is not None:
            self.broken.append(found)
            self._without(found.scope)
        return found

    def extend(self, outcomes: Iterable[Outcome]) -> list[Broken]:
        """Many steps; all that they broke."""
        return [found for each in outcomes if (found := self.add(each)) is not None]

    def forget(self, scope: Scope) -> None:
        """Acceptance goes on in a place: what was found there before is a step of no test any more."""
        self.broken = [each for each in self.broken if each.scope != scope]
        self._without(scope)

    def found(self, scope: Scope) -> Found:
        """Where the test of a place stands."""
        test = self._places.get(scope)
        return Found(0, 0, 0.0) if test is None else Found(test.trials, test.wrong, sum(test.sums) / len(test.sums))

    def watched(self, share: float) -> frozenset[Scope]:
        """Places whose evidence is past this share of what stops; not `everywhere`, where nothing is gained by it."""
        level = share * self._limit
        scopes = (scope for scope in self._places if scope != EVERYWHERE)
        return frozenset(scope for scope in scopes if self.found(scope).evidence >= level)

    def _step(self, outcome: Outcome) -> Broken | None:
        """One step of every test that it belongs to; the narrowest that reached the limit."""
        first: Broken | None = None
        for scope in scopes(outcome.modalities, outcome.institution):
            test = self._places.get(scope)
            if test is None:
                test = self._places[scope] = _Detector(len(self._factors))
            now = test.add(outcome.wrong, self._factors)
            if first is None and now >= self._limit:
                first = Broken(scope, now, *self._since(scope))
        return first

    def _since(self, scope: Scope) -> tuple[tuple[Outcome, ...], Outcome | None]:
        """The draws of a place from where the evidence began, and the one before: where Page's CUSUM of the bet that
        won most last stood at nothing, which is the likeliest day of the change."""
        inside = [each for each in self._outcomes if covers(scope, each.modalities, each.institution)]
        highest, began = 0.0, 0
        for factor in self._factors:
            level, start = 0.0, 0
            for at, each in enumerate(inside):
                if level <= 0:
                    level, start = 0.0, at
                level += math.log(factor[each.wrong])
            if level > highest:
                highest, began = level, start
        return tuple(inside[began:]), inside[began - 1] if began else None

    def _without(self, scope: Scope) -> None:
        """The tests anew, without what lies within a scope. A wider test that had only that for evidence falls."""
        self._outcomes = [each for each in self._outcomes if not covers(scope, each.modalities, each.institution)]
        self._places = {}
        for each in self._outcomes:
            self._step(each)
