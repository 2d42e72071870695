"""Undo: one decision alone, now or later; a bulk action; retracting what memory passed on; anything in any order."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agent.answer import Query
from agent.store import Entry, Store, card, influence, open_job, put, recall, undo, undo_batch
from agent.store.audit import Draw, keep_draws
from agent.store.keys import institution_key, text_key
from agent.store.schema_acts import Decision
from tests.store.world import ANKLE, ANKLE_NOISY, CHEST, CONFLICT, CONTRAST, HEAD, SURE, World, answer, clean, sure


def test_one_decision_is_undone_later_and_alone(world: World) -> None:
    world.put(ANKLE, CONFLICT)
    li = world.person("reviewer", "李")
    first = world.decide(li, world.cluster())
    other = world.decide(li, world.cluster(CONFLICT), "reject")
    shown = world.cluster().suggestion_id
    done = world.undo(li, first.decision_id)
    assert (done.result, done.status) == ("ok", "open")
    assert world.cluster(CONFLICT).decision_id == other.decision_id
    with world.store.reading() as session:
        found = card(session, li, world.cluster().id or 0)
        assert found is not None
        assert found.suggestion is not None
        assert found.suggestion.id == shown
        assert found.suggestion.content["evidence"]
        assert [each.action for each in found.decisions] == ["settle", "undo"]
    assert world.decide(li, world.cluster(), codes=[HEAD]).status == "settled"
    world.check()


def test_an_undo_is_sent_twice_or_made_by_two(world: World) -> None:
    world.put(ANKLE)
    li, lead = world.person("reviewer", "李"), world.person("lead", "赵")
    done = world.decide(li, world.cluster())
    assert world.undo(li, done.decision_id, "k").result == "ok"
    assert world.undo(li, done.decision_id, "k").result == "again"
    late = world.undo(lead, done.decision_id)
    assert late.result == "conflict"
    assert late.told is not None
    assert (late.told.by, late.told.action) == ("李", "undo")
    assert world.undo(li, (done.decision_id or 0) + 1).refusal == "not_undoable"
    assert world.undo(li, 999).refusal == "no_decision"
    world.check()


def test_who_may_take_back_whose(world: World) -> None:
    world.put(ANKLE)
    li, wang, lead = world.person("reviewer"), world.person("reviewer"), world.person("lead")
    done = world.decide(li, world.cluster())
    assert world.undo(wang, done.decision_id).refusal == "not_allowed"
    assert world.undo(lead, done.decision_id, why=" ").refusal == "no_comment"
    assert world.undo(lead, done.decision_id, why="左右弄反").status == "open"
    assert [row[1:3] for row in world.trail()] == [("settle", li), ("retract", lead)]


@pytest.mark.parametrize(
    ("undone", "status", "standing"),
    [
        (0, "settled", 1),  # the second look is now the only look; the adjudicator's has no place any more
        (1, "adjudication", None),  # the third says otherwise than the first
        (2, "adjudication", None),
    ],
)
def test_one_of_three_is_undone_and_the_others_count_as_without_it(
    world: World, undone: int, status: str, standing: int | None
) -> None:
    """One says chest, the second look says head, and the adjudicator something else."""
    world = World(world.store, share=1.0)
    world.put(ANKLE)
    answers = ([CHEST], [HEAD], [CONTRAST])
    ids = [world.decide(world.person("lead"), world.cluster(), codes=codes).decision_id for codes in answers]
    assert world.undo(world.person("lead"), ids[undone]).status == status
    assert world.cluster().decision_id == (None if standing is None else ids[standing])
    world.check()


def test_a_bulk_action_is_undone_as_one(world: World) -> None:
    world.put(ANKLE, CONFLICT, "肘关节三维重建术")
    li = world.person("reviewer")
    for name in (ANKLE, CONFLICT):
        world.decide(li, world.cluster(name), batch="b")
    alone = world.decide(li, world.cluster("肘关节三维重建术"))

    def operation(session: Any) -> list[str]:
        return [each.result for each in undo_batch(session, li, "b", "key", world.at())]

    assert world.store.write(operation) == ["ok", "ok"]
    assert world.store.write(operation) == []
    assert world.cluster(CONFLICT).status == world.cluster().status == "open"
    assert world.cluster("肘关节三维重建术").decision_id == alone.decision_id
    world.check()


def test_retracting_lists_and_requeues_what_was_influenced(world: World) -> None:
    world.put(ANKLE, exams=5, job="january", at="甲医院")
    lead = world.person("lead")
    done = world.decide(lead, world.cluster())
    widened = world.decide(lead, world.cluster(), "widen")
    world.put(ANKLE, exams=7, job="february", at="乙医院")
    world.put(ANKLE_NOISY, exams=2, job="february", at="甲医院")
    borrowed = world.cluster(institution="乙医院")
    assert (borrowed.status, borrowed.borrowed_id) == ("settled", done.decision_id)
    with world.store.reading() as session:
        found = influence(session, done.decision_id or 0)
        elsewhere = influence(session, widened.decision_id or 0)
    assert [(each.names, each.exams, each.borrowed) for each in found.clusters] == [(2, 7, False), (1, 7, True)]
    assert [tuple(each) for each in found.jobs] == [("february", 2, 9)]
    assert [(each.id, each.borrowed) for each in elsewhere.clusters] == [(borrowed.id, True)]
    assert [tuple(each) for each in elsewhere.jobs] == [("february", 1, 7)]
    outcome = world.undo(world.person("lead"), done.decision_id)
    assert outcome.requeued == (borrowed.id,)
    assert {cluster.status for cluster in world.clusters()} == {"open"}
    with world.store.reading() as session:
        assert recall(session, [Query(ANKLE, "", "甲医院"), Query(ANKLE, "", "乙医院")]) == [None, None]
    world.check()


def test_what_was_borrowed_stays_while_the_decision_is_only_in_question(world: World) -> None:
    world.put(ANKLE, at="甲医院")
    lead = world.person("lead")
    world.decide(lead, world.cluster())
    world.decide(lead, world.cluster(), "widen")
    world.put(ANKLE, at="乙医院")
    there = world.cluster(institution="甲医院")
    world.decide(world.person("clerk"), there, "flag")
    assert world.cluster(institution="乙医院").status == "settled"
    confirmed = world.decide(world.person("reviewer"), world.cluster(institution="甲医院"), codes=[CHEST])
    assert confirmed.requeued == ()
    world.decide(world.person("clerk"), world.cluster(institution="甲医院"), "flag")
    changed = world.decide(world.person("reviewer"), world.cluster(institution="甲医院"), codes=[HEAD])
    assert changed.requeued == (world.cluster(institution="乙医院").id,)
    assert world.cluster(institution="乙医院").status == "open"
    world.check()


def test_a_widened_decision_settles_what_waits_elsewhere_and_its_undo_puts_it_back(world: World) -> None:
    for place in ("甲医院", "乙医院", "丙医院", "丁医院"):
        world.put(ANKLE, at=place, exams=3)
    world.put(ANKLE_NOISY, at="戊医院")  # by its reading
    world.put(ANKLE, at="乙医院", modality="CT")  # another name
    world.put(sure(ANKLE_NOISY, [HEAD], institution="丁医院"), job="sure")  # says otherwise: a person looks
    lead, clerk = world.person("lead"), world.person("clerk")
    done = world.decide(lead, world.cluster(institution="甲医院"))
    world.decide(clerk, world.cluster(institution="丙医院"), "flag")
    assert world.next(world.person("reviewer"), "other tab", 9)  # on a screen: its decision will be a conflict
    shown = world.clusters()[1]
    widened = world.decide(lead, world.cluster(institution="甲医院"), "widen")
    settled = [each for each in world.clusters() if each.borrowed_id == done.decision_id]
    assert [each.id for each in settled] == list(widened.answered)
    assert [(each.status, each.decision_id, each.modality) for each in settled] == [
        ("settled", done.decision_id, "")
    ] * 2
    assert [each.status for each in world.clusters()] == ["settled", "settled", "flagged", "open", "settled", "open"]
    assert world.decide(clerk, shown, "flag").result == "conflict"
    world.check()
    back = world.undo(lead, widened.decision_id)
    assert back.requeued == widened.answered
    assert [each.status for each in world.clusters()] == ["settled", "open", "flagged", "open", "open", "open"]
    world.check()
    again = world.decide(lead, world.cluster(institution="甲医院"), "widen")
    assert again.answered == widened.answered
    assert world.undo(lead, done.decision_id).requeued == widened.answered
    world.check()


@pytest.mark.parametrize("name", [ANKLE, SURE])
def test_what_another_widening_still_answers_is_answered_by_that_one(world: World, name: str) -> None:
    lead = world.person("lead")
    made, widened = {}, {}
    for place in ("甲医院", "乙医院", "丁医院"):
        world.put(name, at=place)
    for place, code in (("甲医院", CHEST), ("乙医院", CHEST), ("丁医院", HEAD)):
        made[place] = world.decide(lead, world.cluster(name, place), codes=[code]).decision_id
    for place in ("甲医院", "乙医院"):
        widened[place] = world.decide(lead, world.cluster(name, place), "widen").decision_id
    world.put(name, at="丙医院", exams=3)
    first = world.cluster(name, "丙医院")
    assert (first.status, first.borrowed_id) == ("settled", made["甲医院"])

    assert world.undo(lead, widened["甲医院"]).requeued == ()
    other = world.cluster(name, "丙医院")
    assert (other.status, other.borrowed_id, other.base) == ("settled", made["乙医院"], first.base)
    assert other.revision > first.revision
    world.check()

    wide = world.decide(lead, world.cluster(name, "丁医院"), "widen")  # says otherwise: memory answers nothing new
    assert world.cluster(name, "丙医院").borrowed_id == made["乙医院"]
    done = world.undo(world.person("lead"), made["乙医院"])
    if name == ANKLE:
        assert done.requeued == ()
        assert world.cluster(name, "丙医院").borrowed_id == made["丁医院"]
        assert world.undo(lead, wide.decision_id).requeued == (other.id,)
    else:
        assert done.requeued == (other.id,)  # its sure reading says otherwise than that one
    assert (world.cluster(name, "丙医院").status, world.cluster(name, "丙医院").base) == ("open", "open")
    world.check()


@pytest.mark.parametrize("code", [CHEST, HEAD])
@pytest.mark.parametrize("other", [False, True])
def test_what_borrowers_decided_themselves_since_is_heard_before_the_others_borrow(
    world: World, code: str, other: bool
) -> None:
    lead = world.person("lead")
    world.put(ANKLE, at="甲医院")
    if other:  # another one has it group-wide before
        world.put(ANKLE, at="乙医院")
        world.decide(lead, world.cluster(institution="乙医院"))
    world.decide(lead, world.cluster(institution="甲医院"))
    widened = world.decide(lead, world.cluster(institution="甲医院"), "widen")
    world.put(ANKLE, at="戊医院")
    world.put(ANKLE, at="丙医院")
    if other:
        world.decide(lead, world.cluster(institution="乙医院"), "widen")
    world.decide(world.person("clerk"), world.cluster(institution="丙医院"), "flag")
    own = world.decide(lead, world.cluster(institution="丙医院"), codes=[code])
    world.decide(lead, world.cluster(institution="丙医院"), "widen")
    before = world.cluster(institution="丙医院")
    assert (before.status, before.decision_id, before.group_wide) == ("settled", own.decision_id, True)

    done = world.undo(lead, widened.decision_id)
    after, waits = world.cluster(institution="丙医院"), world.cluster(institution="戊医院")
    assert (after.decision_id, after.group_wide, after.revision) == (own.decision_id, True, before.revision)
    assert (after.base, after.borrowed_id) == ("open", None)
    if other and code == HEAD:
        assert (done.requeued, waits.status) == ((waits.id,), "open")
    else:
        assert (done.requeued, waits.status) == ((), "settled")
        with world.store.reading() as session:
            lender = session.get_one(Decision, waits.borrowed_id)
        assert lender.cluster_id == (world.cluster(institution="乙医院") if other else after).id
    world.check()


@pytest.mark.parametrize("first", ["甲医院", "乙医院"])
@pytest.mark.parametrize("code", [CHEST, HEAD])
def test_what_fell_is_not_borrowed_again_and_still_contradicts(world: World, first: str, code: str) -> None:
    """甲 says one thing, then another one, which is borrowed, then the first again, as 乙 does, or otherwise."""
    lead = world.person("lead")
    for place in ("甲医院", "乙医院"):
        world.put(ANKLE, at=place)
    for place in (first, "乙医院" if first == "甲医院" else "甲医院"):
        world.decide(lead, world.cluster(institution=place), codes=[code if place == "乙医院" else CHEST])
    world.decide(lead, world.cluster(institution="甲医院"), "widen")
    clerk = world.person("clerk")
    flagged = world.decide(clerk, world.cluster(institution="甲医院"), "flag")
    changed = world.decide(world.person("reviewer"), world.cluster(institution="甲医院"), codes=[CONTRAST])
    world.decide(lead, world.cluster(institution="甲医院"), "widen")
    world.put(ANKLE, at="丙医院")
    assert world.cluster(institution="丙医院").borrowed_id == changed.decision_id
    world.decide(lead, world.cluster(institution="乙医院"), "widen")

    done = world.undo(lead, flagged.decision_id)
    answering, lent = world.cluster(institution="乙医院"), world.cluster(institution="丙医院")
    if code == CHEST:
        assert (done.requeued, lent.borrowed_id) == ((), answering.decision_id)
    else:
        assert (done.requeued, lent.status) == ((lent.id,), "open")
    assert world.cluster(institution="甲医院").group_wide
    world.check()


@pytest.mark.parametrize("order", ["甲乙", "乙甲"])
def test_two_that_are_taken_back_at_once_leave_nothing_borrowed(world: World, order: str) -> None:
    lead, widened = world.person("lead"), {}
    for place in "甲乙":
        world.put(ANKLE, at=place)
        world.decide(lead, world.cluster(institution=place))
    for place in "甲乙":
        widened[place] = world.decide(lead, world.cluster(institution=place), "widen").decision_id or 0
    world.put(ANKLE, at="丙")
    first, second = order
    later = threading.Thread(target=world.undo, args=(lead, widened[second]))
    with world.store.writing() as session:
        assert undo(session, lead, widened[first], world.key(), world.at(), "错了").result == "ok"
        later.start()
        later.join(0.5)
        assert later.is_alive()  # it waits for what this one may still need
    later.join(60)
    lent = world.cluster(institution="丙")
    assert (lent.status, lent.borrowed_id) == ("open", None)
    world.check()


@pytest.mark.parametrize("job_first", [False, True])
def test_what_is_taken_back_while_a_job_puts_a_name_in_is_not_borrowed(world: World, job_first: bool) -> None:
    lead = world.person("lead")
    world.put(ANKLE, at="甲")
    world.decide(lead, world.cluster())
    widened = world.decide(lead, world.cluster(), "widen").decision_id or 0

    def takes_back(session: Any) -> None:
        assert undo(session, lead, widened, "back", world.at(), "错了").result == "ok"

    def puts(session: Any) -> None:
        put(session, job.id or 0, [Entry(answer(ANKLE, "", "丙"))], world.at())

    with world.store.writing() as session:
        job = open_job(session, "other", world.at())
    now, then = (puts, takes_back) if job_first else (takes_back, puts)
    later = threading.Thread(target=world.store.write, args=(then,))
    with world.store.writing() as session:
        now(session)
        later.start()
        later.join(0.5)
        assert later.is_alive()
    later.join(60)
    lent = world.cluster(institution="丙")
    assert (lent.status, lent.borrowed_id) == ("open", None)
    world.check()


def test_what_anybody_decided_on_or_was_drawn_is_not_settled_by_widening(world: World) -> None:
    for place in ("甲医院", "乙医院", "丙医院"):
        world.put(ANKLE, at=place)
    lead = world.person("lead")
    own = world.decide(lead, world.cluster(institution="乙医院"), codes=[HEAD])
    world.undo(lead, own.decision_id)  # he took it back and will look again
    drawn = Draw(text_key(ANKLE, ""), institution_key("丙医院"), ("CT",), (CHEST,), 1, 0.1, True)
    with world.store.writing() as session:
        job = open_job(session, "job", world.at())
        keep_draws(session, job.id or 0, [drawn], world.at())
    world.decide(lead, world.cluster(institution="甲医院"))
    assert world.decide(lead, world.cluster(institution="甲医院"), "widen").answered == ()
    assert [each.status for each in world.clusters()] == ["settled", "open", "open"]
    world.check()


def test_the_decision_that_answered_in_a_job_is_kept_where_the_cluster_has_another_status(world: World) -> None:
    world.put(ANKLE, at="甲医院")
    lead = world.person("lead")
    done = world.decide(lead, world.cluster())
    world.put(ANKLE, at="乙医院", job="before")
    world.put_entries([Entry(answer(ANKLE, "", "乙医院"), 4, done.decision_id)], "answered")
    with world.store.reading() as session:
        found = influence(session, done.decision_id or 0)
    assert [tuple(each) for each in found.jobs] == [("answered", 1, 4)]
    assert world.cluster(institution="乙医院").status == "open"
    world.check()


NAMES = (ANKLE, ANKLE_NOISY, CONFLICT, SURE)
PLACES = ("甲医院", "乙医院", "")
ACTIONS = ("settle", "settle", "reject", "not_in_standard", "flag", "ask", "widen", "reopen")


class Anything(RuleBasedStateMachine):
    """People do anything in any order; what must hold always holds."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        clean(self.store)
        self.world = World(self.store, share=0.3)
        self.decisions = 0

    @initialize()
    def people(self) -> None:
        roles = ("clerk", "reviewer", "adjudicator", "lead", "lead")
        self.people_ids = [self.world.person(role) for role in roles]

    @rule(name=st.sampled_from(NAMES), place=st.sampled_from(PLACES), job=st.sampled_from("ab"), n=st.integers(1, 3))
    def put(self, name: str, place: str, job: str, n: int) -> None:
        self.world.put(name, at=place, job=job, exams=n)

    @rule(name=st.sampled_from(NAMES), place=st.sampled_from(PLACES), code=st.sampled_from([CHEST, HEAD]))
    def put_newer(self, name: str, place: str, code: str) -> None:
        self.world.put(sure(name, [code], institution=place, version=code), job="newer")

    @rule(data=st.data(), who=st.integers(0, 4), action=st.sampled_from(ACTIONS), code=st.sampled_from([CHEST, HEAD]))
    def decide(self, data: Any, who: int, action: str, code: str) -> None:
        clusters = self.world.clusters()
        if clusters:
            cluster = data.draw(st.sampled_from(clusters))
            outcome = self.world.decide(self.people_ids[who], cluster, action, [code] if action == "settle" else None)
            self.decisions = max(self.decisions, outcome.decision_id or 0)

    @rule(data=st.data(), who=st.integers(0, 4))
    def undo(self, data: Any, who: int) -> None:
        if self.decisions:
            self.world.undo(self.people_ids[who], data.draw(st.integers(1, self.decisions)))

    @invariant()
    def holds(self) -> None:
        self.world.check()


def test_anything_in_any_order(on_sqlite: Store) -> None:
    machine = type("Here", (Anything,), {"store": on_sqlite})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
