"""The overview: what finished jobs accepted is told beside what is in the store; days are the server's own."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent import overview
from agent.settings import load_settings
from agent.store import Order, decide, end_job, open_job
from standard.errors import InputError
from tests.store.world import ANKLE, HEAD, START, World, distinct


def test_what_jobs_accepted_is_told_though_it_is_not_in_the_store(world: World) -> None:
    world.put(ANKLE, job="put by hand")
    counts = {"rows": 30, "names": 3, "exams": 30, "accepted": 2, "accepted_exams": 21, "review": 1}
    with world.store.writing() as session:
        assert overview.finished(session) == (0, 0, 0, 0, 0)
        for name, state in (("first", "done"), ("again", "done"), ("cut off", "failed")):
            end_job(session, open_job(session, name, world.at()), state, counts, world.at())  # type: ignore[arg-type]
        assert overview.finished(session) == (2, 6, 60, 4, 42)
        assert {each.status: each.held.exams for each in overview.standing(session)}["accepted"] == 0


SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("machine", [False, True])
@pytest.mark.parametrize(
    ("zone", "moments", "told"),
    [
        # Eight in the morning in Shanghai is midnight in UTC, where the day would begin.
        (SHANGHAI, ["2026-01-05T00:00", "2026-01-05T07:59", "2026-01-05T23:59", "2026-01-06T00:00"], (1, 3)),
        # The nights in which clocks are set: a day of 23 hours, and one of 25.
        (BERLIN, ["2026-03-28T23:59", "2026-03-29T00:00", "2026-03-29T23:59", "2026-03-30T00:00"], (1, 2, 1)),
        (BERLIN, ["2026-10-24T23:59", "2026-10-25T00:00", "2026-10-25T23:59", "2026-10-26T00:00"], (1, 2, 1)),
    ],
)
def test_decisions_are_counted_by_the_days_of_the_time_zone(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    zone: ZoneInfo,
    moments: list[str],
    told: tuple[int, ...],
    machine: bool,
) -> None:
    if machine:
        monkeypatch.setenv("TZ", str(zone))
        time.tzset()
    try:
        li, other = world.person("reviewer", "李"), world.person("reviewer", "王")
        names = distinct(len(moments) + 1)
        world.put(*names)
        for who, name, moment in zip((*[li] * len(moments), other), names, [*moments, moments[0]], strict=True):
            at = datetime.fromisoformat(moment).replace(tzinfo=zone)
            order = Order(world.cluster(name).id or 0, 1, "settle", world.key(), (HEAD,))

            def operation(session: Any, who: int = who, order: Order = order, at: datetime = at) -> str:
                return decide(session, world.rules, who, order, at).result

            assert world.store.write(operation) == "ok"
        at = datetime.fromisoformat(moments[-1]).replace(tzinfo=zone) + timedelta(hours=1)
        with world.store.reading() as session:
            given = None if machine else zone
            mine = overview.days(session, at, li, zone=given)
            everybody = overview.days(session, at, zone=given)
        assert tuple(each.decisions for each in mine) == told
        assert [each.day for each in mine] == sorted({each[:10] for each in moments}, reverse=True)
        assert {(each.day, each.user) for each in everybody} == {
            *((each.day, "李") for each in mine),
            (moments[0][:10], "王"),
        }
        with world.store.reading() as session:
            assert overview.days(session, at, li, count=1, zone=given) == mine[:1]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_time_zone_is_a_setting_and_else_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(time_zone=" Asia/Shanghai ").zone == SHANGHAI
    assert load_settings().zone is None
    assert overview.zone_name(START, SHANGHAI) == "Asia/Shanghai"
    for machine, told in (("Asia/Shanghai", "CST, UTC+08:00"), ("America/Chicago", "CST, UTC-06:00"), ("UTC", "UTC")):
        monkeypatch.setenv("TZ", machine)
        time.tzset()
        assert overview.zone_name(START, None) == told
    monkeypatch.undo()
    time.tzset()
    for wrong in ("Mars/Base", "../etc/localtime", "UTC\0"):
        with pytest.raises(InputError, match="YINGMA_TIME_ZONE"):
            load_settings(time_zone=wrong)
