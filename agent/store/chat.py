"""Conversations in the database: begun, read, deleted, each by the person whose it is, and by nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from sqlmodel import col

from agent.store.schema_chat import Conversation, Message

TITLE = 60  # characters
PURGED = 200  # conversations that are cleared away at once


def begin_conversation(session: Session, user_id: int, title: str, at: datetime) -> Conversation:
    """A new conversation of a person."""
    shown = " ".join(title.split())
    shown = shown if len(shown) <= TITLE else f"{shown[: TITLE - 1]}…"
    found = Conversation(user_id=user_id, title=shown, created_at=at, changed_at=at)
    session.add(found)
    session.flush()
    return found


def conversation_of(session: Session, user_id: int, conversation_id: int) -> Conversation | None:
    """A conversation, if it is this person's."""
    found = session.get(Conversation, conversation_id)
    return found if found is not None and found.user_id == user_id else None


def conversations(session: Session, user_id: int, count: int = 50) -> Sequence[Conversation]:
    """A person's conversations, the newest first."""
    newest = (col(Conversation.changed_at).desc(), col(Conversation.id).desc())
    return session.scalars(
        select(Conversation).where(col(Conversation.user_id) == user_id).order_by(*newest).limit(count)
    ).all()


def messages(session: Session, conversation_id: int, count: int = 400) -> Sequence[Message]:
    """What was said, oldest first; of a very long conversation, what was said last."""
    statement = select(Message).where(col(Message.conversation_id) == conversation_id)
    found = session.scalars(statement.order_by(col(Message.id).desc()).limit(count)).all()
    return list(reversed(found))


def message_of(session: Session, user_id: int, message_id: int) -> Message | None:
    """A message, if it is of a conversation of this person."""
    found = session.get(Message, message_id)
    if found is None or conversation_of(session, user_id, found.conversation_id) is None:
        return None
    return found


def last_answer(session: Session, conversation_id: int) -> Message | None:
    """What Yingma answered last."""
    statement = select(Message).where(
        col(Message.conversation_id) == conversation_id, col(Message.role) == "assistant", col(Message.whole)
    )
    return session.scalars(statement.order_by(col(Message.id).desc()).limit(1)).one_or_none()


def add_message(
    session: Session, conversation: Conversation, role: str, text: str, at: datetime, whole: bool = True
) -> Message:
    """A message at the end."""
    assert conversation.id is not None
    found = Message(
        conversation_id=conversation.id, role=role, text=text, cards=[], options=[], state={}, whole=whole, at=at
    )
    session.add(found)
    conversation.changed_at = at
    session.flush()
    return found


def fill_message(
    session: Session,
    message_id: int,
    text: str,
    cards: list[Any],
    options: list[Any],
    state: dict[str, Any],
    whole: bool,
) -> None:
    """Write an answer into its place; nothing where the conversation was deleted meanwhile."""
    found = session.get(Message, message_id)
    if found is not None:
        found.text, found.cards, found.options, found.state, found.whole = text, cards, options, state, whole


def delete_conversation(session: Session, user_id: int, conversation_id: int) -> bool:
    """Delete a conversation with all that was said, if it is this person's. Whether it was."""
    if conversation_of(session, user_id, conversation_id) is None:
        return False
    _delete(session, [conversation_id])
    return True


def purge_conversations(session: Session, at: datetime, days: int) -> int:
    """Delete what nobody said anything in for so many days; 0 days keeps everything. How many went."""
    if not days:
        return 0
    old = select(col(Conversation.id)).where(col(Conversation.changed_at) < at - timedelta(days=days)).limit(PURGED)
    found = [number for number in session.scalars(old) if number is not None]
    _delete(session, found)
    return len(found)


def _delete(session: Session, conversation_ids: list[int]) -> None:
    if conversation_ids:
        session.execute(delete(Message).where(col(Message.conversation_id).in_(conversation_ids)))
        session.execute(delete(Conversation).where(col(Conversation.id).in_(conversation_ids)))
