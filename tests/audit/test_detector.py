"""The sequential tests: how often they stop for nothing, how soon for something, and where."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from agent.audit import EVERYWHERE, Detectors, Outcome, Scope, load_plan

ALLOWED = 0.005
BETS = load_plan().detect.wrong


def stream(rng: random.Random, share: float, modality: str = "CT", place: str = "甲") -> Iterator[Outcome]:
    while True:
        yield Outcome((modality,), place, rng.random() < share)


def steps_to_stop(outcomes: Iterator[Outcome], limit: float, most: int) -> int | None:
    tests = Detectors(ALLOWED, BETS, limit)
    for at in range(1, most + 1):
        if tests.add(next(outcomes)) is not None:
            return at
    return None


@pytest.mark.parametrize("share", [ALLOWED, ALLOWED / 5])
def test_false_stops_are_as_rare_as_they_are_said_to_be(share: float) -> None:
    """Within T steps of one place, at most T / c by the bound; here four levels see the same draws."""
    steps, limit, years = 400, 4000.0, 150
    stopped = sum(steps_to_stop(stream(random.Random(at), share), limit, steps) is not None for at in range(years))
    assert stopped / years <= 4 * steps / limit


def test_a_change_is_found_as_soon_after_a_long_good_time_as_at_once() -> None:
    limit = load_plan().evidence
    for seed in range(5):
        rng = random.Random(seed)
        tests = Detectors(ALLOWED, BETS, limit)
        good = stream(rng, 0.0005)
        tests.extend(next(good) for _ in range(4000))
        assert tests.broken == []
        bad = stream(rng, 0.25)
        found = next(at for at in range(1, 200) if tests.add(next(bad)) is not None)
        fresh = steps_to_stop(stream(random.Random(seed), 0.25), limit, 200)
        assert fresh is not None
        assert found <= 60


def test_the_narrowest_place_stops_and_leaves_the_wider_tests() -> None:
    limit = load_plan().evidence
    tests = Detectors(ALLOWED, BETS, limit)
    number = 0
    broken = []
    for _ in range(40):
        for modality, place in (("CT", "甲"), ("MR", "甲"), ("CT", "乙")):
            number += 1
            found = tests.add(Outcome((modality,), place, (modality, place) == ("CT", "甲"), number))
            broken += [found] if found else []
    assert [each.scope for each in broken] == [Scope("CT", "甲")]
    assert all(each.wrong for each in broken[0].draws)
    assert tests.found(EVERYWHERE).wrong == tests.found(Scope("CT")).wrong == 0
    assert tests.found(EVERYWHERE).trials == 80
    tests.forget(Scope("CT", "甲"))
    assert tests.broken == []
    assert tests.add(Outcome(("CT",), "甲", True, 999)) is None
    assert tests.found(Scope("CT", "甲"))[:2] == (1, 1)


def test_what_is_wrong_everywhere_in_a_modality_stops_the_modality() -> None:
    rng = random.Random(3)
    tests = Detectors(ALLOWED, BETS, load_plan().evidence)
    while not tests.broken:
        for place in map(str, range(100)):
            tests.add(Outcome(("CT",), place, rng.random() < 0.03))
            tests.add(Outcome(("MR",), place, False))
    assert [each.scope for each in tests.broken] == [Scope("CT")]


def test_a_stop_says_since_when_it_is_in_doubt() -> None:
    tests = Detectors(ALLOWED, BETS, load_plan().evidence)
    tests.extend(Outcome(("CT",), "甲", False, at) for at in range(1, 501))
    found = next(filter(None, (tests.add(Outcome(("CT",), "甲", True, at)) for at in range(501, 520))))
    assert found.before is not None
    assert (found.before.id, found.draws[0].id) == (500, 501)


def test_a_place_with_a_few_wrong_answers_is_watched() -> None:
    tests = Detectors(ALLOWED, BETS, load_plan().evidence)
    share = load_plan().detect.watch
    tests.extend(Outcome(("CT",), "甲", False) for _ in range(50))
    tests.add(Outcome(("CT",), "甲", True))
    assert tests.watched(share) == frozenset()
    tests.add(Outcome(("CT",), "甲", True))
    assert Scope("CT", "甲") in tests.watched(share)
    assert EVERYWHERE not in tests.watched(share)


def test_an_answer_in_two_modalities_is_a_step_of_both() -> None:
    tests = Detectors(ALLOWED, BETS, load_plan().evidence)
    tests.add(Outcome(("CT", "MR"), "甲", True))
    assert [tests.found(Scope(each)).wrong for each in ("CT", "MR", "")] == [1, 1, 1]
