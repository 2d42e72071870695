"""Draws of the audit among the cards: they come in time, and nothing tells them from others."""

from __future__ import annotations

import json

import pytest

from agent.audit import load_plan
from agent.audit.place import CONFIRM, to_review
from agent.review import work as working
from agent.review.agreement import pairs
from agent.review.view import Desk, Viewer
from agent.review.work import Wish, Work
from agent.store import Entry, Filter, Order, Rules, open_job, put
from agent.store.audit import Draw, keep_draws
from agent.store.keys import institution_key, text_key
from tests.store.world import CHEST, World, answer, distinct, pipeline, valid

DRAWN = "胸部CT平扫"
MANY = 30  # others in the queue, with more exams


@pytest.fixture
def certain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every card that is asked for may be a draw."""
    plan = load_plan()
    always = plan.model_copy(update={"draw": plan.draw.model_copy(update={"hand_out": 1.0})})
    monkeypatch.setattr(working, "load_plan", lambda: always)


def fill(world: World) -> None:
    """A long queue, and one draw at its end."""
    world.put(*distinct(MANY), exams=1000)
    fresh = answer(DRAWN)

    def operation(session: object) -> None:
        at = world.at()
        job = open_job(session, "job", at)  # type: ignore[arg-type]
        put(session, job.id or 0, [Entry(to_review(fresh, CONFIRM), 1)], at)  # type: ignore[arg-type]
        draw = Draw(text_key(DRAWN, ""), institution_key(""), ("CT",), fresh.codes, 1, 0.5, True)
        assert keep_draws(session, job.id or 0, [draw], at) == 1  # type: ignore[arg-type]

    world.store.write(operation)


def test_a_draw_comes_before_its_turn(world: World, certain: None) -> None:
    fill(world)
    who = Viewer(world.person("reviewer"), "reviewer")
    work = Work(world.store, Desk(pipeline()), world.rules)
    cards = work.next(who, Wish("tab", 3), world.at())
    mine = [card for card in cards if card["names"][0]["raw"] == DRAWN]
    assert (len(cards), len(mine)) == (4, 1)
    later = work.next(Viewer(world.person("reviewer"), "reviewer"), Wish("other", 3), world.at())
    assert [card for card in later if card["names"][0]["raw"] == DRAWN] == []  # it is on somebody's screen
    elsewhere = work.next(
        Viewer(world.person("reviewer"), "reviewer"), Wish("third", 3, wanted=Filter(reason="missing_side")), world.at()
    )
    assert {card["reason"]["id"] for card in elsewhere} == {"missing_side"}


def test_the_card_does_not_say_that_the_name_was_accepted(world: World, certain: None) -> None:
    fill(world)
    who = Viewer(world.person("reviewer"), "reviewer")
    cards = Work(world.store, Desk(pipeline()), world.rules).next(who, Wish("tab", 3), world.at())
    card = next(card for card in cards if card["names"][0]["raw"] == DRAWN)
    other = next(card for card in cards if card["names"][0]["raw"] != DRAWN)
    assert card.keys() == other.keys()
    assert (card["status"], card["reason"]["id"], card["reason"]["text"]) == ("open", CONFIRM, "请由人确认")
    assert card["codes"] == [CHEST]
    assert 0.1 < card["score"] < 0.9
    text = json.dumps(card, ensure_ascii=False)
    assert "accepted" not in text
    assert "audit" not in text


def test_second_looks_that_a_draw_asked_for_are_no_pairs_of_agreement(world: World) -> None:
    world.rules = Rules(valid, 1e-9)
    fill(world)
    for _ in range(2):
        who = world.person("reviewer")
        cluster = world.cluster(DRAWN)
        order = Order(cluster.id or 0, cluster.revision, "reject", world.key())
        assert Work(world.store, Desk(pipeline()), world.rules).decide(
            Viewer(who, "reviewer"), order, "", world.at()
        ).result == ("ok")
    assert world.cluster(DRAWN).status == "rejected"
    with world.store.reading() as session:
        assert pairs(session) == []
