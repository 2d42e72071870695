"""Draws, what comes of them, and stops, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from agent.audit import Scope, load_plan
from agent.audit.place import CONFIRM, to_review
from agent.audit_summary import summary
from agent.memory import load
from agent.store import Entry, Outcome, Rules, open_job, put
from agent.store.audit import (
    Draw,
    audit_key,
    contradicts,
    decided,
    keep_draws,
    lift,
    record_flow,
    stopped_scopes,
    stops,
    waiting,
)
from agent.store.bulk import Scope as BulkScope
from agent.store.bulk import apply, preview
from agent.store.keys import institution_key, text_key
from agent.store.schema_acts import Trail
from standard.errors import InputError
from tests.store.world import CHEST, CONTRAST, START, World, answer, pipeline, valid

# Names that the reader accepts, each with a reading of its own.
NAMES = ("胸部CT平扫", "胸部CT增强", "头颅CT平扫", "头颅CT增强", "上腹部CT平扫", "盆腔CT平扫", "盆腔CT增强")
PLACE = "甲医院"
CORE = 0.01


def draw(world: World, *names: str, at: str = PLACE, core: bool = True, job: str = "job") -> int:
    """Put names in as a job does that accepted and drew them; how many draws are new."""
    fresh = [answer(name, "CT", at) for name in names]
    assert {each.route for each in fresh} == {"accepted"}
    sample = [
        Draw(text_key(name, "CT"), institution_key(at), ("CT",), each.codes, 3, CORE, core)
        for name, each in zip(names, fresh, strict=True)
    ]

    def operation(session: object) -> int:
        moment = world.at()
        row = open_job(session, job, moment)  # type: ignore[arg-type]
        put(session, row.id or 0, [Entry(to_review(each, CONFIRM), 3) for each in fresh], moment)  # type: ignore[arg-type]
        return keep_draws(session, row.id or 0, sample, moment)  # type: ignore[arg-type]

    return world.store.write(operation)


def settle(world: World, who: int, name: str, codes: Sequence[str] | None = None, at: str = PLACE) -> Outcome:
    return world.decide(who, world.cluster(name, at), codes=answer(name, "CT", at).codes if codes is None else codes)


def outcomes(world: World) -> list[bool]:
    with world.store.reading() as session:
        return [each.outcome.wrong for each in decided(session, START)]


def test_a_draw_is_a_card_like_any_other_and_counts_when_it_is_decided(world: World) -> None:
    assert draw(world, *NAMES[:3]) == 3
    cluster = world.cluster(NAMES[0])
    assert (cluster.status, cluster.reason, cluster.base) == ("open", CONFIRM, "open")
    li = world.person("reviewer")
    assert outcomes(world) == []
    settle(world, li, NAMES[0])
    wrong = settle(world, li, NAMES[1], [CHEST])
    world.decide(li, world.cluster(NAMES[2]), "reject")
    assert outcomes(world) == [False, True, True]
    world.undo(li, wrong.decision_id)
    assert outcomes(world) == [False, True]
    with world.store.reading() as session:
        assert len(waiting(session)) == 1
        assert waiting(session, "second_look") == []
        assert waiting(session, before=START) == []
    world.check()


def test_a_name_is_drawn_once_and_only_while_nobody_decided(world: World) -> None:
    assert draw(world, NAMES[0]) == 1
    assert draw(world, NAMES[0], job="next") == 0
    assert draw(world, NAMES[0], at="乙医院") == 1
    world.put(answer(NAMES[1], "CT", PLACE))
    settle(world, world.person("reviewer"), NAMES[1])
    assert draw(world, NAMES[1]) == 0
    world.check()


def test_who_differs_from_what_was_accepted_is_asked_for_by_a_second_person(world: World) -> None:
    """His slip alone stops nothing. Where one person reviews, he is believed."""
    world.rules = Rules(valid, 1e-9)
    draw(world, *NAMES[:2])
    li, wang = world.person("reviewer"), world.person("reviewer")
    assert settle(world, li, NAMES[0]).status == "settled"
    assert settle(world, li, NAMES[1], [CHEST]).status == "second_look"
    assert outcomes(world) == [False]
    assert settle(world, wang, NAMES[1], [CHEST]).status == "settled"
    assert outcomes(world) == [False, True]
    with world.store.reading() as session:
        cluster = world.cluster(NAMES[1]).id or 0
        assert contradicts(session, cluster, "settle", [CHEST])
        assert not contradicts(session, cluster, "settle", answer(NAMES[1], "CT").codes)
        assert not contradicts(session, cluster, "flag", [])
    world.check()


def test_what_is_settled_in_bulk_was_not_looked_at(world: World) -> None:
    draw(world, *NAMES[:3])
    lead = world.person("lead")
    with world.store.writing() as session:
        shown = preview(session, lead, BulkScope(), "settle", "key", world.at())
    with world.store.writing() as session:
        apply(session, world.rules, lead, shown.batch, world.at())
    assert {cluster.status for cluster in world.clusters()} == {"settled"}
    assert outcomes(world) == []


def break_it(world: World, who: int, at: str = PLACE) -> None:
    """Wrong answers until acceptance stops."""
    draw(world, *NAMES, at=at)
    for name in NAMES:
        right = answer(name, "CT").codes
        settle(world, who, name, [CONTRAST if right == (CHEST,) else CHEST], at)


def test_acceptance_stops_where_too_much_is_wrong_and_is_lifted_with_a_reason(world: World) -> None:
    li = world.person("reviewer")
    draw(world, NAMES[0], at="乙医院")
    settle(world, li, NAMES[0], at="乙医院")
    break_it(world, li)
    with world.store.reading() as session:
        (stop,) = stops(session)
        assert (stop.modality, stop.evidence["wrong"]) == ("CT", stop.evidence["draws"])
        assert stop.evidence["evidence"] >= stop.evidence["limit"]
        assert stopped_scopes(session) == [Scope("CT", institution_key(PLACE))]
        memory = load(session, [], [], decisions=False)
        trail = session.scalars(select(Trail).where(col(Trail.subject) == "audit")).all()
        assert [(each.action, each.subject_id) for each in trail] == [("stop", stop.id)]
    catalogue = pipeline().catalogue
    assert memory.stops(catalogue, PLACE, [CHEST])
    assert memory.stops(catalogue, PLACE, [CHEST, "30010100110000"])
    assert not memory.stops(catalogue, PLACE, ["30010100110000"])
    assert not memory.stops(catalogue, "乙医院", [CHEST])
    lead = world.person("lead")
    for who, why, told in ((li, "好了", "lead"), (lead, " ", "why")):
        with pytest.raises(InputError, match=told), world.store.writing() as session:
            lift(session, stop.id or 0, who, why, world.at())
    with world.store.writing() as session:
        lift(session, stop.id or 0, lead, "词典已改", world.at())
    with pytest.raises(InputError, match="no stop"), world.store.writing() as session:
        lift(session, stop.id or 0, lead, "again", world.at())
    with world.store.reading() as session:
        assert stopped_scopes(session) == []
        kept = stops(session, standing=False)
        assert [(each.lifted_by_id, each.why) for each in kept] == [(lead, "词典已改")]
        assert summary(session, world.at())["suspects"] == []  # what was wrong before is of no weight any more
    world.check()


def test_one_wrong_answer_does_not_stop_but_is_told(world: World) -> None:
    li = world.person("reviewer")
    draw(world, *NAMES)
    settle(world, li, NAMES[0], [CONTRAST])
    for name in NAMES[1:]:
        settle(world, li, name)
    with world.store.reading() as session:
        assert stops(session) == []
        found = summary(session, world.at())
    assert (found["all"]["draws"], found["all"]["wrong"], found["all"]["holds"]) == (7, 1, False)
    assert found["modalities"][0]["modality"] == "CT"
    assert {(each["modality"], each["institution"]) for each in found["suspects"]} == {
        ("CT", PLACE),
        ("CT", None),
        ("", PLACE),
    }
    assert found["names"] == pytest.approx(6 / 7)


def test_draws_above_the_rate_of_all_are_no_part_of_the_bound_of_all(world: World) -> None:
    li = world.person("reviewer")
    draw(world, NAMES[0])
    draw(world, NAMES[1], core=False)
    for name in NAMES[:2]:
        settle(world, li, name)
    with world.store.reading() as session:
        found = summary(session, world.at())
        assert (found["all"]["draws"], found["modalities"][0]["draws"]) == (1, 2)
        later = summary(session, START + timedelta(days=8))
        assert (later["all"]["draws"], later["waiting"]) == (0, 0)


def test_flow_gives_the_rates_and_tells_what_is_in_doubt(world: World) -> None:
    plan = load_plan()
    flow = {(PLACE, "CT"): (40, 90_000), ("乙医院", "CT+MR"): (9, 10_000)}
    for _ in range(2):  # a job that is run again counts once
        with world.store.writing() as session:
            job = open_job(session, "job", world.at())
            rates = record_flow(session, job.id or 0, flow, world.at(), plan)
    assert rates.base * 100_000 == pytest.approx(plan.draws(100_000))
    assert rates.of(("MR",), "") * 10_000 == pytest.approx(max(plan.draw.least, rates.base * 10_000))
    with world.store.writing() as session:
        assert audit_key(session) == audit_key(session) != ""
    break_it(world, world.person("reviewer"))
    with world.store.reading() as session:
        (stop,) = summary(session, world.at())["stops"]
    assert (stop["institution"], stop["modality"], stop["names"], stop["exams"]) == (PLACE, "CT", 40, 90_000)
    with world.store.writing() as session:
        later = open_job(session, "later", world.at())
        watched = record_flow(session, later.id or 0, {(PLACE, "CT"): (1, 10)}, world.at(), plan).watched
    assert watched == frozenset()  # it is stopped: nothing there is accepted, or drawn
