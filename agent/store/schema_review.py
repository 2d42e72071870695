"""The tables of the review screen: who works on what, control samples, and bulk actions before they are done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from agent.store.columns import Moment, Plain, Words
from agent.store.schema import Base


class Assignment(Base, table=True):
    """A filter of the queue that is a person's: his queue begins with it."""

    __tablename__ = "assignment"
    __table_args__ = (Index("ix_assignment_user_id", "user_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", description="Whose it is.")
    institution_id: int | None = Field(
        default=None, foreign_key="institution.id", description="Only of this institution."
    )
    modality: str | None = Field(default=None, max_length=40, description="Only in this modality context.")
    reason: str | None = Field(default=None, max_length=40, description="Only with this reason.")
    by_id: int | None = Field(default=None, foreign_key="users.id", description="Who assigned it.")
    created_at: datetime = Field(sa_type=Moment, description="When.")
    ended_at: datetime | None = Field(default=None, sa_type=Moment, description="From when it is his no more.")


class Control(Base, table=True):
    """A suggestion known to be wrong, shown to a reviewer as any other; the cluster itself is not touched."""

    __tablename__ = "control"
    __table_args__ = (
        UniqueConstraint("turn"),
        UniqueConstraint("user_id", "client_key"),
        Index("ix_control_user_id", "user_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", description="Whom it is shown to.")
    cluster_id: int = Field(foreign_key="cluster.id", description="The settled cluster that it is made of.")
    turn: str = Field(max_length=64, description="What the shown card is known by.")
    tab: str = Field(max_length=64, description="The browser tab that shows it.")
    slot: str = Field(max_length=20, description="The slot that was changed.")
    right_codes: list[str] = Field(sa_type=Plain, description="The codes that were settled.")
    wrong_codes: list[str] = Field(sa_type=Plain, description="The codes that are shown as the suggestion.")
    made_at: datetime = Field(sa_type=Moment, description="When it was shown.")
    action: str = Field(default="", max_length=20, description="What the reviewer did; empty while he did nothing.")
    codes: list[str] = Field(default_factory=list, sa_type=Plain, description="The codes that he gave.")
    why: str = Field(default="", sa_type=Words, description="His comment.")
    caught: bool | None = Field(default=None, description="He did not take the wrong codes.")
    client_key: str | None = Field(default=None, max_length=64, description="Made by the client: counted once.")
    answered_at: datetime | None = Field(default=None, sa_type=Moment, description="When he answered.")


class Bulk(Base, table=True):
    """A bulk action as it was shown before it was done; its decisions carry its batch."""

    __tablename__ = "bulk"
    __table_args__ = (UniqueConstraint("batch"), Index("ix_bulk_user_id", "user_id", "id"))

    id: int | None = Field(default=None, primary_key=True)
    batch: str = Field(max_length=64, description="What its decisions are known by.")
    user_id: int = Field(foreign_key="users.id", description="Whose it is.")
    action: str = Field(max_length=20, description="What is done to each cluster.")
    why: str = Field(default="", sa_type=Words, description="The comment.")
    wanted: dict[str, Any] = Field(sa_type=Plain, description="The filter, or the ids of the selection.")
    clusters: int = Field(default=0, description="Clusters that were shown.")
    names: int = Field(default=0, sa_type=BigInteger, description="Their names.")
    exams: int = Field(default=0, sa_type=BigInteger, description="Their exams.")
    after_id: int = Field(default=0, description="The last cluster that was dealt with.")
    done: int = Field(default=0, description="Clusters that were decided.")
    left_out: int = Field(default=0, description="Clusters that had changed, or were on somebody's screen.")
    state: str = Field(default="shown", max_length=20, description="`shown`, `running`, `done` or `undone`.")
    created_at: datetime = Field(sa_type=Moment, description="When it was shown: what came later is not in it.")
    ended_at: datetime | None = Field(default=None, sa_type=Moment, description="When the last chunk was done.")
