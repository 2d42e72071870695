"""Sample sizes, bounds and draws: what they claim, checked by summing over all that can happen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit import Rates, Scope, chance, load_plan, lower_bound, needed, number, rates_of
from agent.audit import plan as planning
from agent.audit.bound import sample_size
from agent.audit.plan import Plan
from standard.errors import DataError


def test_a_sample_without_a_wrong_answer_is_as_long_as_the_textbook_says() -> None:
    # 0.995 ** 598 is the first power below 0.05; one wrong answer more than half as many again.
    assert (needed(0.995), needed(0.995, wrong=1)) == (598, 947)
    assert lower_bound(598, 598) >= 0.995 > lower_bound(597, 597)
    assert lower_bound(0, 0) == lower_bound(0, 10) == 0.0


@pytest.mark.parametrize("wrong", [0, 3, 10, 29])
def test_the_bound_of_a_population_is_right_as_often_as_it_says(wrong: int) -> None:
    from scipy.stats import hypergeom

    population, trials, confidence = 300, 120, 0.95
    right = 1 - wrong / population
    untrue = sum(
        hypergeom.pmf(found, population, wrong, trials)
        for found in range(min(wrong, trials) + 1)
        if lower_bound(trials - found, trials, confidence, population) > right
    )
    assert untrue <= 1 - confidence
    assert lower_bound(trials, trials, confidence, population) > lower_bound(trials, trials, confidence)


def test_the_sample_of_a_small_population_is_smaller_and_never_more_than_all() -> None:
    assert needed(0.995, population=2000) < needed(0.995)
    # One wrong of a hundred stays unseen by 95 in just five samples of a hundred.
    assert needed(0.995, population=100) in (95, 96)
    assert needed(0.995, 0.999, population=100) == 100
    assert lower_bound(100, 100, population=100) == 1.0
    with pytest.raises(ValueError, match="no larger"):
        lower_bound(101, 101, population=100)


def test_the_sample_has_the_power_it_was_made_for() -> None:
    from scipy.stats import binom

    size, wrong = sample_size(0.995, 0.95, 0.001, 0.9)
    assert lower_bound(size - wrong, size) >= 0.995 > lower_bound(size - wrong - 1, size)
    assert binom.cdf(wrong, size, 0.001) >= 0.9
    smaller = needed(0.995, wrong=wrong - 1)
    assert binom.cdf(wrong - 1, smaller, 0.001) < 0.9
    with pytest.raises(ValueError, match="more is expected"):
        sample_size(0.995, 0.95, 0.005, 0.9)


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_the_chance_of_a_name_is_that_of_any_of_its_exams(exams: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= chance(exams, low) <= chance(exams, high) <= 1
    assert chance(exams, low) == pytest.approx(1 - (1 - low) ** exams)
    assert chance(exams, low) <= chance(exams + 1, low)


def test_numbers_follow_from_the_name_and_are_spread_evenly() -> None:
    names = [f"名称{at}" for at in range(4000)]
    found = {name: number("key", "2026-01-01", name, "甲") for name in names}
    again = random.Random(1).sample(names, len(names))
    assert {name: number("key", "2026-01-01", name, "甲") for name in again} == found
    tenths = [sum(int(value * 10) == tenth for value in found.values()) for tenth in range(10)]
    assert all(330 < count < 470 for count in tenths)
    for other in (("other", "2026-01-01", "甲"), ("key", "2026-01-02", "甲"), ("key", "2026-01-01", "乙")):
        key, day, place = other
        assert all(number(key, day, name, place) != found[name] for name in names)


def test_what_is_drawn_stands_for_exams() -> None:
    """Of drawn exams as many are wrong as of all exams, though the wrong name is one of a thousand."""
    exams = {"wrong": 250, **{f"right {at}": 1 for at in range(750)}}
    days = [f"day {at}" for at in range(3000)]
    rate = 0.001
    first = sum(number("k", day, "wrong") < chance(exams["wrong"], rate) for day in days)
    others = sum(number("k", day, name) < chance(1, rate) for day in days[:300] for name in exams if name != "wrong")
    assert first / len(days) == pytest.approx(1 - (1 - rate) ** 250, abs=0.03)
    assert others / 300 == pytest.approx(750 * rate, abs=0.25)


def test_rates_give_the_sample_of_the_bound_and_the_least_of_each_modality() -> None:
    plan = load_plan()
    rates = rates_of(plan, {"CT": 190_000, "MG": 3000, "NM": 40}, 193_040)
    assert rates.base * 193_040 == pytest.approx(plan.draws(200_000))
    assert rates.of(("CT",), "") == rates.base
    assert rates.of(("MG",), "") * 3000 == pytest.approx(plan.draw.least)
    assert rates.of(("CT", "MG"), "") == rates.of(("MG",), "")
    assert rates.of(("NM",), "") == plan.draw.most
    watched = rates_of(plan, {"CT": 190_000}, 190_000, [Scope("CT", "甲")])
    assert watched.of(("CT",), "甲") == pytest.approx(plan.draw.boost * watched.base)
    assert watched.of(("CT",), "乙") == watched.of(("MR",), "甲") == watched.base
    assert rates_of(plan, {}, 0).base == rates_of(plan, {"CT": 9}, 9).base == plan.draw.most


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("expected = 0.001", "expected = 0.006", "below 1 - bound.precision"),
        ("wrong = [0.01,", "wrong = [0.001,", "between"),
        ("least = 60", "least = -1", "greater"),
        ("[draw]", "[draw", "TOML"),
    ],
)
def test_a_plan_that_does_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, told: str
) -> None:
    text = planning.FILE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "audit.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(planning, "FILE", file)
    load_plan.cache_clear()
    with pytest.raises(DataError, match=told):
        load_plan()
    load_plan.cache_clear()


def test_power_nought_asks_for_a_week_without_a_wrong_answer() -> None:
    plan = load_plan()
    bound = plan.bound.model_copy(update={"power": 0.0})
    assert Plan(bound=bound, draw=plan.draw, detect=plan.detect).draws() == 598


def test_a_small_site_is_not_asked_about_most_of_its_names() -> None:
    """A few names have nearly all exams, so a share of the exams would be nearly all names."""
    plan = load_plan()
    names = [(exams, ("CT",), "a") for exams in (2000, 900, 500, 300, 200, *[50] * 60, *[1] * 100)]
    rates = rates_of(plan, {"CT": sum(each[0] for each in names)}, sum(each[0] for each in names))

    def expected(found: Rates) -> float:
        return sum(chance(exams, found.of(modalities, place)) for exams, modalities, place in names)

    lowered = rates.within(names, plan.draw.few)
    assert expected(rates) > 60
    assert expected(lowered) == pytest.approx(plan.draw.few, rel=1e-6)
    assert lowered.core < rates.core
    many = [(1, ("CT",), "a")] * 200_000
    large = rates_of(plan, {"CT": 200_000}, 200_000)
    assert large.within(many, plan.draw.few) == large
