"""Memory: who decided this name in this context; only what stands; nothing where those who decided do not agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.answer import Query
from agent.store import Remembered, recall
from agent.store.keys import institution_key, reading_key
from agent.store.memory import Place, recall_readings
from tests.store.world import ANKLE, ANKLE_NOISY, CHEST, CONTRAST, HEAD, SURE, World, answer, sure


def said(world: World, *queries: Query) -> list[Remembered | None]:
    with world.store.reading() as session:
        return recall(session, queries)


def codes(found: Sequence[Remembered | None]) -> list[tuple[str, ...] | None]:
    return [None if each is None else each.codes for each in found]


def test_a_decision_answers_with_who_and_when(world: World) -> None:
    world.put(ANKLE, at="甲医院", modality="CT")
    li = world.person("reviewer", "李")
    at = world.at()
    done = world.decide(li, world.cluster(), codes=[CHEST])
    (found,) = said(world, Query(ANKLE, "CT", "甲医院"))
    assert found is not None
    assert (found.decision_id, found.action, found.codes, found.by) == (done.decision_id, "settle", (CHEST,), "李")
    assert found.at > at
    assert not found.group_wide


def test_identical_is_not_the_same(world: World) -> None:
    world.put(ANKLE, at="甲医院", modality="CT")
    world.decide(world.person("reviewer"), world.cluster())
    found = said(
        world,
        Query("踝 关节三维重建术", "ct检查", " 甲医院"),  # other spelling of all three
        Query(ANKLE, "MR", "甲医院"),
        Query(ANKLE, "", "甲医院"),
        Query(ANKLE, "CT", "乙医院"),
        Query(ANKLE, "CT", ""),
        Query(SURE, "CT", "甲医院"),
    )
    assert codes(found) == [(CHEST,), None, None, None, None, None]


def test_institution_first_else_the_group(world: World) -> None:
    lead = world.person("lead")
    world.put(ANKLE, at="")
    world.put(ANKLE, at="甲医院")
    world.decide(lead, world.cluster(institution=""), codes=[CHEST])
    world.decide(lead, world.cluster(institution="甲医院"), codes=[HEAD])
    names = Query(ANKLE, "", "甲医院"), Query(ANKLE, "", "乙医院"), Query(ANKLE)
    assert codes(said(world, *names)) == [(HEAD,), None, (CHEST,)]  # no institution is not all of them
    world.decide(lead, world.cluster(institution=""), "widen")
    found = said(world, *names)
    assert codes(found) == [(HEAD,), (CHEST,), (CHEST,)]
    assert [each.group_wide for each in found if each] == [False, True, True]


def test_where_the_group_does_not_agree_memory_is_silent(world: World) -> None:
    lead = world.person("lead")
    places = (("甲医院", CHEST), ("乙医院", HEAD))
    for place, _ in places:
        world.put(ANKLE, at=place)
    for place, code in places:
        world.decide(lead, world.cluster(institution=place), codes=[code])
    for place, _ in places:
        assert world.decide(lead, world.cluster(institution=place), "widen").result == "ok"
    assert codes(said(world, Query(ANKLE, "", "丙医院"))) == [None]
    world.put(ANKLE, at="丙医院")
    assert world.cluster(institution="丙医院").status == "open"
    world.check()


def test_only_what_stands_answers(world: World) -> None:
    world.put(ANKLE)
    li, here = world.person("reviewer"), Query(ANKLE)
    done = world.decide(li, world.cluster(), "reject")
    assert [each and each.action for each in said(world, here)] == ["reject"]
    world.decide(world.person("clerk"), world.cluster(), "flag")
    assert said(world, here) == [None]
    world.decide(world.person("reviewer"), world.cluster(), "not_in_standard")
    assert [each and each.action for each in said(world, here)] == ["not_in_standard"]
    world.undo(world.person("lead"), world.cluster().decision_id)
    assert said(world, here) == [None]  # still in question
    assert done.decision_id is not None


def test_a_second_look_is_not_memory_yet(world: World) -> None:
    world = World(world.store, share=1.0)
    world.put(ANKLE)
    world.decide(world.person("reviewer"), world.cluster())
    assert said(world, Query(ANKLE)) == [None]
    world.decide(world.person("reviewer"), world.cluster())
    assert codes(said(world, Query(ANKLE))) == [(CHEST,)]


def test_a_spelling_that_nobody_saw_is_found_by_its_reading(world: World) -> None:
    world.put(ANKLE, at="甲医院")
    world.decide(world.person("reviewer"), world.cluster())
    key = reading_key(answer(ANKLE_NOISY))
    assert said(world, Query(ANKLE_NOISY, "", "甲医院")) == [None]
    with world.store.reading() as session:
        places = [Place(key, institution_key(place)) for place in ("甲医院", "乙医院")]
        assert codes(recall_readings(session, places)) == [(CHEST,), None]
    world.put(ANKLE_NOISY, at="甲医院")  # joins the cluster, which is settled
    assert codes(said(world, Query(ANKLE_NOISY, "", "甲医院"))) == [(CHEST,)]
    world.check()


def test_a_fresh_sure_reading_that_disagrees_goes_back_to_review(world: World) -> None:
    world.put(ANKLE)
    li = world.person("reviewer")
    world.decide(li, world.cluster(), codes=[CHEST])
    assert world.put(sure(ANKLE, [CHEST]), job="agrees").contested == 0
    assert world.put(sure(ANKLE, [HEAD], version="3"), job="differs").contested == 1
    now = world.cluster()
    assert now.status == "flagged"
    assert world.trail()[-1] == ("cluster", "contest", None, "settled", "flagged")
    assert world.decide(li, now, codes=[CHEST]).refusal == "own"
    world.decide(world.person("reviewer"), now, codes=[CHEST])
    # the answer was on the screen when it was decided against: it contests no more, in whatever version it comes
    assert world.put(sure(ANKLE, [HEAD], version="4"), job="again").contested == 0
    assert world.put(sure(ANKLE, [CONTRAST], version="4"), job="third").contested == 1
    world.check()


def test_the_answer_that_was_decided_against_contests_nothing(world: World) -> None:
    world.put(SURE)
    world.decide(world.person("reviewer"), world.cluster(SURE), codes=[HEAD])
    assert world.put(SURE, job="again").contested == 0
    assert world.put(sure(SURE, answer(SURE).codes), job="other version").contested == 0
    assert world.cluster(SURE).status == "settled"


def test_an_unsure_reading_contests_nothing(world: World) -> None:
    world.put(ANKLE)
    world.decide(world.person("reviewer"), world.cluster(), codes=[CHEST])
    unsure = replace(sure(ANKLE, [HEAD]), route="review", reason="missing_side")
    assert world.put(unsure, job="next").contested == 0
    assert world.cluster().status == "settled"


def test_many_names_are_asked_in_one_call(world: World) -> None:
    world.put(ANKLE)
    world.decide(world.person("reviewer"), world.cluster())
    found = said(world, *(Query(f"名称{number}") for number in range(1200)), Query(ANKLE))
    assert codes(found) == [None] * 1200 + [(CHEST,)]
