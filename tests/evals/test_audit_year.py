"""The simulated year, cut short: the world changes, the audit notices, the figures say so."""

from __future__ import annotations

from agent.audit import load_plan
from evals import audit_year
from evals.audit_year import Scenario, simulate, summary


def test_a_new_price_list_is_stopped_and_a_quiet_time_is_not() -> None:
    plan = load_plan()
    days = audit_year.LIST_DAY + 21
    bad = simulate(Scenario(place=3, listed=0.3), 1, plan, days)
    assert bad.listed.days is not None
    assert bad.listed.days <= 7
    assert bad.true_stops >= 1
    assert 0 < bad.listed.wrong < bad.listed.flow * 14
    quiet = simulate(Scenario(), 2, plan, 60)
    assert (quiet.false_stops, quiet.listed.days) == (0, None)
    found = summary([quiet])
    assert found["listed"] is None
    assert found["untrue"] == 0
    assert 1200 < found["draws_a_week"] < 2200
