"""The tables of the server: who is logged in, who tried to, and whose the uploaded files are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from agent.store.columns import Moment
from agent.store.schema import Base


class WebSession(Base, table=True):
    """A browser that is logged in; only the hash of its cookie is kept. Gone at log-out."""

    __tablename__ = "web_session"
    __table_args__ = (UniqueConstraint("digest"), Index("ix_web_session_user_id", "user_id"))

    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(max_length=64, description="SHA-256 of the cookie, which is random.")
    user_id: int = Field(foreign_key="users.id", description="Who it is.")
    created_at: datetime = Field(sa_type=Moment, description="When he logged in.")
    seen_at: datetime = Field(sa_type=Moment, description="When he was last active, to the minute.")


class LoginAttempt(Base, table=True):
    """How often a log-in was tried under one name, or from one address, since a moment."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_since", "since"),)

    key: str = Field(primary_key=True, max_length=64, description="Hash of the name or the address.")
    tries: int = Field(description="How often.")
    since: datetime = Field(sa_type=Moment, description="Since when.")


class Upload(Base, table=True):
    """A file that came through the pages, and whose it is: nobody else is given it."""

    __tablename__ = "upload"
    __table_args__ = (Index("ix_upload_at", "at"),)

    key: str = Field(primary_key=True, max_length=64, description="Hash of the path.")
    user_id: int = Field(primary_key=True, foreign_key="users.id", description="Who sent it.")
    at: datetime = Field(sa_type=Moment, description="When.")
