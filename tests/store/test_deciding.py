"""Decisions: once, on what was seen, by whom may; told what came between; a second look is blind."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store import Order, card, decide
from agent.store.schema_acts import Decision, User
from tests.store.world import ALL, ANKLE, ANKLE_NOISY, CHEST, CONFLICT, CONTRAST, HEAD, SURE, World


def test_one_decision_settles_all_names_of_a_cluster(world: World) -> None:
    world.put(ANKLE, ANKLE_NOISY, exams=5)
    li = world.person("reviewer", "李")
    before = world.cluster()
    assert (before.names, before.exams, before.status, before.revision) == (2, 10, "open", 1)
    outcome = world.decide(li, before, codes=[CHEST, HEAD], why="两个检查")
    assert (outcome.result, outcome.status, outcome.revision) == ("ok", "settled", 2)
    with world.store.reading() as session:
        decision = session.scalars(select(Decision)).one()
        assert (decision.user_id, decision.role, decision.codes, decision.why) == (
            li,
            "reviewer",
            [CHEST, HEAD],
            "两个检查",
        )
        assert decision.suggestion_id == before.suggestion_id
        assert (decision.before["status"], decision.after["status"]) == ("open", "settled")
    assert world.trail() == [("cluster", "settle", li, "open", "settled")]
    world.check()


def test_the_same_order_sent_again_is_written_once(world: World) -> None:
    world.put(ANKLE)
    li, cluster = world.person("reviewer"), world.cluster()
    first = world.decide(li, cluster, key="k")
    again = world.decide(li, cluster, key="k")
    assert (first.result, again.result) == ("ok", "again")
    assert (again.decision_id, again.status) == (first.decision_id, "settled")
    assert world.decide(li, cluster, codes=[HEAD], key="k").refusal == "key_used"
    other = world.person("reviewer")  # a key is one's own
    assert world.decide(other, cluster, key="k").result == "conflict"
    assert len(world.trail()) == 1
    world.check()


def test_the_second_is_told_what_the_first_decided(world: World) -> None:
    world.put(ANKLE)
    li, wang, seen = world.person("reviewer", "李"), world.person("reviewer", "王"), world.cluster()
    world.decide(li, seen, codes=[CHEST])
    outcome = world.decide(wang, seen, codes=[HEAD])
    assert outcome.result == "conflict"
    assert outcome.told is not None
    assert (outcome.told.by, outcome.told.action, outcome.told.codes) == ("李", "settle", (CHEST,))
    assert outcome.sentence("zh") == f"李已先处理：定编码 {CHEST}；没有写入。"
    assert outcome.sentence("en") == f"李 was first: give the codes {CHEST}; nothing was written."
    assert world.cluster().decision_id == outcome.told.decision_id
    world.check()


def test_two_at_once_on_one_cluster(world: World) -> None:
    world.put(ANKLE)
    seen = world.cluster()
    people = [world.person("reviewer") for _ in range(4)]
    met = threading.Barrier(len(people), timeout=60)
    results: list[str] = []

    def work(user: int) -> None:
        met.wait()
        results.append(world.decide(user, seen).result)

    threads = [threading.Thread(target=work, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["conflict"] * 3 + ["ok"]
    world.check()


def test_one_order_sent_twice_at_once(world: World) -> None:
    world.put(ANKLE)
    li, seen, met = world.person("reviewer"), world.cluster(), threading.Barrier(3, timeout=60)
    results: list[str] = []

    def work() -> None:
        met.wait()
        results.append(world.decide(li, seen, key="k").result)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["again", "again", "ok"]
    with world.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


@pytest.mark.parametrize(
    ("action", "codes", "why", "refusal"),
    [
        ("settle", [], "", "no_codes"),
        ("settle", [CHEST, "20040199110000"], "", "unknown_code"),
        ("settle", ["=1+1"], "", "unknown_code"),
        ("reject", [CHEST], "", "extra_codes"),
        ("flag", [], " ", "no_comment"),
        ("undo", [], "", "not_allowed"),
        ("widen", [], "", "not_allowed"),
        ("contest", [], "", "not_allowed"),
        ("nonsense", [], "", "not_allowed"),
    ],
)
def test_what_does_not_hold_is_refused(world: World, action: str, codes: list[str], why: str, refusal: str) -> None:
    world.put(ANKLE)
    before = world.cluster()
    outcome = world.decide(world.person("lead"), before, action, codes, why=why)
    assert (outcome.result, outcome.refusal) == ("refused", refusal)
    assert outcome.sentence("zh") != outcome.sentence("en") != ""
    assert world.cluster() == before
    assert world.trail() == []


def test_the_role_is_that_of_the_database(world: World) -> None:
    world.put(ANKLE)
    li, gone = world.person("reviewer"), world.person("lead", active=False)
    with world.store.writing() as session:
        session.get_one(User, li).role = "viewer"
    assert world.decide(li, world.cluster()).refusal == "not_allowed"
    assert world.decide(gone, world.cluster()).refusal == "no_user"
    assert world.decide(12345, world.cluster()).refusal == "no_user"


def test_a_cluster_that_is_not_there(world: World) -> None:
    li = world.person("reviewer")
    outcome = world.store.write(
        lambda session: decide(session, world.rules, li, Order(99, 1, "reject", "k"), world.at())
    )
    assert outcome.result == "gone"
    assert outcome.sentence("en").startswith("These names were regrouped")


def test_a_second_look_is_blind_and_never_the_authors(world: World) -> None:
    world = World(world.store, share=1.0)
    world.put(ANKLE)
    li, wang, seen = world.person("reviewer", "李"), world.person("reviewer", "王"), world.cluster()
    assert world.decide(li, seen, codes=[CHEST]).status == "second_look"
    late = world.decide(wang, seen, codes=[HEAD])  # had it on screen: is told that, not what
    assert late.result == "conflict"
    assert late.told is not None
    assert (late.told.by, late.told.action, late.told.codes, late.told.hidden) == ("", "", (), True)
    assert "李" not in late.sentence("zh")
    assert CHEST not in late.sentence("en")
    now = world.cluster()
    with world.store.reading() as session:
        hidden, own = card(session, wang, now.id or 0), card(session, li, now.id or 0)
    assert hidden is not None
    assert own is not None
    assert (hidden.blind, hidden.decisions, own.blind, len(own.decisions)) == (True, (), False, 1)
    assert world.next(li, status="second_look") == []
    assert world.next(wang, status="second_look") == [now.id]
    assert world.decide(li, now, codes=[CHEST]).refusal == "own"
    assert world.decide(wang, now, codes=[CHEST]).status == "settled"
    with world.store.reading() as session:
        shown = card(session, wang, now.id or 0)
        assert shown is not None
        assert len(shown.decisions) == 2
    world.check()


def test_the_order_of_codes_is_no_disagreement(world: World) -> None:
    world = World(world.store, share=1.0)
    world.put(ANKLE)
    world.decide(world.person("reviewer"), world.cluster(), codes=[CHEST, HEAD])
    assert world.decide(world.person("reviewer"), world.cluster(), codes=[HEAD, CHEST]).status == "settled"


def test_who_differ_go_to_an_adjudicator_who_is_neither(world: World) -> None:
    world = World(world.store, share=1.0)
    world.put(ANKLE)
    li, wang = world.person("adjudicator"), world.person("adjudicator")
    world.decide(li, world.cluster(), codes=[CHEST])
    assert world.decide(wang, world.cluster(), "reject").status == "adjudication"
    assert world.decide(li, world.cluster(), codes=[CHEST]).refusal == "own"
    assert world.decide(world.person("reviewer"), world.cluster(), codes=[CHEST]).refusal == "not_allowed"
    zhao = world.person("adjudicator")
    assert world.next(li, status="adjudication") == world.next(wang, status="adjudication") == []
    assert world.next(zhao, status="adjudication") == [world.cluster().id]
    with world.store.reading() as session:
        shown = card(session, zhao, world.cluster().id or 0)
        assert shown is not None
        assert [each.action for each in shown.decisions] == ["settle", "reject"]
    assert world.decide(zhao, world.cluster(), codes=[CONTRAST]).status == "settled"
    world.check()


def test_a_flag_goes_to_another_person(world: World) -> None:
    world.put(SURE)
    clerk = world.person("clerk")
    assert world.decide(clerk, world.cluster(SURE), "flag", why="这不是胸部").status == "flagged"
    with world.store.writing() as session:
        session.get_one(User, clerk).role = "reviewer"
    assert world.decide(clerk, world.cluster(SURE)).refusal == "own"
    assert world.decide(world.person("reviewer"), world.cluster(SURE)).status == "settled"
    world.check()


def test_the_share_of_second_looks_is_drawn_the_same_each_time(world: World) -> None:
    world = World(world.store, share=0.5)
    names = [
        f"{part}三维重建术" for part in ("踝关节", "膝关节", "肘关节", "腕关节", "肩关节", "髋关节", "跟骨", "髌骨")
    ]
    names += [f"{part}CT三维成像" for part in ("踝关节", "膝关节", "肘关节", "腕关节", "肩关节", "髋关节")]
    world.put(*names, CONFLICT)
    li = world.person("reviewer")
    drawn = {}
    for cluster in world.clusters():
        done = world.decide(li, cluster)
        drawn[cluster.id] = done.status
        world.undo(li, done.decision_id)
        again = world.decide(li, next(each for each in world.clusters() if each.id == cluster.id))
        assert again.status == done.status
    assert set(drawn.values()) == {"settled", "second_look"}
    world.check()


def test_a_comment_of_any_kind_is_only_text(world: World) -> None:
    world.put(ANKLE)
    why = "=cmd|' /C calc'!A0\0<img onerror=x>\u202e'; DROP TABLE decision;--\ud800"
    assert world.decide(world.person("clerk"), world.cluster(), "flag", why=why).result == "ok"
    with world.store.reading() as session:
        kept = session.scalars(select(col(Decision.why))).one()
    assert kept == why.replace("\0", "␀").replace("\ud800", "\ufffd")


@pytest.mark.parametrize("key", ["", "k" * 500, "a\0b", "\ud800"])
def test_a_key_of_any_kind_is_only_a_key(world: World, key: str) -> None:
    world.put(ANKLE)
    li, seen = world.person("reviewer"), world.cluster()

    def send(session: Session) -> str:
        return decide(session, world.rules, li, Order(seen.id or 0, 1, "reject", key, batch=key), world.at()).result

    assert [world.store.write(send), world.store.write(send)] == ["ok", "again"]


def test_all_roles_are_tried_here() -> None:
    from agent.store.states import PERSONS

    assert ALL == PERSONS
