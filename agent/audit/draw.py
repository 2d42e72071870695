"""Whether a name is drawn: by a keyed hash of name, context and day, and by its exams.

Each exam is a draw of its own at the rate of its place: a name with n exams is drawn with the chance 1 - (1 - rate)^n,
and what is drawn stands for exams, not for names. Drawn names weighted by 1 / chance stand for names. A name that was
drawn goes to a person and is memory from then on, so that no name counts twice.

The hash (Ohlsson's permanent random numbers, "Coordination of samples using permanent random numbers", 1995) makes the
sample the same whatever the order, the number of workers or how often a job is run, and the samples of two rates lie
one within the other. The key is of the database: who does not have it cannot say what will be looked at.
"""

from __future__ import annotations

import hashlib
import math

BITS = 53


def number(key: str, day: str, *parts: str) -> float:
    """A number in [0, 1) that follows from the key, the day and what names the name; uniform over keys."""
    text = "\x1f".join((day, *parts)).encode("utf-8", "surrogatepass")
    found = hashlib.blake2b(text, key=key.encode()[:64], digest_size=8).digest()
    return (int.from_bytes(found, "big") >> (64 - BITS)) / (1 << BITS)


def chance(exams: int, rate: float) -> float:
    """The chance that at least one of so many exams is drawn."""
    return 1.0 if rate >= 1 and exams > 0 else -math.expm1(exams * math.log1p(-rate)) if rate > 0 else 0.0
