"""The tables of what people did, and of the people: decisions, trail, users, tokens.

Decisions and trail are append-only; triggers in the database refuse to change or delete a row of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from agent.store.columns import Moment, Plain, Words
from agent.store.schema import Base


class User(Base, table=True):
    """A person who may log in."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("key"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=200, description="The name folded, so that no two differ in case or width alone.")
    name: str = Field(max_length=200, sa_type=Words, description="The name as it is shown.")
    role: str = Field(max_length=20, description="viewer, clerk, reviewer, adjudicator, lead or admin.")
    password: str = Field(max_length=200, description="Argon2 hash.")
    active: bool = Field(default=True, description="May log in and act.")
    created_at: datetime = Field(sa_type=Moment, description="When the account was made.")


class Token(Base, table=True):
    """A key for the API, of one user; only its hash is kept."""

    __tablename__ = "token"
    __table_args__ = (UniqueConstraint("digest"), Index("ix_token_user_id", "user_id"))

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", description="In whose name it acts.")
    label: str = Field(max_length=200, sa_type=Words, description="What it is for.")
    digest: str = Field(max_length=64, description="SHA-256 of the token, which is random.")
    created_at: datetime = Field(sa_type=Moment, description="When it was made.")
    expires_at: datetime | None = Field(default=None, sa_type=Moment, description="From when it holds no more.")
    revoked_at: datetime | None = Field(default=None, sa_type=Moment, description="When it was taken back.")


class Decision(Base, table=True):
    """What a person did to a cluster. Never changed: an undo is a decision of its own and names the one it undoes."""

    __tablename__ = "decision"
    __table_args__ = (
        UniqueConstraint("user_id", "client_key"),
        UniqueConstraint("undoes_id"),
        Index("ix_decision_cluster_id", "cluster_id", "id"),
        Index("ix_decision_user_id", "user_id", "at"),
        Index("ix_decision_batch", "batch"),
        Index("ix_decision_codes", "codes", postgresql_using="gin"),
    )

    id: int | None = Field(default=None, primary_key=True)
    cluster_id: int = Field(foreign_key="cluster.id", description="On which cluster.")
    user_id: int | None = Field(default=None, foreign_key="users.id", description="Who; nobody: Yingma itself.")
    role: str = Field(max_length=20, description="In which role.")
    action: str = Field(max_length=20, description="What: an action of states.tsv.")
    circumstance: str = Field(default="", max_length=20, description="Under which circumstance of states.tsv.")
    codes: list[str] = Field(sa_type=Plain, description="The codes it gives, in the order of the name.")
    why: str = Field(default="", sa_type=Words, description="The comment.")
    before: dict[str, Any] = Field(sa_type=Plain, description="Status, decision and codes before.")
    after: dict[str, Any] = Field(sa_type=Plain, description="The same after.")
    suggestion_id: int | None = Field(default=None, description="The suggestion that was shown.")
    undoes_id: int | None = Field(default=None, foreign_key="decision.id", description="The decision it undoes.")
    batch: str | None = Field(default=None, max_length=64, description="The bulk action that it belongs to.")
    client_key: str | None = Field(default=None, max_length=64, description="Made by the client: delivered once.")
    at: datetime = Field(sa_type=Moment, description="When.")


class Trail(Base, table=True):
    """Every change of state of anything, in order."""

    __tablename__ = "trail"
    __table_args__ = (
        Index("ix_trail_subject", "subject", "subject_id", "id"),
        Index("ix_trail_user_id", "user_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Moment, description="When.")
    user_id: int | None = Field(default=None, description="Who; nobody: Yingma itself.")
    subject: str = Field(max_length=20, description="What changed: cluster, user, token, job.")
    subject_id: int = Field(description="Which one.")
    action: str = Field(max_length=20, description="What was done.")
    before: dict[str, Any] = Field(sa_type=Plain, description="What it was.")
    after: dict[str, Any] = Field(sa_type=Plain, description="What it is.")
    why: str = Field(default="", sa_type=Words, description="The comment.")
    decision_id: int | None = Field(default=None, description="The decision behind it.")
