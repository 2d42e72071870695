"""A year of the standing audit, simulated: how late it stops acceptance after a change, how often for nothing.

    python -m evals.audit_year [--seeds 20] [--scenario NAME ...] [--processes 2] [--json]

30,000 exams a day, 137 institutions whose sizes fall as Zipf's law says, seven modalities, 250,000 names, Zipf again
within each modality of each institution; nine names of ten are accepted. Some are wrong from the start, at random by
name. What is drawn, at what rate, and what stops acceptance is agent/audit, with the plan that ships; only the hash is
a random number here. People decide a draw one to four days later; they take some wrong answers for right (`missed`),
and reject some right ones, which a second person has to agree to (`slip` twice).

Changes: on day 120 an institution gets a new price list (new names for all its exams, nothing of it decided, and so
many of them wrong); on day 240 a word gets another meaning in one modality (so many of its names that nobody decided
are wrong from then on, at all institutions). Two weeks after a stop it is mended and lifted.

A stop is *true* if on the days before it more was wrong than the target allows where it stopped, else *false*.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import mean, median
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from agent.audit import Detectors, Outcome, Plan, Rates, Scope, load_plan, lower_bound, rates_of

DAYS, EXAMS, INSTITUTIONS, NAMES = 365, 30_000, 137, 250_000
MODALITIES = {"CT": 0.36, "DR": 0.27, "US": 0.18, "MR": 0.14, "MG": 0.03, "NM": 0.01, "RF": 0.01}
COVERED = 0.9  # share of names that are accepted
LIST_DAY, WORD_DAY, MENDED = 120, 240, 14
WORD_MODALITY = "CT"
WEEK = 7


class Scenario(NamedTuple):
    """`wrong`: share of names wrong from the start. `place`: rank by size of the institution with a new price list,
    `listed`: the share of it that is wrong. `word`: share of the names of CT whose meaning changes. `missed`, `slip`:
    of people."""

    wrong: float = 0.001
    place: int = 0
    listed: float = 0.0
    word: float = 0.0
    missed: float = 0.1
    slip: float = 0.005


SCENARIOS = {
    "quiet": Scenario(),
    "quiet, 0.3 % wrong": Scenario(wrong=0.003),
    "large list 5 %, word 1 %": Scenario(place=3, listed=0.05, word=0.01),
    "large list 20 %, word 3 %": Scenario(place=3, listed=0.20, word=0.03),
    "middle list 5 %, word 5 %": Scenario(place=30, listed=0.05, word=0.05),
    "middle list 20 %, word 10 %": Scenario(place=30, listed=0.20, word=0.10),
    "small list 20 %, word 20 %": Scenario(place=100, listed=0.20, word=0.20),
}


@dataclass
class Delay:
    """From a change to the stop of its place; None where it was not stopped in the year."""

    days: int | None = None
    exams: int = 0  # accepted there meanwhile
    wrong: int = 0  # of them wrong because of the change; also after the stop, where it was narrower than the change
    flow: float = 0.0  # exams a day there


@dataclass
class Year:
    """What came of one year."""

    draws: list[int] = field(default_factory=list)  # of each week
    renewed: int = 0  # weeks in which the bound was renewed
    untrue: int = 0  # of them, weeks in which more was wrong than it says
    weeks: int = 0
    true_stops: int = 0
    false_stops: int = 0
    stops: Counter[str] = field(default_factory=Counter)  # by level
    accepted: int = 0
    wrong: int = 0
    listed: Delay = field(default_factory=Delay)
    word: Delay = field(default_factory=Delay)


class _World:
    """Names with where they are, how often they come, and whether Yingma's answer is wrong."""

    def __init__(self, scenario: Scenario, rng: np.random.Generator) -> None:
        sizes = 1.0 / np.arange(1, INSTITUTIONS + 1) ** 0.8
        sizes /= sizes.sum()
        places, kinds, weights = [], [], []
        for place, size in enumerate(sizes):
            for kind, share in enumerate(MODALITIES.values()):
                count = max(10, round(NAMES * size * share))
                each = 1.0 / np.arange(1, count + 1)
                places.append(np.full(count, place))
                kinds.append(np.full(count, kind))
                weights.append(each / each.sum() * size * share)
        self.place = np.concatenate(places)
        self.kind = np.concatenate(kinds)
        self.cumulated = np.cumsum(np.concatenate(weights))
        count = len(self.place)
        self.accepted = rng.random(count) < COVERED
        self.wrong = rng.random(count) < scenario.wrong
        self.decided = np.zeros(count, dtype=bool)  # memory answers it
        self.drawn = np.zeros(count, dtype=bool)
        self.stopped = np.zeros(count, dtype=bool)
        self.changed = np.zeros(count, dtype=np.int8)  # wrong since the new price list (1), since the other meaning (2)

    def day(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Names that came and on how many exams."""
        at = np.searchsorted(self.cumulated, np.sort(rng.random(EXAMS)) * self.cumulated[-1])
        names, counts = np.unique(np.minimum(at, len(self.place) - 1), return_counts=True)
        return names, counts

    def within(self, scope: Scope) -> NDArray[np.bool_]:
        """The names of a place."""
        found = np.ones(len(self.place), dtype=bool)
        if scope.modality:
            found &= self.kind == list(MODALITIES).index(scope.modality)
        if scope.institution:
            found &= self.place == int(scope.institution)
        return found


def simulate(scenario: Scenario, seed: int, plan: Plan, days: int = DAYS) -> Year:
    """One year, or its first days."""
    rng = np.random.default_rng(seed)
    world, year = _World(scenario, rng), Year()
    tests = Detectors(plan.allowed, plan.detect.wrong, plan.evidence)
    kinds = list(MODALITIES)
    due: dict[int, list[tuple[int, bool]]] = {}
    flows: deque[dict[str, int]] = deque(maxlen=WEEK)  # exams accepted unseen, by modality, of the last days
    past: deque[tuple[NDArray[np.int64], NDArray[np.int64]]] = deque(maxlen=WEEK)
    lifts: dict[int, list[Scope]] = {}
    drawn, right, trials, flow, bad = 0, 0, 0, 0, 0  # of this week
    for day in range(days):
        _change(world, scenario, day, rng, due)
        for scope in lifts.pop(day, []):
            _mend(world, tests, scope)
        # People's decisions of the day, in any order.
        answers = due.pop(day, [])
        for at in rng.permutation(len(answers)):
            name, core = answers[at]
            wrong = bool(world.wrong[name])
            odds = 1 - scenario.missed if wrong else scenario.slip**2
            seen = bool(rng.random() < odds)
            world.decided[name] = True
            trials, right = trials + core, right + (core and not seen)
            broken = tests.add(Outcome((kinds[world.kind[name]],), str(world.place[name]), seen))
            if broken is not None:
                _stop(world, year, broken.scope, day, past, plan)
                lifts.setdefault(day + MENDED, []).append(broken.scope)
        # The exams of the day: memory answers, acceptance is stopped, or they are accepted unseen.
        names, counts = world.day(rng)
        unseen = world.accepted[names] & ~world.decided[names] & ~world.stopped[names]
        names, counts = names[unseen], counts[unseen]
        past.append((names, counts))
        by_kind = np.bincount(world.kind[names], counts, len(kinds)).astype(int)
        flows.append(dict(zip(kinds, by_kind.tolist(), strict=True)))
        _count(world, year, scenario, day, names, counts)
        flow, bad = flow + int(counts.sum()), bad + int(counts[world.wrong[names]].sum())
        week = {kind: sum(each[kind] for each in flows) for kind in kinds}
        rates = rates_of(plan, week, sum(week.values()), tests.watched(plan.detect.watch))
        fresh = ~world.drawn[names]
        names, counts = names[fresh], counts[fresh]
        numbers = rng.random(len(names))
        core = numbers < _chance(counts, np.full(len(names), rates.base))
        taken = numbers < _chance(counts, _rates(world, names, kinds, rates))
        world.drawn[names[taken]] = True
        for name, in_core in zip(names[taken].tolist(), core[taken].tolist(), strict=True):
            due.setdefault(day + 1 + int(rng.integers(4)), []).append((name, in_core))
        drawn += int(taken.sum())
        if day % WEEK == WEEK - 1:
            year.draws.append(drawn)
            if day > 2 * WEEK:  # the first two weeks fill the pipe
                year.weeks += 1
                proven = lower_bound(right, trials, plan.bound.confidence) >= plan.bound.precision
                year.renewed += proven
                year.untrue += proven and bad > plan.allowed * flow
            drawn, right, trials, flow, bad = 0, 0, 0, 0, 0
    return year


def _chance(counts: NDArray[np.int64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """agent.audit.chance of many."""
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = -np.expm1(counts * np.log1p(-rates))
    return found


def _rates(world: _World, names: NDArray[np.int64], kinds: Sequence[str], rates: Rates) -> NDArray[np.float64]:
    """The rate of each name."""
    found = np.array([rates.modality.get(kind, rates.base) for kind in kinds])[world.kind[names]]
    watched = np.zeros(len(names), dtype=bool)
    for scope in rates.watched:
        watched |= world.within(scope)[names]
    found[watched] *= rates.boost
    rated: NDArray[np.float64] = np.minimum(1.0, found)
    return rated


def _change(
    world: _World, scenario: Scenario, day: int, rng: np.random.Generator, due: dict[int, list[tuple[int, bool]]]
) -> None:
    """What changes in the world on this day."""
    if day == LIST_DAY and scenario.listed:
        inside = world.within(Scope("", str(scenario.place)))
        world.wrong[inside] = rng.random(int(inside.sum())) < scenario.listed
        world.decided[inside] = world.drawn[inside] = False
        world.changed[inside & world.wrong] = 1
        for answers in due.values():  # the names of the old list come no more
            answers[:] = [each for each in answers if not inside[each[0]]]
    if day == WORD_DAY and scenario.word:
        inside = world.within(Scope(WORD_MODALITY)) & ~world.decided & ~world.drawn
        hit = inside & ~world.wrong & (rng.random(len(inside)) < scenario.word)
        world.wrong |= hit
        world.changed[hit] = 2


def _stop(
    world: _World,
    year: Year,
    scope: Scope,
    day: int,
    past: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    plan: Plan,
) -> None:
    """Acceptance stops in a place."""
    inside = world.within(scope)
    exams = wrong = 0
    for names, counts in past:
        here = inside[names]
        exams += int(counts[here].sum())
        wrong += int(counts[here & world.wrong[names]].sum())
    if exams and wrong > plan.allowed * exams:
        year.true_stops += 1
    else:
        year.false_stops += 1
    level = "both" if all(scope) else "institution" if scope.institution else "modality" if scope.modality else "all"
    year.stops[level] += 1
    world.stopped |= inside
    # Of the changed place, for a change that is in it: names that are wrong because of the change.
    for kind, delay, since in ((1, year.listed, LIST_DAY), (2, year.word, WORD_DAY)):
        if delay.days is None and day >= since and bool((inside & (world.changed == kind)).any()):
            first = kind == 1 or not scope.institution  # of a word that changed everywhere, one institution is little
            delay.days = day - since if first else None


def _mend(world: _World, tests: Detectors, scope: Scope) -> None:
    """What was wrong there is mended, and acceptance goes on."""
    inside = world.within(scope)
    world.wrong[inside] = False
    world.changed[inside] = 0
    world.stopped[inside] = False
    tests.forget(scope)
    for other in tests.broken:
        world.stopped |= world.within(other.scope)


def _count(
    world: _World,
    year: Year,
    scenario: Scenario,
    day: int,
    names: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Accepted exams of the day, and those of a changed place that is not stopped yet."""
    wrong = counts * world.wrong[names]
    year.accepted += int(counts.sum())
    year.wrong += int(wrong.sum())
    for kind, delay, since, share, inside in (
        (1, year.listed, LIST_DAY, scenario.listed, world.place[names] == scenario.place),
        (2, year.word, WORD_DAY, scenario.word, world.kind[names] == list(MODALITIES).index(WORD_MODALITY)),
    ):
        if share and day == since:
            delay.flow = float(counts[inside].sum())
        if share and day >= since:
            delay.exams += int(counts[inside].sum()) if delay.days is None else 0
            delay.wrong += int(counts[world.changed[names] == kind].sum())


def summary(years: Sequence[Year]) -> dict[str, Any]:
    """The figures of a scenario over its seeds."""
    weeks = sum(each.weeks for each in years)
    draws = [count for each in years for count in each.draws[1:]]
    return {
        "years": len(years),
        "draws_a_week": round(mean(draws)),
        "draws_first_week": round(mean(each.draws[0] for each in years)),
        "draws_most": max(draws),
        "renewed": sum(each.renewed for each in years) / weeks,
        "untrue": sum(each.untrue for each in years),
        "false_stops_a_year": mean(each.false_stops for each in years),
        "true_stops_a_year": mean(each.true_stops for each in years),
        "stops": dict(sum((each.stops for each in years), Counter[str]())),
        "wrong_share": sum(each.wrong for each in years) / sum(each.accepted for each in years),
        "listed": _delay([each.listed for each in years]),
        "word": _delay([each.word for each in years]),
    }


def _delay(delays: Sequence[Delay]) -> dict[str, Any] | None:
    """Median and 90th percentile of what was stopped, and how many were not."""
    if not any(each.flow for each in delays):
        return None
    found = sorted(each.days for each in delays if each.days is not None)
    return {
        "flow_a_day": round(mean(each.flow for each in delays)),
        "stopped": len(found),
        "of": len(delays),
        "days_median": median(found) if found else None,
        "days_90": float(np.percentile(found, 90)) if found else None,
        "exams_median": median(each.exams for each in delays),
        "wrong_median": median(each.wrong for each in delays),
    }


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Years of each scenario.")] = 20,
    scenario: Annotated[list[str] | None, typer.Option(help="Only these; every one else.")] = None,
    processes: Annotated[int, typer.Option(min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Simulate and print."""
    plan = load_plan()
    chosen = scenario or list(SCENARIOS)
    unknown = [each for each in chosen if each not in SCENARIOS]
    if unknown:
        raise typer.BadParameter(f"no scenario {unknown[0]!r}; known: {', '.join(SCENARIOS)}")
    with ProcessPoolExecutor(processes) as pool:
        for name in chosen:
            year = partial(simulate, SCENARIOS[name], plan=plan)
            found = summary(list(pool.map(year, range(1, seeds + 1))))
            lines = [json.dumps({name: found})] if as_json else _lines(name, found)
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()


def _lines(name: str, found: dict[str, Any]) -> Iterator[str]:
    yield f"{name}: {found['years']} years, {100 * found['wrong_share']:.2f} % of what was accepted unseen was wrong"
    yield (
        f"  draws a week {found['draws_a_week']} (first {found['draws_first_week']}, most {found['draws_most']}); "
        f"bound renewed in {100 * found['renewed']:.0f} % of weeks, untrue in {found['untrue']}"
    )
    false, true = found["false_stops_a_year"], found["true_stops_a_year"]
    yield f"  stops a year: false {false:.2f}, true {true:.2f}; {found['stops']}"
    for key in ("listed", "word"):
        each = found[key]
        if each is not None:
            yield (
                f"  {key}: {each['flow_a_day']} exams a day; stopped {each['stopped']} of {each['of']}, days "
                f"{each['days_median']} (90th percentile {each['days_90']}), {each['exams_median']:.0f} exams accepted "
                f"there until then, {each['wrong_median']:.0f} wrong because of it"
            )


if __name__ == "__main__":
    typer.run(main)
