"""Conversations are kept, on both databases: one's own only; stopped answers; old buttons; retention."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from agent.chat.dialogue import Dialogue, Said
from agent.chat.events import Choices, Piece
from agent.chat.talk import Speaker, Talk
from agent.chat.tools import Tools
from agent.store import now
from agent.store.schema_chat import Conversation, Message
from standard.errors import InputError
from tests.store.world import ANKLE, World, pipeline


@pytest.fixture
def talk(world: World) -> Talk:
    """Conversations in a store."""
    return Talk(world.store, Dialogue(Tools(pipeline(), world.store)), 30)


def speaker(world: World, role: str = "clerk") -> Speaker:
    return Speaker(world.person(role), role, "zh")


def said(
    talk: Talk, who: Speaker, text: str, option: str = "", conversation: int | None = None
) -> tuple[int, str, dict[str, str]]:
    """Conversation, text and buttons of the answer."""
    turn = talk.say(who, Said(text, option), conversation)
    told, options = "", {}
    for event in turn.events():
        if isinstance(event, Piece):
            told += event.text
        elif isinstance(event, Choices):
            assert talk.open(who.user_id, turn.conversation_id)[-1].whole  # so that a button can be pressed at once
            options = {each.label: each.id for each in event.options}
    return turn.conversation_id, told, options


def test_a_conversation_goes_on_after_a_restart(talk: Talk, world: World) -> None:
    who = speaker(world)
    number, _, options = said(talk, who, ANKLE)
    again = Talk(world.store, talk.dialogue, 30)
    _, told, _ = said(again, who, "左", conversation=number)
    assert "20072501111100" in told
    kept = again.open(who.user_id, number)
    assert [(each.role, each.whole) for each in kept] == [("user", True), ("assistant", True)] * 2
    assert [each.text for each in kept if each.role == "user"] == [ANKLE, "左"]
    assert [each["label"] for each in kept[1].options][:3] == ["左侧", "右侧", "双侧"]
    assert [each.title for each in again.list(who.user_id)] == [ANKLE]
    _, told, _ = said(again, who, "", options["右侧"])  # a button under the older answer goes on from there
    assert "20072502111100" in told
    assert again.open(who.user_id, number)[-2].text == "右侧"


def test_a_conversation_is_its_persons_only(talk: Talk, world: World) -> None:
    who, other = speaker(world), speaker(world, "admin")
    number, _, options = said(talk, who, ANKLE)
    assert talk.list(other.user_id) == []
    message = talk.open(who.user_id, number)[1].id or 0
    for attempt in (
        lambda: talk.open(other.user_id, number),
        lambda: talk.delete(other.user_id, number),
        lambda: talk.message(other.user_id, message),
        lambda: said(talk, other, "左", conversation=number),
        lambda: said(talk, other, "", options["左侧"]),
        lambda: said(talk, who, "", "999999:1"),
        lambda: said(talk, who, "", "x:1"),
        lambda: said(talk, who, "", "9999999999999:1"),
    ):
        with pytest.raises(InputError, match="conversation"):
            attempt()
    talk.delete(who.user_id, number)
    assert talk.list(who.user_id) == []
    with world.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_a_stopped_answer_is_kept_as_far_as_it_came(talk: Talk, world: World) -> None:
    who = speaker(world)
    turn = talk.say(who, Said(ANKLE))
    events = turn.events()
    first = next(events)
    assert isinstance(first, Piece)
    events.close()
    kept = talk.open(who.user_id, turn.conversation_id)[-1]
    assert (kept.text, kept.whole, kept.options) == (first.text, False, [])
    _, told, _ = said(talk, who, "胸部CT平扫", conversation=turn.conversation_id)
    assert "20040100110000" in told


def test_an_answer_that_nobody_read_is_empty(talk: Talk, world: World) -> None:
    who = speaker(world)
    turn = talk.say(who, Said(ANKLE))
    kept = talk.open(who.user_id, turn.conversation_id)[-1]
    assert (kept.text, kept.whole) == ("", False)


def test_deleted_while_it_is_answered(talk: Talk, world: World) -> None:
    who = speaker(world)
    turn = talk.say(who, Said(ANKLE))
    talk.delete(who.user_id, turn.conversation_id)
    assert list(turn.events())
    assert talk.list(who.user_id) == []


def test_old_conversations_go(talk: Talk, world: World) -> None:
    who = speaker(world)
    old, _, _ = said(talk, who, ANKLE)
    kept, _, _ = said(talk, who, "胸部CT")
    with world.store.writing() as session:
        session.execute(
            update(Conversation).where(col(Conversation.id) == old).values(changed_at=now() - timedelta(days=31))
        )
    said(Talk(world.store, talk.dialogue, 0), who, "颅脑MR", conversation=kept)
    assert len(talk.list(who.user_id)) == 2
    said(talk, who, "颅脑MR", conversation=kept)
    assert [each.id for each in talk.list(who.user_id)] == [kept]


def test_hostile_text_is_kept(talk: Talk, world: World) -> None:
    who = speaker(world)
    text = "=cmd|' /C calc'!A0 <img src=x onerror=alert(1)> \u202e\x00\ud800 " + "长" * 300
    number, _, _ = said(talk, who, text)
    assert talk.open(who.user_id, number)[0].text.startswith("=cmd|' /C calc'!A0 <img")
    assert len(talk.list(who.user_id)[0].title) == 60


def test_a_state_of_another_version_begins_anew(talk: Talk, world: World) -> None:
    who = speaker(world)
    number, _, _ = said(talk, who, ANKLE)
    with world.store.writing() as session:
        session.execute(update(Message).values(state={"what": 1}))
    _, told, _ = said(talk, who, "胸部CT平扫", conversation=number)
    assert "20040100110000" in told
