"""What a sample proves: the lower bound of a share, and how large a sample must be to prove one.

For a flow without end: Clopper and Pearson (Biometrika 26, 1934), one-sided. For a population of which a good part is
looked at: the same argument with the hypergeometric distribution, which asks for less.
"""

from __future__ import annotations

import math
from functools import cache


def lower_bound(right: int, trials: int, confidence: float = 0.95, population: int | None = None) -> float:
    """The share of right answers that a sample proves, with this confidence; 0 for an empty sample.

    `population`: how many there are in all, where the sample was drawn without replacement from so many. ValueError
    for a sample that is larger.
    """
    if trials == 0:
        return 0.0
    if population is not None:
        return _of_population(trials - right, trials, confidence, population)
    from scipy.special import betaincinv  # scipy.stats takes seconds to import

    return 0.0 if right == 0 else float(betaincinv(right, trials - right + 1, 1 - confidence))


@cache
def needed(precision: float, confidence: float = 0.95, wrong: int = 0, population: int | None = None) -> int:
    """The least sample that proves a precision though so many of it are wrong; the whole population where none does."""
    low, high = wrong + 1, wrong + 1
    most = population if population is not None else 1 << 40
    while high < most and lower_bound(high - wrong, high, confidence, population) < precision:
        low, high = high + 1, min(2 * high, most)
    while low < high:
        middle = (low + high) // 2
        if lower_bound(middle - wrong, middle, confidence, population) >= precision:
            high = middle
        else:
            low = middle + 1
    return min(low, most)


@cache
def sample_size(
    precision: float, confidence: float, expected: float, power: float, population: int | None = None
) -> tuple[int, int]:
    """The least sample, and the wrong answers it allows, that proves a precision with this power if a share is wrong.

    ValueError where the expected share is not below what the precision allows: no sample proves it then.
    """
    from scipy.special import bdtr

    if expected > 1 - precision - 1e-9:
        raise ValueError("more is expected to be wrong than the precision allows")
    wrong = 0
    while True:  # ends: the sample grows, and with it the number of wrong answers that it allows
        size = needed(precision, confidence, wrong, population)
        if size == population or bdtr(wrong, size, expected) >= power:
            return size, wrong
        wrong += 1


def _of_population(wrong: int, trials: int, confidence: float, population: int) -> float:
    if trials > population:
        raise ValueError("a sample is no larger than its population")
    low, high = wrong, population - (trials - wrong)  # so many may be wrong in all
    while low < high:
        middle = (low + high + 1) // 2
        if _at_most(wrong, population, middle, trials) > 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return 1 - low / population


def _at_most(found: int, population: int, wrong: int, trials: int) -> float:
    """The chance of so many wrong ones at most in a sample: scipy's hypergeom.cdf, whose overhead is a hundred times
    these few terms, and the search asks for thousands."""
    whole = _choices(population, trials)
    terms = range(max(0, trials - (population - wrong)), min(found, wrong, trials) + 1)
    return sum(math.exp(_choices(wrong, k) + _choices(population - wrong, trials - k) - whole) for k in terms)


def _choices(n: int, k: int) -> float:
    """The logarithm of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
