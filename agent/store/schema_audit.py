"""The tables of the standing audit: its key, what was accepted unseen, what was drawn of it, where acceptance stopped.

What came of a draw is no table: it follows from the decision that stands on the cluster of its name.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field

from agent.store.columns import Moment, Plain, Words
from agent.store.schema import Base

STANDS = text("lifted_at IS NULL")


class AuditKey(Base, table=True):
    """The key of the hash by which names are drawn; one row."""

    __tablename__ = "audit_key"

    id: int = Field(primary_key=True, description="1.")
    key: str = Field(max_length=64, description="Random; made with the first draw.")


class AuditFlow(Base, table=True):
    """What a job accepted that nobody had decided, by institution and modalities: what draws stand for."""

    __tablename__ = "audit_flow"
    __table_args__ = (Index("ix_audit_flow_at", "at"),)

    job_id: int = Field(primary_key=True, foreign_key="job.id", description="The job.")
    institution_id: int = Field(primary_key=True, foreign_key="institution.id", description="Whose names they are.")
    modality: str = Field(primary_key=True, max_length=40, description="Modalities of the codes, `+` between.")
    names: int = Field(description="Distinct names.")
    exams: int = Field(sa_type=BigInteger, description="Their exams.")
    at: datetime = Field(sa_type=Moment, description="When.")


class AuditDraw(Base, table=True):
    """A name that was accepted and drawn: a person decides on it, who does not know that it was accepted."""

    __tablename__ = "audit_draw"
    __table_args__ = (UniqueConstraint("name_id"), Index("ix_audit_draw_at", "at"))

    id: int | None = Field(default=None, primary_key=True)
    name_id: int = Field(foreign_key="name.id", description="The name; its cluster is what a person decides on.")
    job_id: int = Field(foreign_key="job.id", description="The job that accepted it.")
    institution_id: int = Field(foreign_key="institution.id", description="Whose name it is.")
    modality: str = Field(max_length=40, description="Modalities of the codes, `+` between.")
    codes: list[str] = Field(sa_type=Plain, description="The codes that were accepted.")
    exams: int = Field(sa_type=BigInteger, description="On how many exams the job had it.")
    chance: float = Field(description="The chance that it had to be drawn.")
    core: bool = Field(description="Drawn at the rate of all: part of the sample of the bound.")
    at: datetime = Field(sa_type=Moment, description="When.")


class AuditStop(Base, table=True):
    """Where acceptance stopped, because more was found wrong than the target allows; until a lead lifts it."""

    __tablename__ = "audit_stop"
    __table_args__ = (
        # One stop stands for a place at a time, whoever of two finds it first.
        Index("uq_audit_stop_place", "place", unique=True, sqlite_where=STANDS, postgresql_where=STANDS),
    )

    id: int | None = Field(default=None, primary_key=True)
    place: str = Field(max_length=60, description="Modality and number of the institution, `@` between.")
    modality: str = Field(max_length=40, description="Only in this modality; empty for every one.")
    institution_id: int | None = Field(
        default=None, foreign_key="institution.id", description="Only at this institution; none for every one."
    )
    at: datetime = Field(sa_type=Moment, description="From when.")
    since: datetime | None = Field(
        default=None, sa_type=Moment, description="What was accepted after this is in doubt; none: all of it."
    )
    evidence: dict[str, Any] = Field(sa_type=Plain, description="What was found: draws, wrong ones, evidence, limit.")
    lifted_at: datetime | None = Field(default=None, sa_type=Moment, description="Until when.")
    lifted_by_id: int | None = Field(default=None, foreign_key="users.id", description="Who lifted it.")
    why: str = Field(default="", sa_type=Words, description="Why it was lifted.")
