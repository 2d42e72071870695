"""What a run may spend on its model, and what it has spent: questions, tokens, money, time.

    Limits (options, settings) ──▶ Meter ◀── Metered (the model itself, each answer counted)
                                     └──▶ room(): how many names may be asked about next

What is counted are integers, and money follows from them, so that sums do not depend on the order in which they are
made. An answer that was kept from an earlier run costs nothing and is not counted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from agent.console import say, settings_file

if TYPE_CHECKING:
    from agent.asking import Journal
    from agent.model.patience import Patience
    from agent.model.protocol import Model, ModelOutcome, ModelRequest
    from agent.pipeline import Pipeline
    from agent.settings import Settings

What = Literal["calls", "tokens", "cost", "minutes"]
NAMES: tuple[What, ...] = ("calls", "tokens", "cost", "minutes")
ANSWERS = frozenset({"answered", "refused", "invalid"})  # kinds of outcome that cost something
ROUND = 16  # names between two looks at what was spent
MANY = 1 << 30
WORDS: Mapping[str, tuple[str, str]] = {
    "calls": ("模型调用次数", "calls of the model"),
    "tokens": ("词元", "tokens"),
    "cost": ("费用", "cost"),
    "minutes": ("时间", "time"),
}


class Limits(NamedTuple):
    """The most that a run may spend; 0 is no limit. `calls`: names that the model is asked about."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    minutes: float = 0.0

    @property
    def in_order(self) -> bool:
        """Names have to be asked about one after another, so that what is left is known at each."""
        return bool(self.calls or self.tokens or self.cost)


class Asked(NamedTuple):
    """Limits as far as they were given; None takes the setting."""

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    minutes: float | None = None


class Spent(NamedTuple):
    """Names that the model was asked about, and the tokens sent and received."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def plus(self, more: Sequence[int]) -> Spent:
        """The sums."""
        return Spent(self.calls + more[0], self.tokens_in + more[1], self.tokens_out + more[2])


NOTHING = Spent()


class Prices(NamedTuple):
    """Of a million tokens."""

    sent: float = 0.0
    received: float = 0.0

    def of(self, spent: Spent) -> float:
        """What so many tokens cost."""
        return (spent.tokens_in * self.sent + spent.tokens_out * self.received) / 1_000_000


class Meter:
    """Of one run. Plain values, so that it travels to other processes; counts may come from several threads."""

    def __init__(self, limits: Limits, prices: Prices, spent: Spent = NOTHING, seconds: float = 0.0) -> None:
        """`spent` and `seconds`: what the run spent before, and how long it asked."""
        self.limits, self.prices, self.spent = limits, prices, spent
        self.deadline = time.monotonic() + limits.minutes * 60 - seconds if limits.minutes else None
        self._fresh: list[Spent] = []  # list.append is one step for all threads

    def note(self, outcome: ModelOutcome) -> None:
        """An answer has come; what could not be had is none."""
        if outcome.kind in ANSWERS:
            self._fresh.append(Spent(1, outcome.tokens_in, outcome.tokens_out))

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Answers that come meanwhile are not counted."""
        count = len(self._fresh)
        yield
        del self._fresh[count:]

    def settle(self) -> Spent:
        """Add what came since the last time; gives it."""
        fresh, self._fresh = self._fresh, []
        found = Spent(*map(sum, zip(*fresh, strict=True))) if fresh else Spent()
        self.spent = self.spent.plus(found)
        return found

    @property
    def cost(self) -> float:
        """What was spent, in money."""
        return self.prices.of(self.spent)

    def spent_out(self) -> What | None:
        """Of what nothing is left; None while the model may be asked."""
        limits = self.limits
        if limits.calls and self.spent.calls >= limits.calls:
            return "calls"
        if limits.tokens and self.spent.tokens_in + self.spent.tokens_out >= limits.tokens:
            return "tokens"
        if limits.cost and self.cost >= limits.cost:
            return "cost"
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return "minutes"
        return None

    def room(self) -> int:
        """Names that may be asked about before the next look; 0 where nothing is left."""
        if self.spent_out():
            return 0
        if not any(self.limits):
            return MANY
        return min(ROUND, self.limits.calls - self.spent.calls) if self.limits.calls else ROUND


class Metered:
    """A model whose answers are counted."""

    def __init__(self, model: Model, meter: Meter) -> None:
        self.model, self.meter = model, meter

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def provenance(self) -> Mapping[str, str]:
        """The model's."""
        return self.model.provenance

    def fill(self, request: ModelRequest) -> ModelOutcome:
        """The model's outcome."""
        outcome = self.model.fill(request)
        self.meter.note(outcome)
        return outcome

    def fill_many(self, requests: Sequence[ModelRequest]) -> list[ModelOutcome]:
        """The model's outcomes."""
        outcomes = self.model.fill_many(requests)
        for outcome in outcomes:
            self.meter.note(outcome)
        return outcomes

    def close(self) -> None:
        """Close the model."""
        self.model.close()


def meter_on(
    pipeline: Pipeline,
    meter: Meter,
    journal: Journal | None = None,
    patience: Patience | None = None,
    keep: bool = False,
) -> None:
    """Let a pipeline ask within a budget, with patience, and keep what is said; one without a model stays as it is."""
    if pipeline.model is not None:
        if patience is not None:
            patience.afresh = getattr(pipeline.model, "ask_again", patience.afresh)
        pipeline.model = Metered(pipeline.model, meter)
        asking = pipeline.asking
        asking.meter, asking.journal, asking.patience, asking.keep = meter, journal, patience, keep


def chosen_limits(asked: Asked, model: str) -> Limits:
    """The limits of a run: as asked, else the settings'. Without a model there is nothing to limit."""
    if model == "none":
        return Limits()
    settings = _settings() if None in asked else None
    chosen: dict[str, Any] = {
        name: getattr(settings, f"max_{name}") if given is None and settings is not None else given or 0
        for name, given in zip(NAMES, asked, strict=True)
    }
    return Limits(**chosen)


def prices_of(settings: Settings, model: str) -> Prices:
    """What a hosted model costs; one on this machine costs nothing."""
    hosted = model.startswith(("http://", "https://"))
    return Prices(settings.model_price_in, settings.model_price_out) if hosted else Prices()


def told(spent: Mapping[str, Any], over: int, exams: int) -> tuple[str, str]:
    """One sentence on a budget that is spent, in Chinese and English. `spent`: as a job keeps it; `over`: names that
    were not asked about."""
    zh, en = WORDS[spent["out"]]
    return (
        f"模型预算（{zh}）已用完：其余 {over:,} 个名称（{exams:,} 次检查）没有问模型，转人工审核。",
        f"The model's budget is spent ({en}): it was not asked about the other {over:,} names ({exams:,} exams), which "
        "are for review.",
    )


def amount(spent: Mapping[str, Any]) -> str:
    """What was spent, in the language of this run."""
    tokens = spent["tokens_in"] + spent["tokens_out"]
    cost = f"{spent['cost']:.2f}" if spent["cost"] else ""
    zh = f"{spent['calls']:,} 次，{tokens:,} 词元" + (f"，费用 {cost}" if cost else "")
    en = f"{spent['calls']:,} calls, {tokens:,} tokens" + (f", cost {cost}" if cost else "")
    return say(zh, en)


def _settings() -> Settings | None:
    """The settings where any may say something; reading them costs a third of a second."""
    if any(f"YINGMA_MAX_{name.upper()}" in os.environ for name in NAMES) or settings_file().exists():
        from agent.settings import load_settings

        return load_settings()
    return None
