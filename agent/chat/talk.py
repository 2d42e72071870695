"""A person's conversations: what is said is kept, and each turn goes on from the answer it belongs to.

    said ──▶ kept ──▶ a place for the answer ──▶ events as they come ──▶ the answer, whole or stopped, in its place

An answer's buttons carry the number of the answer (`12:1`), so one under an older answer goes on from there.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy.orm import Session

from agent.chat.dialogue import LONGEST, Dialogue, Said, Who
from agent.chat.events import Card, Choices, End, Event, Piece
from agent.chat.values import State
from agent.store import (
    Store,
    add_message,
    begin_conversation,
    conversation_of,
    conversations,
    delete_conversation,
    fill_message,
    last_answer,
    message_of,
    messages,
    now,
    purge_conversations,
)
from agent.store.schema_chat import Conversation, Message
from standard.errors import InputError, Lang


class Speaker(NamedTuple):
    """Who speaks: account, role, language."""

    user_id: int
    role: str
    lang: Lang


class Turn:
    """A turn that has begun: its conversation, and the message that the answer will be."""

    def __init__(self, store: Store, dialogue: Dialogue, speaker: Speaker, begun: _Begun, said: Said) -> None:
        self._store, self._dialogue, self._speaker, self._said = store, dialogue, speaker, said
        self._state = begun.state
        self.conversation_id = begun.conversation_id
        self.message_id = begun.message_id

    def events(self) -> Generator[Event]:
        """The answer's events but the last. Kept at the end, also when the reader goes away in the middle; the buttons,
        which stand under it, come when it is kept, so that whoever presses one at once goes on from there."""
        text: list[str] = []
        cards: list[object] = []
        options: list[object] = []
        buttons: Choices | None = None
        state, whole = self._state, False
        who = Who(self._speaker.user_id, self._speaker.role, f"chat-{self.message_id}")
        try:
            for event in self._dialogue.turn(self._state, self._said, who, self._speaker.lang):
                if isinstance(event, Piece):
                    text.append(event.text)
                elif isinstance(event, Card):
                    cards.append(event.fact.model_dump(mode="json"))
                elif isinstance(event, Choices):
                    buttons = self._numbered(event)
                    options = [each.model_dump() for each in buttons.options]
                    continue
                elif isinstance(event, End):
                    state, whole = event.state, True
                    continue
                yield event
        finally:
            kept = state.model_dump(mode="json", exclude_defaults=True)
            self._store.write(
                lambda session: fill_message(session, self.message_id, "".join(text), cards, options, kept, whole)
            )
        if buttons is not None:
            yield buttons

    def _numbered(self, event: Choices) -> Choices:
        """The buttons with the number of the answer they stand under."""
        options = tuple(each.model_copy(update={"id": f"{self.message_id}:{each.id}"}) for each in event.options)
        return event.model_copy(update={"options": options})


class _Begun(NamedTuple):
    conversation_id: int
    message_id: int
    state: State
    said: Said


class Talk:
    """Of one server."""

    def __init__(self, store: Store, dialogue: Dialogue, days: int) -> None:
        self.store = store
        self.dialogue = dialogue
        self.days = days

    def say(self, speaker: Speaker, said: Said, conversation_id: int | None = None) -> Turn:
        """Keep what was said, in a conversation or a new one, and begin the answer.

        InputError where the conversation, or the answer that a button stands under, is not the person's.
        """
        at = now()
        begun = self.store.write(lambda session: self._begin(session, speaker, said, conversation_id, at))
        return Turn(self.store, self.dialogue, speaker, begun, begun.said)

    def _begin(
        self, session: Session, speaker: Speaker, said: Said, conversation_id: int | None, at: datetime
    ) -> _Begun:
        purge_conversations(session, at, self.days)
        under: Message | None = None
        option = ""
        if said.option:
            number, _, option = said.option.partition(":")
            if number.isascii() and number.isdecimal() and len(number) < 10:
                under = message_of(session, speaker.user_id, int(number))
            if under is None or (conversation_id is not None and under.conversation_id != conversation_id):
                raise _nothing()
            conversation_id = under.conversation_id
        text = said.text[: LONGEST + 1]
        if conversation_id is None:
            conversation = begin_conversation(session, speaker.user_id, text, at)
        else:
            found = conversation_of(session, speaker.user_id, conversation_id)
            if found is None:
                raise _nothing()
            conversation = found
        assert conversation.id is not None
        under = under or last_answer(session, conversation.id)
        state = _state_of(under)
        if option:
            buttons = (*(state.question.options if state.question else ()), *state.quick)
            text = next((each.label(speaker.lang) for each in buttons if each.id == option), text)
        add_message(session, conversation, "user", text, at)
        answer = add_message(session, conversation, "assistant", "", at, whole=False)
        assert answer.id is not None
        return _Begun(conversation.id, answer.id, state, said._replace(text=text, option=option))

    # -- history ---------------------------------------------------------------------------------------------------

    def list(self, user_id: int) -> Sequence[Conversation]:
        """A person's conversations, the newest first."""
        with self.store.reading() as session:
            return conversations(session, user_id)

    def open(self, user_id: int, conversation_id: int) -> Sequence[Message]:
        """What was said in a conversation. InputError where it is not the person's."""
        with self.store.reading() as session:
            if conversation_of(session, user_id, conversation_id) is None:
                raise _nothing()
            return messages(session, conversation_id)

    def message(self, user_id: int, message_id: int) -> Message:
        """One message. InputError where it is not of the person's."""
        with self.store.reading() as session:
            found = message_of(session, user_id, message_id)
        if found is None:
            raise _nothing()
        return found

    def delete(self, user_id: int, conversation_id: int) -> None:
        """Delete a conversation. InputError where it is not the person's."""
        if not self.store.write(lambda session: delete_conversation(session, user_id, conversation_id)):
            raise _nothing()


def _state_of(message: Message | None) -> State:
    """What a turn goes on from; the beginning where there is nothing, or it was kept by another version."""
    if message is None:
        return State()
    try:
        return State.model_validate(message.state)
    except ValidationError:
        return State()


def _nothing() -> InputError:
    return InputError(
        "没有这个对话，或者不是您的；请从列表中重新打开。",
        "There is no such conversation, or it is not yours; open it from the list again.",
    )
