"""The threshold of acceptance: chosen so that the precision of what is accepted has a proven lower bound.

Learn then test (Angelopoulos, Bates, Candès, Jordan, Lei, arXiv:2110.01052, 2021; Annals of Applied Statistics 19,
2025): each threshold is a hypothesis, "of what it accepts, more than 1 - target is wrong", and its p-value is exact and
asks nothing of how scores are spread: with k wrong of n accepted, P(Bin(n, 1 - target) <= k), the tail of Clopper and
Pearson (Biometrika 26, 1934). Thresholds are tested in a fixed order, the strictest first, and the first that cannot be
rejected ends it (fixed-sequence testing, so the error of the whole is that of one test). The order begins where the
names accepted would be enough if all were right; that depends on scores, not on what is right.

Where a threshold is tested on several runs of the same names (without voices and with them), all have to reject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from agent.audit import lower_bound, needed

# Least scores that are tried, the strictest first. Never under a half: what is more likely wrong is not for acceptance.
GRID = (0.9999, 0.9998, 0.9995, 0.999, 0.998, 0.997, 0.996, 0.995, 0.99, 0.985, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93,
        0.92, 0.91, 0.9, 0.88, 0.86, 0.84, 0.82, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)  # fmt: skip


class Outcome(NamedTuple):
    """An answer that the rules accept: its score, and whether it is right."""

    score: float
    right: bool


Run = Sequence[Outcome]


class Count(NamedTuple):
    """Accepted answers, and how many of them are wrong."""

    accepted: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Promise:
    """What can be said of the precision of accepted answers: `p` is the chance to see so few wrong if the target were
    missed, `lower` the bound that does hold at the confidence, `missing` how many more right answers would prove the
    target (0: it is proven)."""

    target: float
    confidence: float
    accepted: int
    wrong: int
    p: float
    lower: float
    missing: int

    @property
    def proven(self) -> bool:
        """The target holds at the confidence."""
        return self.missing == 0

    @property
    def missed(self) -> bool:
        """More is wrong than the target allows, so it is not for want of names that nothing is proven."""
        return self.wrong > self.accepted * (1 - self.target)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "proven": self.proven}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A threshold, what is promised of it, and what it costs: `stopped` of what the rules accept, `stopped_right` of
    them right."""

    threshold: float
    promise: Promise
    stopped: int
    stopped_right: int

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "promise": self.promise.to_dict()}


def p_value(wrong: int, accepted: int, target: float) -> float:
    """The chance of at most so many wrong answers if the share of right ones were just the target; 1 for none."""
    from scipy.stats import binom

    return float(binom.cdf(wrong, accepted, 1.0 - target)) if accepted else 1.0


def promise(accepted: int, wrong: int, target: float, confidence: float) -> Promise:
    """What so many accepted answers, of which so many wrong, prove. The bound is Clopper and Pearson's, one-sided."""
    lower = lower_bound(accepted - wrong, accepted, confidence)
    missing = max(0, needed(target, confidence, wrong) - accepted)
    return Promise(target, confidence, accepted, wrong, p_value(wrong, accepted, target), lower, missing)


def choose(runs: Sequence[Run], target: float, confidence: float, cost: float = 0.0) -> Chosen:
    """The strictest threshold that is proven and stops at most a share `cost` of the right answers of each run.

    Where the names are all right, every threshold that was tested is proven, down to the lowest score seen; the
    strictest that costs little then sends to people what has the thinnest evidence. Where every proven one costs more,
    it is the lowest proven. Where none is proven, it is the strictest that stops nothing, and the promise says so. The
    promise is of the run that says least; `stopped` counts all runs.
    """
    tested: list[float] = []
    for threshold in GRID:
        counts = [count(run, threshold) for run in runs]
        if min((each.accepted for each in counts), default=0) < needed(target, confidence):
            continue
        if any(p_value(each.wrong, each.accepted, target) > 1 - confidence for each in counts):
            break
        tested.append(threshold)
    cheap = [each for each in tested or GRID if all(_cost(run, each) <= (cost if tested else 0.0) for run in runs)]
    threshold = cheap[0] if cheap else (tested or GRID)[-1]
    counts = [count(run, threshold) for run in runs]
    promises = [promise(each.accepted, each.wrong, target, confidence) for each in counts]
    below = [each for run in runs for each in run if each.score < threshold]
    return Chosen(
        threshold,
        max(promises, key=lambda each: each.p, default=promise(0, 0, target, confidence)),
        len(below),
        sum(each.right for each in below),
    )


def _cost(run: Run, threshold: float) -> float:
    """Of the right answers, the share that a threshold stops."""
    right = [each.score for each in run if each.right]
    return sum(score < threshold for score in right) / len(right) if right else 0.0


def count(run: Run, threshold: float) -> Count:
    """What a threshold accepts of what the rules accept."""
    over = [each.right for each in run if each.score >= threshold]
    return Count(len(over), len(over) - sum(over))


def promise_sentence(said: Promise) -> tuple[str, str]:
    """In plain words, Chinese and English: what is proven; or how many right answers are missing; or that the target is
    missed by what was seen."""
    share, sure = f"{100 * said.target:g} %", f"{100 * said.confidence:g} %"
    got = f"{100 * said.lower:.2f} %"
    zh, en = f"采用 {said.accepted} 个，错 {said.wrong} 个：", f"{said.accepted} accepted, {said.wrong} wrong: "
    if said.proven:
        return (
            f"{zh}以 {sure} 的把握，准确率不低于 {share}（下限 {got}）。",
            f"{en}at {sure} confidence the precision is at least {share} (lower bound {got}).",
        )
    if said.missed:
        return (
            f"{zh}没有达到准确率 {share}；以 {sure} 的把握只能说不低于 {got}。",
            f"{en}the precision of {share} is missed; at {sure} confidence it is at least {got}.",
        )
    return (
        f"{zh}数据太少，不能承诺准确率 {share}，以 {sure} 的把握只能说不低于 {got}；"
        f"还需要 {said.missing} 个正确的答案且不再有错。",
        f"{en}too few to promise a precision of {share}; at {sure} confidence it is at least {got}. "
        f"{said.missing} more right answers, and none wrong, would be needed.",
    )
