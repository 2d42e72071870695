"""The tables of the dialogue: conversations of one person each, and what was said in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from agent.store.columns import Moment, Plain, Words
from agent.store.schema import Base


class Conversation(Base, table=True):
    """A conversation of one person with Yingma; nobody else sees it."""

    __tablename__ = "conversation"
    __table_args__ = (
        Index("ix_conversation_user_id", "user_id", "changed_at"),
        Index("ix_conversation_changed_at", "changed_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", description="Whose it is.")
    title: str = Field(sa_type=Words, description="The beginning of what was said first.")
    created_at: datetime = Field(sa_type=Moment, description="When it began.")
    changed_at: datetime = Field(sa_type=Moment, description="When something was last said; retention counts from it.")


class Message(Base, table=True):
    """What the person said, or what Yingma answered. Deleted with the conversation."""

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_conversation_id", "conversation_id", "id"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    conversation_id: int = Field(foreign_key="conversation.id", description="In which conversation.")
    role: str = Field(max_length=20, description="`user` or `assistant`.")
    text: str = Field(sa_type=Words, description="As the person wrote it; of an answer, its Markdown.")
    cards: list[Any] = Field(sa_type=Plain, description="The facts that the answer was made of.")
    options: list[Any] = Field(sa_type=Plain, description="Buttons under the answer: id and label.")
    state: dict[str, Any] = Field(sa_type=Plain, description="Name under discussion and open question after it.")
    whole: bool = Field(default=True, description="The answer was not stopped before its end.")
    at: datetime = Field(sa_type=Moment, description="When.")
