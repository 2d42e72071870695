"""Two guards of a hosted model: a budget that is never overspent by more than the questions under way, and a breaker
that leaves an endpoint alone which does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Budget:
    """Counts tokens and cost of a run. A limit of 0 is none. Safe across threads."""

    def __init__(self, price_in: float, price_out: float, max_cost: float, max_tokens: int) -> None:
        self.price_in, self.price_out = price_in, price_out
        self.max_cost, self.max_tokens = max_cost, max_tokens
        self.tokens_in = self.tokens_out = 0
        self._lock = threading.Lock()

    @property
    def cost(self) -> float:
        """What was spent so far."""
        return self.price(self.tokens_in, self.tokens_out)

    def price(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost; prices are per million."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1_000_000

    def spent_out(self) -> str:
        """The reason why nothing more may be asked, or ""."""
        with self._lock:
            if self.max_cost and self.cost >= self.max_cost:
                return "budget_cost"
            if self.max_tokens and self.tokens_in + self.tokens_out >= self.max_tokens:
                return "budget_tokens"
            return ""

    def add(self, tokens_in: int, tokens_out: int) -> float:
        """Counts one reply, gives its cost."""
        with self._lock:
            self.tokens_in += tokens_in
            self.tokens_out += tokens_out
        return self.price(tokens_in, tokens_out)


class Breaker:
    """After `limit` failures in a row it is open for `seconds`; then one question is let through to try again."""

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.seconds, self._clock = limit, seconds, clock
        self._failures = 0
        self._opened = 0.0
        self._lock = threading.Lock()

    def lets_through(self) -> bool:
        """May the endpoint be asked now?"""
        with self._lock:
            if self._failures < self.limit:
                return True
            if self._clock() - self._opened >= self.seconds:
                self._opened = self._clock()
                return True
            return False

    def answered(self) -> None:
        """The endpoint spoke."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """The endpoint could not be reached, or did not answer."""
        with self._lock:
            self._failures += 1
            if self._failures >= self.limit:
                self._opened = self._clock()
