"""The plan of the audit: audit.toml, how many draws the bound needs, and at what rate each place is drawn.

    exams accepted unseen in the last week ─▶ draws needed ─▶ rate of all ─▶ of a modality, at least `least` a week
                                                                        └──▶ of a place under suspicion, `boost` times

The rate of all alone makes the sample of the bound (`core`); what is drawn above it counts for the test of its own
place, and would bend the bound of all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.audit.bound import needed, sample_size
from agent.audit.detector import LEVELS, Scope, covers
from agent.audit.draw import chance
from standard.lexicon import read_toml

FILE = Path(__file__).parent / "data" / "audit.toml"
WEEKS = 365 / 7  # of a year
STEPS = 40  # of halving, when rates are lowered


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bound(_Part):
    """What is to be proven, and with how large a sample."""

    precision: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    days: int = Field(ge=1)
    expected: float = Field(ge=0, lt=1)
    power: float = Field(ge=0, lt=1)


class Draw(_Part):
    """What is drawn beyond the sample of the bound, and how draws come to people."""

    least: int = Field(ge=0)
    most: float = Field(gt=0, le=1)
    few: int = Field(ge=0)
    boost: float = Field(ge=1)
    hand_out: float = Field(ge=0, le=1)
    overdue: int = Field(ge=1)


class Detection(_Part):
    """The sequential tests."""

    wrong: tuple[float, ...] = Field(min_length=1)
    false_stops: float = Field(gt=0)
    watch: float = Field(gt=0, le=1)
    days: int = Field(ge=1)


class Plan(_Part):
    """audit.toml."""

    bound: Bound
    draw: Draw
    detect: Detection

    @model_validator(mode="after")
    def _fits(self) -> Plan:
        allowed = 1 - self.bound.precision
        if self.bound.power and self.bound.expected > allowed - 1e-9:
            raise ValueError("bound.expected is below 1 - bound.precision, or no sample proves the precision")
        if any(not allowed < each < 1 for each in self.detect.wrong):
            raise ValueError("every share of detect.wrong lies between 1 - bound.precision and 1")
        return self

    @property
    def allowed(self) -> float:
        """The share of wrong answers that the target allows."""
        return 1 - self.bound.precision

    def draws(self, population: int | None = None) -> int:
        """Draws that renew the bound once, of a population of so many accepted exams, or of a flow without end."""
        bound = self.bound
        if bound.power == 0:
            return needed(bound.precision, bound.confidence, 0, population)
        return sample_size(bound.precision, bound.confidence, bound.expected, bound.power, population)[0]

    @property
    def evidence(self) -> float:
        """The evidence at which a test stops acceptance.

        A test's evidence, less the number of its draws, falls or stays on average while no more is wrong than allowed;
        so T steps of all tests reach c in T / c places at most (detector.py). T of a year: each draw is a step of one
        test of each level.
        """
        return LEVELS * self.draws() * WEEKS * 7 / self.bound.days / self.detect.false_stops


class Rates(NamedTuple):
    """Rates at which exams are drawn: of all; of modalities where it is higher; and where `boost` times as much is.
    None is above `most`."""

    base: float
    modality: dict[str, float]
    boost: float
    watched: frozenset[Scope]
    most: float
    share: float = 1.0  # of these rates, where they would draw too many names

    def within(self, names: Iterable[tuple[int, Collection[str], str]], few: int) -> Rates:
        """The same, lowered until no more than `few` names, or the share `most` of them, are to be expected; `names`:
        exams, modalities and institution of each."""
        known = list(names)
        least = max(float(few), self.most * len(known))

        def expected(share: float) -> float:
            rates = self._replace(share=share)
            return sum(chance(exams, rates.of(modalities, place)) for exams, modalities, place in known)

        if expected(1.0) <= least:
            return self
        low, high = 0.0, 1.0
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if expected(middle) <= least else (low, middle)
        return self._replace(share=low)

    @property
    def core(self) -> float:
        """The rate of all."""
        return self.base * self.share

    def of(self, modalities: Collection[str], institution: str) -> float:
        """The rate of exams with an answer in these modalities."""
        rate = max((self.modality.get(each, self.base) for each in modalities), default=self.base)
        if any(covers(scope, modalities, institution) for scope in self.watched):
            rate *= self.boost
        return min(self.most, max(rate, self.base)) * self.share


def rates_of(plan: Plan, flow: Mapping[str, int], exams: int, watched: Collection[Scope] = ()) -> Rates:
    """The rates for `exams` accepted unseen in the days of the bound, the job at hand among them; `flow`: the exams by
    modality, one with answers in two counts in both."""
    most = plan.draw.most
    if exams <= 0:
        return Rates(most, {}, plan.draw.boost, frozenset(watched), most)
    base = min(most, plan.draws(_rounded(exams)) / exams)
    least = {each: min(most, plan.draw.least / count) for each, count in flow.items() if count > 0}
    higher = {each: rate for each, rate in sorted(least.items()) if rate > base}
    return Rates(base, higher, plan.draw.boost, frozenset(watched), most)


def _rounded(exams: int) -> int | None:
    """A population whose sample is worked out once for all like it; None where it is as good as endless."""
    if exams > 500_000:
        return None
    step = int(10 ** max(0, len(str(exams)) - 2))
    return -(-exams // step) * step


@cache
def load_plan() -> Plan:
    """The plan that ships. DataError names what does not hold."""
    return read_toml(FILE, Plan)
